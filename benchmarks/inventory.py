"""``ls --json`` on a host with a thousand VFs, beside lspci, which shows far less of them.

Runs inside the lab: ``sriovctl lab run scale -- .venv/bin/python benchmarks/inventory.py``.
It enables all VFs that there are.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from pairs import compare, describe_machine

SRIOVCTL = str(Path(sys.executable).parent / "sriovctl")
PCI = Path("/sys/bus/pci/devices")


def enable_all_vfs() -> int:
    """Return the number of PCI functions afterwards."""
    for total in PCI.glob("*/sriov_totalvfs"):
        (total.parent / "sriov_drivers_autoprobe").write_text("0")
        if (total.parent / "sriov_numvfs").read_text() == "0\n":
            (total.parent / "sriov_numvfs").write_text(total.read_text())
    return len(list(PCI.iterdir()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    print(f"{enable_all_vfs()} PCI functions, {describe_machine()}")
    ours = (SRIOVCTL, "ls", "--json")
    listed = subprocess.run(ours, check=True, capture_output=True, text=True).stdout
    print(f"sriovctl lists {listed.count('vf_index')} VFs")
    for rival in (("lspci", "-D"), ("lspci", "-Dnnk"), ("lspci", "-vvv")):
        print(compare(ours, rival, runs=runs))


if __name__ == "__main__":
    main()
