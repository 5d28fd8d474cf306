"""MSI-X vectors of VFs, where the PF's driver shares them out among its VFs.

A number is written to ``sriov_vf_msix_count`` of a VF, which cannot be read.  What a VF has stands
in the Table Size of its MSI-X capability; the card keeps that register up to date, and the kernel
reads it anew when a driver asks for vectors.  So the number is read from there.

0 asks the driver for its default, and no file says what that is, so it could not be verified (and
ice takes it and does nothing).  A number can: 0 is refused here, and new VFs have the default.

Source: kernel ``drivers/pci/iov.c``, ``sriov_vf_msix_count_store()``;
``Documentation/ABI/testing/sysfs-bus-pci``.
"""

from __future__ import annotations

from sriovctl.engine.inventory import PCI_DEVICES, read_int
from sriovctl.errors import LostError, SriovctlError, UnsupportedError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.functions import PF, VF
    from sriovctl.model.plan import Step

# What a driver gives a VF beyond the number that was written.  ice counts queues, and adds a
# vector for everything else (ice_sriov.c, ice_sriov_set_msix_vec_count()); mlx5_core does not
# (mlx5/core/pci_irq.c, mlx5_set_msix_vec_count()).
VECTORS_BEYOND = {"ice": 1}

_HINTS = {
    "EBUSY": "a driver has the VF and has counted its vectors already: unbind it first",
    "EOPNOTSUPP": "the PF's driver or firmware does not share vectors out",
    "EINVAL": "the driver does not take so few, or so many",
    "EOVERFLOW": "the card does not give one VF so many",
    "ENOSPC": "the PF has not so many left: give another VF fewer first",
    "ENOMEM": "the PF may not have so many left: give another VF fewer first",
    "ENOENT": "the PF's driver does not know the VF",
}


class _Change(NamedTuple):
    step: Step
    path: str
    wanted: int
    now: int | None


def with_msix_counts(host: Host, pf: PF, *, places: Collection[int] | None = None) -> PF:
    """Fill in ``msix_count`` of a PF's VFs, if the PF shares its vectors out.

    :param places: in the PF, of those VFs that are read; others keep what they have.  None: all.
    :raises HostError: the kernel refused a read.
    """
    if not read_int(host.files, f"{PCI_DEVICES}/{pf.device}/sriov_vf_total_msix"):
        return pf
    vfs = list(pf.vfs)
    for place in range(len(vfs)) if places is None else places:
        vfs[place] = _with_count(host.files, vfs[place], pf.driver)
    return pf._replace(vfs=tuple(vfs))


def _with_count(files: FileTree, vf: VF, pf_driver: str | None) -> VF:
    return vf._replace(msix_count=_read_count(files, str(vf.address), pf_driver))


def _read_count(files: FileTree, vf: str, pf_driver: str | None) -> int | None:
    # None: without root only the first 64 bytes are shown, and a VF that is gone shows ones.
    from sriovctl.codec.pciconfig import decode_config

    data = files.read_bytes(f"{PCI_DEVICES}/{vf}/config")
    msix = None if data is None else decode_config(data).msix
    return None if msix is None else msix.vectors - VECTORS_BEYOND.get(pf_driver or "", 0)


def set_msix_counts(host: Host, steps: Sequence[Step]) -> None:
    """Perform steps ``set-msix-count`` of one PF; those that free vectors first.

    :raises LostError: a VF is gone.
    :raises UnsupportedError: the PF's driver does not share vectors out, or 0 is wanted.
    :raises BusyError: a driver has a VF.
    :raises HostError: any other refusal.
    """
    changes = [_change(host.files, step) for step in steps]
    for change in sorted(changes, key=lambda one: one.wanted - (one.now or 0)):
        _write(host.files, change)


def see_msix_counts(host: Host, steps: Sequence[Step]) -> list[dict[str, object]]:
    """Observe what steps ``set-msix-count`` set.

    :raises LostError: a VF is gone.
    """
    return [{"msix_count": _count_of(host.files, step)} for step in steps]


def _count_of(files: FileTree, step: Step) -> int | None:
    driver = files.read_link(f"{PCI_DEVICES}/{step.device}/driver")
    return _read_count(files, _vf_of(files, step), driver)


def _vf_of(files: FileTree, step: Step) -> str:
    vf = files.read_link(f"{PCI_DEVICES}/{step.device}/virtfn{step.vf_index}")
    if vf is None:
        raise LostError("the VF is gone", subject=step.subject)
    return vf


def _change(files: FileTree, step: Step) -> _Change:
    wanted = step.after["msix_count"]
    assert isinstance(wanted, int)
    if wanted == 0:
        raise UnsupportedError(
            "the driver's own number of MSI-X vectors cannot be asked for: nothing says what it is",
            subject=step.subject,
            hint="name a number; VFs that are made anew have the driver's own",
        )
    path = f"{PCI_DEVICES}/{_vf_of(files, step)}/sriov_vf_msix_count"
    return _Change(step, path, wanted, _count_of(files, step))


def _write(files: FileTree, change: _Change) -> None:
    try:
        files.write_text(change.path, str(change.wanted))
    except SriovctlError as error:
        number = error.evidence.get("errno")
        family = UnsupportedError if number == "EOPNOTSUPP" else type(error)
        raise family(
            f"cannot give it {change.wanted} MSI-X vectors: {error.cause}",
            subject=change.step.subject,
            hint=_HINTS.get(str(number), error.hint),
            evidence={**error.evidence, "path": change.path, "has": change.now},
        ) from error
