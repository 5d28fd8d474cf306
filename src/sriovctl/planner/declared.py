"""What is declared of a PF: by the files, and by what people applied or took back since.

The files say what is kept.  Where somebody has changed one of those values by sriovctl since they
were read, theirs is the newer word, and it is kept instead: an ``apply`` of another file, an
``undo``, a VF handed over to a guest or given back.  What the files do not speak of stays out of
it, and so do repairs: they only bring back what was declared.  Pure.
"""

from __future__ import annotations

from sriovctl.model.functions import VLAN
from sriovctl.model.plan import Action
from sriovctl.model.run import RunKind, RunStatus, StepStatus
from sriovctl.model.state import ATTRIBUTES, UNSET, WantedVF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sriovctl.model.plan import Step
    from sriovctl.model.run import RecordedStep, Run
    from sriovctl.model.state import WantedPF

_OF_THE_PF = {
    Action.SET_AUTOPROBE: ("drivers_autoprobe", "drivers_autoprobe"),
    Action.SET_LINK_UP: ("up", "link_up"),
    Action.SET_MTU: ("mtu", "mtu"),
    Action.SET_ESWITCH_MODE: ("eswitch_mode", "eswitch_mode"),
}
_OF_A_VF = (*ATTRIBUTES, "msix_count", "driver")
_STANDS = (RunStatus.DONE, RunStatus.UNCONFIRMED)


def declaring_runs(runs: Sequence[Run], *, find: Callable[[int], Run | None]) -> tuple[Run, ...]:
    """Find the runs by which people said what they want, the oldest first.

    A run that was undone counts no more, and neither does its undo; but the undo of one that was
    before *runs* does.

    :param runs: since the files were read, the oldest first.
    :param find: gives an earlier run.
    """
    known = {run.run_id for run in runs}
    return tuple(run for run in runs if _declares(run, known, find))


def _declares(run: Run, known: set[int], find: Callable[[int], Run | None]) -> bool:
    if run.kind is RunKind.APPLY:
        return run.status in _STANDS
    if run.kind is not RunKind.UNDO or run.status is not RunStatus.DONE or run.undoes is None:
        return False
    taken_back = None if run.undoes in known else find(run.undoes)
    return taken_back is not None and taken_back.kind is RunKind.APPLY


def overlay_steps(wanted: WantedPF, device: str, steps: Iterable[RecordedStep]) -> WantedPF:
    """Put what runs did to one PF over what the files say of it.

    :param steps: of declaring runs, in their order; those of other PFs are passed over.
    """
    of_files = wanted
    for one in steps:
        if one.step.device == device and one.status is StepStatus.DONE:
            wanted = _overlay(wanted, of_files, one.step)
    return wanted


def _overlay(wanted: WantedPF, of_files: WantedPF, step: Step) -> WantedPF:
    if step.action is Action.SET_NUM_VFS:
        return _with_count(wanted, of_files, step)
    if step.action in _OF_THE_PF:
        key, field = _OF_THE_PF[step.action]
        if getattr(of_files, field) is UNSET:
            return wanted
        return wanted._replace(**{field: step.after[key]})  # type: ignore[arg-type]
    return wanted if step.vf_index is None else _with_vf(wanted, step.vf_index, step)


def _with_count(wanted: WantedPF, of_files: WantedPF, step: Step) -> WantedPF:
    count, usual = step.after["num_vfs"], of_files.num_vfs
    assert isinstance(count, int)
    if usual is UNSET:
        return wanted
    if not count:  # what was set of them went with them
        return wanted._replace(num_vfs=0, vfs=(), vf_default=of_files.vf_default)
    if count <= usual:
        vfs = tuple((index, vf) for index, vf in of_files.vfs if index < count)
        return wanted._replace(num_vfs=count, vfs=vfs, vf_default=of_files.vf_default)
    # The files say nothing of VFs beyond those that they want.
    vfs = tuple((index, of_files.wanted_vf(index)) for index in range(usual))
    return wanted._replace(num_vfs=count, vfs=vfs, vf_default=WantedVF())


def _with_vf(wanted: WantedPF, vf_index: int, step: Step) -> WantedPF:
    if wanted.num_vfs is not UNSET and vf_index >= wanted.num_vfs:
        return wanted
    spoken_of = wanted.wanted_vf(vf_index)
    values = {
        key: _from_plain(key, value)
        for key, value in step.after.items()
        if key in _OF_A_VF and getattr(spoken_of, key) is not UNSET
    }
    if not values:
        return wanted
    vfs = {**dict(wanted.vfs), vf_index: dict(wanted.vfs).get(vf_index, WantedVF())}
    vfs[vf_index] = vfs[vf_index]._replace(**values)  # type: ignore[arg-type]
    return wanted._replace(vfs=tuple(sorted(vfs.items())))


def _from_plain(key: str, value: object) -> object:
    return VLAN(**value) if key == "vlan" and isinstance(value, dict) else value
