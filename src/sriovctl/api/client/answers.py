"""Documents of the interface as what they were made from, as far as a command shows it."""

from __future__ import annotations

from sriovctl.errors import HostError
from sriovctl.model.lease import Lease, LeaseStatus, Reason, StoredPool
from sriovctl.model.owner import Owner, OwnerKind, OwnerReport
from sriovctl.model.plan import Action, Disruption, Step
from sriovctl.model.record import NamedTuple
from sriovctl.model.run import RecordedStep, Run, RunKind, RunStatus, StepStatus
from sriovctl.render.leases import ShownLease

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from sriovctl.model.owner import OwnerMap

    T = TypeVar("T")
    Document = Mapping[str, Any]


def read_answer(parse: Callable[[Document], T], document: Document) -> T:
    """Read a document, or a part of it.

    :raises HostError: it is not as this sriovctl knows it.
    """
    try:
        return parse(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise HostError(
            f"answers in a way that this sriovctl does not know: {error!r}",
            subject="the daemon",
            hint="are both of one version? with --direct it is not asked",
        ) from error


def parse_step(said: Document) -> Step:
    """Read a step."""
    device, _, vf_index = str(said["subject"]).partition(" vf ")
    return Step(
        action=Action(said["action"]),
        subject=said["subject"],
        device=device,
        vf_index=int(vf_index) if vf_index else None,
        before=dict(said["before"]),
        after=dict(said["after"]),
        disruption=Disruption(said["disruption"]),
        reason=said["reason"],
        commands=(said["command"],),
        affected=tuple(said["affected"]),
    )


def parse_run(said: Document) -> Run:
    """Read a run."""
    return Run(
        run_id=said["run"],
        kind=RunKind(said["kind"]),
        status=RunStatus(said["status"]),
        started=said["started"],
        ended=said["ended"],
        boot_id=said["boot_id"],
        devices=tuple(said["pfs"]),
        source=said["source"],
        undoes=said["undoes"],
        note=said["note"],
        asked_by=said.get("asked_by"),  # a daemon of an earlier version does not tell
    )


def parse_recorded_steps(said: Document) -> tuple[RecordedStep, ...]:
    """Read the steps of a run, and how far each came."""
    return tuple(
        RecordedStep(position, StepStatus(one["status"]), parse_step(one))
        for position, one in enumerate(said.get("steps", ()))
    )


def parse_leases(said: Document) -> list[ShownLease]:
    """Read leases, with what the host says of them."""
    return [_parse_lease(one) for one in said["leases"]]


def _parse_lease(said: Document) -> ShownLease:
    identity, reason = said["pf_identity"], said["reason"]
    lease = Lease(
        pool=said["pool"],
        owner=said["owner"],
        pf_device=said["pf"],
        pf_identities=() if identity is None else (identity,),
        vf_index=said["vf_index"],
        clean="",
        lease_id=said["lease"],
        status=LeaseStatus(said["status"]),
        reason=None if reason is None else Reason(reason),
        note=said["note"],
        address=said["address"],
        iommu_group=said["iommu_group"],
        numa_node=said["numa_node"],
        generation=said["generation"],
        taken=said["taken"],
        ended=said["ended"],
        expires=said["expires_in_s"],
        pid=said["pid"],
        pinned=said["pinned"],
        group_disjoint=said["group_disjoint"],
    )
    return ShownLease(lease, 0.0, said["netdev"])


def parse_pools(said: Document) -> tuple[StoredPool, ...]:
    """Read pools; what told the file from a changed one is not said."""
    return tuple(
        StoredPool(one["name"], one["state"], one["source"], "", one["defined"])
        for one in said["pools"]
    )


def parse_owner_report(said: Document) -> OwnerReport:
    """Read who uses what."""
    owners: OwnerMap = {}
    for one in said["owners"]:
        owner = Owner(OwnerKind(one["kind"]), one["name"], one["evidence"])
        owners[one["device"]] = (*owners.get(one["device"], ()), owner)
    return OwnerReport(owners, tuple(said["notes"]))


class RawBytes(NamedTuple):
    """What the kernel shows to root alone."""

    config_space: Mapping[str, bytes]  # by PCI address
    acpi_tables: Mapping[str, bytes]
    iomem: bytes


def parse_raw(said: Document) -> RawBytes:
    """Read what is told as hexadecimal digits."""
    return RawBytes(
        {name: bytes.fromhex(digits) for name, digits in said["config_space"].items()},
        {name: bytes.fromhex(digits) for name, digits in said["acpi_tables"].items()},
        "\n".join(said["iomem"]).encode(),
    )
