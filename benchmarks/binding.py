"""Give 255 VFs to another driver: ``sriovctl bind``, as a whole process, beside a shell loop.

Runs inside the lab: ``sriovctl lab run scale -- .venv/bin/python benchmarks/binding.py``.
That machine has no IOMMU, hence pci-stub.  The ways take turns; each run is read back in sysfs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from pairs import describe_machine, format_ratio, wall_time

SRIOVCTL = str(Path(sys.executable).parent / "sriovctl")
PCI = Path("/sys/bus/pci/devices")
DRIVER = Path("/sys/bus/pci/drivers/pci-stub")

# As guides write it: a program or two for each VF.
LOOP = """
for vf in "$1"/virtfn*; do
    address=$(basename "$(readlink "$vf")")
    echo pci-stub >"$vf/driver_override"
    echo "$address" >/sys/bus/pci/drivers_probe
done
"""


def enable_vfs() -> Path:
    pf = next(p.parent for p in PCI.glob("*/sriov_totalvfs") if p.read_text() == "255\n")
    (pf / "sriov_drivers_autoprobe").write_text("0")
    (pf / "sriov_numvfs").write_text("0")
    (pf / "sriov_numvfs").write_text("255")
    return pf


def bound() -> list[Path]:
    return [link for link in DRIVER.iterdir() if link.name.startswith("0000:")]


def release() -> None:
    for link in bound():
        (link / "driver_override").write_text("\n")
        (DRIVER / "unbind").write_text(link.name)


def seconds(command: list[str]) -> float:
    release()
    took = wall_time(command)
    if len(bound()) != 255:
        sys.exit(f"{command[0]} bound {len(bound())} of 255 VFs")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    subprocess.run(["modprobe", "pci-stub"], check=True)
    pf = enable_vfs()
    print(describe_machine())
    ours = [SRIOVCTL, "bind", "--pf", pf.name, "--vfs", "0-254", "--driver", "pci-stub"]
    loop = ["bash", "-ec", LOOP, "-", str(pf)]
    with tempfile.TemporaryDirectory() as directory:
        os.environ["SRIOVCTL_STATE_DIR"] = directory
        pairs = [(seconds(ours), seconds(loop)) for _ in range(runs)]
    print(
        f"sriovctl bind {statistics.median(a for a, _ in pairs):6.2f} s   "
        f"shell loop {statistics.median(b for _, b in pairs):6.2f} s   "
        f"{format_ratio(pairs)}"
    )


if __name__ == "__main__":
    main()
