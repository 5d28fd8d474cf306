"""How long ``sriovctl`` takes to start, beside Python itself.

Runs anywhere: ``.venv/bin/python benchmarks/startup.py``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pairs import compare, describe_machine

SRIOVCTL = str(Path(sys.executable).parent / "sriovctl")
PYTHON = (sys.executable, "-I", "-c", "pass")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    print(describe_machine())
    for words, wanted in ((("--version",), 3), (("ls",), 8), (("ls", "--json"), 8)):
        line = compare((SRIOVCTL, *words), PYTHON, runs=runs)
        print(f"{line}   wanted: at most {wanted}")


if __name__ == "__main__":
    main()
