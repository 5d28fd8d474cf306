"""What the sources of owners write into: owners, and what could not be seen."""

from __future__ import annotations

from sriovctl.engine.inventory import NET_CLASS, PCI_DEVICES
from sriovctl.model.owner import Owner, OwnerKind, OwnerReport
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sriovctl.host.api import FileTree
    from sriovctl.model.functions import PF, VF

_KIND_ORDER = {kind: position for position, kind in enumerate(OwnerKind)}


class Function(NamedTuple):
    """A PF or VF that may have an owner."""

    device: str  # sysfs name
    directory: str  # in sysfs
    driver: str | None
    netdev: str | None
    iommu_group: int | None
    pf: str  # sysfs name of its PF, or of itself
    vf_index: int | None  # None: it is a PF

    @property
    def is_on_vfio(self) -> bool:
        """Whether a VFIO driver holds it: vfio-pci, or one that a vendor derived from it."""
        return self.driver is not None and "vfio" in self.driver


def functions_of(pfs: Iterable[PF]) -> tuple[Function, ...]:
    """All PFs and VFs that have a sysfs device of their own, each PF before its VFs.  Pure."""
    return tuple(function for pf in pfs for function in _functions_of(pf))


def _functions_of(pf: PF) -> Iterator[Function]:
    on_pci = pf.address is not None
    directory = f"{PCI_DEVICES}/{pf.device}" if on_pci else f"{NET_CLASS}/{pf.netdev}/device"
    yield Function(pf.device, directory, pf.driver, pf.netdev, pf.iommu_group, pf.device, None)
    for vf in pf.vfs:
        # VFs of another bus are numbers inside their PF, which nobody can hold.
        if vf.address is not None:
            yield _vf(pf, vf)


def _vf(pf: PF, vf: VF) -> Function:
    name = str(vf.address)
    directory = f"{PCI_DEVICES}/{name}"
    return Function(name, directory, vf.driver, vf.netdev, vf.iommu_group, pf.device, vf.vf_index)


def virtio_children(files: FileTree, functions: Iterable[Function]) -> dict[str, str]:
    """Find the virtio devices that stand between functions and their netdevs."""
    return {
        entry: function.device
        for function in functions
        if function.driver == "virtio-pci"
        for entry in files.list_dir(function.directory)
        if entry.startswith("virtio")
    }


class Ledger:
    """Owners found so far, each once, with all that is known of it.

    :param functions: the PFs and VFs whose owners are wanted; others are not written down.
    :param children: sysfs devices that stand between a function and its netdev, each with its
        function: ``virtio3``.
    """

    def __init__(
        self, functions: Sequence[Function], children: Mapping[str, str] | None = None
    ) -> None:
        self.functions = {function.device: function for function in functions}
        self.children = dict(children or {})
        self._found: dict[str, dict[tuple[OwnerKind, str], list[str]]] = {}
        self._notes: list[str] = []
        self._hidden = 0

    def function_of(self, parent: str | None) -> str | None:
        """Find the function of a netdev whose parent in sysfs is *parent*."""
        if parent in self.functions:
            return parent
        return self.children.get(parent or "")

    def function_in(self, path: str) -> str | None:
        """Find the function that a device's path in sysfs leads through."""
        named = [part for part in path.split("/") if part in self.functions]
        return named[-1] if named else None

    def add(self, device: str, kind: OwnerKind, name: str, evidence: str) -> None:
        """Write down one owner of a function; said twice, only new evidence counts."""
        if device not in self.functions:
            return
        known = self._found.setdefault(device, {}).setdefault((kind, name), [])
        if evidence not in known:
            known.append(evidence)

    def note(self, text: str) -> None:
        """Write down what could not be seen."""
        if text not in self._notes:
            self._notes.append(text)

    def note_hidden(self, processes: int) -> None:
        """Write down that some processes could not be looked into."""
        self._hidden = max(self._hidden, processes)

    def has(self, device: str, kind: OwnerKind, name: str) -> bool:
        """Say whether that owner of a function is known already."""
        return (kind, name) in self._found.get(device, {})

    def has_any(self, device: str, kind: OwnerKind) -> bool:
        """Say whether a function has an owner of that kind."""
        return any(found is kind for found, _ in self._found.get(device, ()))

    def report(self) -> OwnerReport:
        """All that was written, functions in their own order, owners in that of their kinds."""
        owners = {
            device: tuple(_sorted_owners(self._found[device]))
            for device in self.functions
            if device in self._found
        }
        return OwnerReport(owners, (*self._notes, *_hidden_note(self._hidden)))


def _hidden_note(processes: int) -> tuple[str, ...]:
    if not processes:
        return ()
    noun = "process" if processes == 1 else "processes"
    return (f"{processes} {noun} could not be looked into: run as root",)


def _sorted_owners(found: dict[tuple[OwnerKind, str], list[str]]) -> Iterator[Owner]:
    for kind, name in sorted(found, key=lambda key: (_KIND_ORDER[key[0]], key[1])):
        yield Owner(kind, name, "; ".join(found[kind, name]))
