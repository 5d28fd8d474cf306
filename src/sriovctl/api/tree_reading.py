"""Documents that follow from the PCI tree: groups, capacity, what the doctor finds, pictures.

All of it follows from a snapshot, which costs more than what is made of it.  A page asks for
several of these at once, and for the reason of each function that somebody points to; so a snapshot
is kept for as long as answers are.
"""

from __future__ import annotations

from sriovctl.api.contract.problems import not_found
from sriovctl.api.reading import document, find_pf, page
from sriovctl.api.shelf import as_answer
from sriovctl.engine.describe import resolve_target
from sriovctl.engine.inventory import read_inventory
from sriovctl.errors import InputError
from sriovctl.host.pci_ids import PCINames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sriovctl.api.reading import Document, Query
    from sriovctl.api.shelf import Answer
    from sriovctl.engine.doors import Doors
    from sriovctl.host.api import Host
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.picture import Picture
    from sriovctl.model.snapshot import HostSnapshot
    from sriovctl.topology.groups import Prediction


class Looks:
    """The last look at the host, for the thread that reads; :meth:`forget` is for any thread.

    :param now: seconds, of a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float], *, good_for_s: float) -> None:
        self._now = now
        self._good_for_s = good_for_s
        self._generation = 0
        self._taken: tuple[int, float] | None = None  # in which generation, until when it is good
        self._snapshot: HostSnapshot | None = None
        self._prediction: Prediction | None = None

    def forget(self) -> None:
        """Look anew: the host has changed."""
        self._generation += 1

    def snapshot(self, doors: Doors) -> HostSnapshot:
        """Return what the host is like."""
        if self._snapshot is None or not self._is_good():
            from sriovctl.engine.snapshot import read_snapshot

            generation = self._generation  # a change while it is read comes after it
            self._snapshot = read_snapshot(doors.host(), progress=lambda _: None)
            self._prediction = None
            self._taken = (generation, self._now() + self._good_for_s)
        return self._snapshot

    def _is_good(self) -> bool:
        if self._taken is None:
            return False
        generation, until = self._taken
        return generation == self._generation and self._now() < until

    def prediction(self, doors: Doors) -> Prediction:
        """Return the groups as the rules have them, with the reasons."""
        from sriovctl.topology.groups import predict_groups

        snapshot = self.snapshot(doors)
        if self._prediction is None:
            self._prediction = predict_groups(snapshot, iommu_on=False)
        return self._prediction


# --- groups ----------------------------------------------------------------------------------


def list_groups(doors: Doors, looks: Looks, query: Query) -> Document:
    """List IOMMU groups, and why they are so."""
    from sriovctl.engine.inventory import read_iommu_groups
    from sriovctl.render.groups import groups_as_json
    from sriovctl.topology.report import report_kernel_groups

    groups = read_iommu_groups(doors.host().files)
    shaped = groups_as_json(report_kernel_groups(groups, looks.prediction(doors)))
    listed = shaped.pop("groups")
    assert isinstance(listed, list)
    return page("groups", "groups", listed, query, key_of=lambda one: one["id"], more=shaped)


def explain_function(doors: Doors, looks: Looks, named: str) -> Document:
    """Say why a function is in its group."""
    from sriovctl.render.groups import explanation_as_json
    from sriovctl.topology.explain import explain

    address = find_function(doors.host(), named)
    prediction = looks.prediction(doors)
    explained = explain(looks.snapshot(doors), prediction, address)
    return document("explain", explanation_as_json(explained))


def find_function(host: Host, named: str) -> PCIAddress:
    """Find a function by PCI address or netdev.

    :raises Refusal: there is none.
    """
    try:
        return resolve_target(host, named)
    except InputError as error:
        raise not_found(error.subject, error.cause, hint=error.hint) from error


# --- pictures --------------------------------------------------------------------------------


def show_tree(doors: Doors, looks: Looks) -> Document:
    """Show what is below what."""
    from sriovctl.render.tree import tree_as_json

    return document("tree", tree_as_json(_picture(doors, looks)))


def draw_tree(doors: Doors, looks: Looks, query: Query) -> Answer:
    """Draw the same."""
    from sriovctl.render.tree_svg import tree_as_svg

    drawing = tree_as_svg(_picture(doors, looks), has_style=bool(query.get("style", True)))
    return as_answer(drawing.encode())


def _picture(doors: Doors, looks: Looks) -> Picture:
    from sriovctl.topology.picture import picture_of

    return picture_of(looks.snapshot(doors), name_of=PCINames().name_of)


# --- what is wrong, and how many VFs there can be ----------------------------------------------


def doctor(doors: Doors, looks: Looks) -> Document:
    """Judge the host."""
    from sriovctl.checks.run import is_ready, run_checks
    from sriovctl.render.doctor import doctor_as_json

    snapshot = looks.snapshot(doors)
    findings = run_checks(snapshot)
    ready = is_ready(findings)
    return document("doctor", doctor_as_json(findings, ready=ready, notes=snapshot.notes))


def capacity(doors: Doors, looks: Looks, query: Query) -> Document:
    """Say how many VFs PFs can have."""
    from sriovctl.render.capacity import capacity_as_json
    from sriovctl.topology.capacity import capacity_of, pfs_of
    from sriovctl.topology.tree import build_tree

    snapshot = looks.snapshot(doors)
    tree = build_tree(snapshot)
    wanted = [pf.address for pf in pfs_of(snapshot)]
    if "pf" in query:
        pf = find_pf(read_inventory(doors.host(), name_of=lambda *_: None), str(query["pf"]))
        wanted = [address for address in wanted if str(address) == pf.device]
    found = [capacity_as_json(capacity_of(snapshot, one, tree=tree)) for one in wanted]
    return document("capacity", {"pfs": found})
