from __future__ import annotations

import sys

import pytest

from sriovctl.codec.tcp_table import user_of_connection

# From a machine with little-endian numbers.
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2116 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 9001 1
   1: 0100007F:C350 0100007F:2116 01 00000000:00000000 00:00000000 00000000  1000        0 9002 1
   2: 0100007F:2116 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 9003 1
"""


@pytest.mark.skipif(sys.byteorder != "little", reason="the table is of such a machine")
def test_each_end_of_a_connection_has_its_user() -> None:
    browser, page = ("127.0.0.1", 50000), ("127.0.0.1", 8470)
    assert user_of_connection(TABLE, browser, page) == 1000
    assert user_of_connection(TABLE, page, browser) == 0
    assert user_of_connection(TABLE, ("127.0.0.1", 50001), page) is None
    assert user_of_connection("", browser, page) is None
