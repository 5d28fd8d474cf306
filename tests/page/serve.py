"""Serve a staged host for people: ``.venv/bin/python -m tests.page.serve crowded``.

Each line on standard input brings another link, which lets one browser in; the end of standard
input ends the program.
"""

from __future__ import annotations

import sys

from tests.page import hosts
from tests.page.served import serving


def main(name: str) -> None:
    """Serve one of the hosts, and print links."""
    with serving(hosts.STAGES[name]) as served:
        print(served.link(), flush=True)
        for _line in sys.stdin:
            print(served.link(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
