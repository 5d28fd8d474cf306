"""Write down what libvirt did to VFs, so that the journal tells of each change to them.

libvirt sets MAC, VLAN and driver of what it gives to a guest, and gives them back; nobody else
could undo that, so it is no run.  What there was before and after is kept all the same.
"""

from __future__ import annotations

from contextlib import contextmanager

from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.guests.vf_networks import read_vf_network
from sriovctl.engine.guests.vf_place import read_attributes, read_vf_place
from sriovctl.errors import PermissionDenied, SriovctlError
from sriovctl.model.owner import OwnerKind
from sriovctl.model.plan import Action, Disruption, Step
from sriovctl.model.record import NamedTuple
from sriovctl.planner.pf_steps import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sriovctl.engine.runs.execute import Site
    from sriovctl.host.api import Host
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.guest import AttachResult, DetachResult, NetworkAttachResult

_KEYS = ("admin_mac", "vlan")  # what libvirt sets through the PF


class _Seen(NamedTuple):
    pf: str
    vf_index: int
    driver: str | None
    values: dict[str, object]


@contextmanager
def recording(
    site: Site,
    what: str,
    guest: str,
    vfs: Sequence[PCIAddress],
    *,
    warn: Callable[[str], None],
) -> Iterator[list[AttachResult | NetworkAttachResult | DetachResult]]:
    """Write down what becomes of VFs meanwhile, if anything does.

    A failure is written down when it left something changed: what was taken back is as it was.

    :param what: for the journal, as "attach".
    :param warn: told when it cannot be written down; what was done stays.
    :return: a list for the results of what is done meanwhile.
    """
    before = {vf: seen for vf in vfs if (seen := _look(site.host, vf)) is not None}
    results: list[AttachResult | NetworkAttachResult | DetachResult] = []
    error: BaseException | None = None
    try:
        yield results
    except BaseException as failed:
        error = failed
        raise
    finally:
        steps = [step for vf, seen in before.items() for step in _steps(site.host, guest, vf, seen)]
        if steps or (error is None and any(one.changed for one in results)):
            devices = {seen.pf for seen in before.values()}
            _write(site, f"{what} {guest}", steps, devices, error, warn=warn)


def vfs_of_network(host: Host, libvirt: Libvirt, network: str) -> tuple[PCIAddress, ...]:
    """Find the VFs that libvirt may choose from; none where it has no such network.

    :raises HostError: libvirt failed.
    """
    found = read_vf_network(host.files, libvirt, network)
    return () if found is None else found.pool.sources


def _write(
    site: Site,
    source: str,
    steps: Sequence[Step],
    devices: set[str],
    error: BaseException | None,
    *,
    warn: Callable[[str], None],
) -> None:
    try:
        site.journal.record(
            steps,
            source=source,
            boot_id=read_boot_id(site.host.files),
            devices=sorted(devices),
            failed=None if error is None else str(error) or type(error).__name__,
        )
    except PermissionDenied:
        return  # libvirt lets others than root attach, too, and the journal is root's
    except SriovctlError as refused:
        warn(f"it could not be written down: {refused}")


def _look(host: Host, vf: PCIAddress) -> _Seen | None:
    try:
        place = read_vf_place(host.files, vf)
        attributes = read_attributes(host, place)
    except SriovctlError:
        return None
    values = {key: plain(getattr(attributes, key)) for key in _KEYS} if attributes else {}
    return _Seen(str(place.pf), place.vf_index, place.driver, values)


def _steps(host: Host, guest: str, vf: PCIAddress, before: _Seen) -> Iterator[Step]:
    after = _look(host, vf)
    if after is None:
        return
    changed = {key for key in before.values if before.values[key] != after.values.get(key)}
    if changed:
        old = {key: before.values[key] for key in sorted(changed)}
        new = {key: after.values.get(key) for key in sorted(changed)}
        yield _step(Action.SET_VF, guest, before, (old, new))
    if before.driver != after.driver:
        yield _step(
            Action.BIND_DRIVER, guest, before, ({"driver": before.driver}, {"driver": after.driver})
        )


def _step(
    action: Action, guest: str, seen: _Seen, values: tuple[dict[str, object], dict[str, object]]
) -> Step:
    before, after = values
    return Step(
        action=action,
        subject=f"{seen.pf} vf {seen.vf_index}",
        device=seen.pf,
        vf_index=seen.vf_index,
        before=before,
        after=after,
        disruption=Disruption.NONE,
        reason="libvirt did it",
        commands=(),
        affected=(f"{OwnerKind.GUEST}:{guest}",),
    )
