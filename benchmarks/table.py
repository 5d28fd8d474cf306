"""Print ``results.json`` as the table of docs/performance.md: ``python benchmarks/table.py``."""

from __future__ import annotations

from case import Row, read_rows
from run import LIMITS, RESULTS


def main() -> None:
    print("| Work | Rival | sriovctl | Rival's time | Ratio | Wanted |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in read_rows(RESULTS):
        print(f"| {row.case} | {row.rival} | {_figures(row)} |")


def _figures(row: Row) -> str:
    limit = LIMITS.get((row.case, row.rival))
    wanted = "" if limit is None else f"{limit:.3g}"
    if row.ours_s is None or row.rival_s is None or row.ratio is None:
        return f"{row.machine} | | | {wanted}"
    met = "" if limit is None or row.ratio <= limit else ": missed"
    return f"{_time(row.ours_s)} | {_time(row.rival_s)} | {row.ratio:.3g} | {wanted}{met}"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


if __name__ == "__main__":
    main()
