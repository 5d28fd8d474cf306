"""``sriovctl groups``."""

from __future__ import annotations

from sriovctl.engine.inventory import PCI_DEVICES, read_hex, read_iommu_groups
from sriovctl.errors import EXIT_DONE
from sriovctl.host.pci_ids import PCINames
from sriovctl.render.inventory import format_groups, groups_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sriovctl.cli.context import Context
    from sriovctl.host.api import FileTree
    from sriovctl.model.functions import IOMMUGroup

SUMMARY = "list the IOMMU groups and their members"
EXAMPLES = """\
  sriovctl groups
  sriovctl groups --json | jq '.groups[] | select(.members | length > 1)'
"""

NO_GROUPS = (
    "no IOMMU groups: the IOMMU is absent, disabled in the firmware, or off in the kernel; "
    "without them no device can be given safely to a guest\n"
    "look for DMAR, IVRS or IORT in /sys/firmware/acpi/tables, and for intel_iommu=, amd_iommu= "
    "and iommu= in /proc/cmdline"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """``groups`` has no arguments of its own."""


def run(args: argparse.Namespace, context: Context) -> int:
    """List IOMMU groups."""
    files = context.host().files
    groups = read_iommu_groups(files)
    if args.json:
        context.print_json("groups", groups_as_json(groups))
    else:
        context.print(format_groups(groups, labels_of(files, groups)) or NO_GROUPS)
    return EXIT_DONE


def labels_of(files: FileTree, groups: Sequence[IOMMUGroup]) -> dict[str, str]:
    """Say for each member what it is and which driver holds it."""
    names = PCINames()
    return {m: label_of(files, m, names) for group in groups for m in group.members}


def label_of(files: FileTree, member: str, names: PCINames) -> str:
    """Say what one member is and which driver holds it."""
    directory = f"{PCI_DEVICES}/{member}"
    vendor_id = read_hex(files, f"{directory}/vendor", digits=4)
    device_id = read_hex(files, f"{directory}/device", digits=4)
    if vendor_id is None or device_id is None:
        return ""
    driver = files.read_link(f"{directory}/driver")
    name = names.name_of(vendor_id, device_id) or "unnamed"
    return f"{name} [{vendor_id}:{device_id}]" + (f" ({driver})" if driver else "")
