"""``abilities`` of netdevsim against its own answers and ``ip``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.abilities import asked_with_ip, link_details, table_and_probe
from tests.lab.netdevsim import new_netdevsim

pytestmark = pytest.mark.lab("netdevsim")

ID = 43


@pytest.fixture
def netdev() -> Iterator[str]:
    with new_netdevsim(ID, num_vfs=3) as name:
        yield name


def test_netdevsim_has_what_the_table_says_and_ip_agrees(netdev: str) -> None:
    before = link_details(netdev)
    table, probed = table_and_probe(netdev)
    assert link_details(netdev) == before, "a probe must change nothing"
    assert probed == {key: table[key] for key in probed}
    assert probed == dict.fromkeys(probed, "yes")
    assert len(probed) == 7
    by_ip = asked_with_ip(netdev)
    assert by_ip == {key: table[key] for key in by_ip}
