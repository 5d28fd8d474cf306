"""Make a state ready for a foreign format: with the PFs, MACs and counts of the host at hand."""

from __future__ import annotations

import re

from sriovctl.engine.inventory import PCI_DRIVERS
from sriovctl.engine.persistence.persist_checks import functions_of
from sriovctl.model.state import AUTO_MAC, UNSET, WantedVF
from sriovctl.model.translation import (
    POOLS_KEY,
    VF_KEYS,
    DriverModule,
    ExportRequest,
    ExportTarget,
    LeftOut,
    said_of_vf,
)
from sriovctl.planner.auto_mac import auto_mac, pf_identity
from sriovctl.planner.boot_parameters import ON_REQUEST, parameter_of
from sriovctl.planner.drivers import rules_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sriovctl.host.api import FileTree
    from sriovctl.host.boot_api import Modules
    from sriovctl.model.functions import PF
    from sriovctl.model.state import DesiredState, WantedPF
_NO_COUNT = "it is meant for every VF, and how many there will be is not said"
_NO_IDENTITY = "auto follows from the PF, and there is no such PF on the host at hand"
_POOLS = "pools are sriovctl's own"


def prepare_export(
    state: DesiredState, pfs: Sequence[PF], *, modules: tuple[DriverModule, ...] = ()
) -> tuple[ExportRequest, tuple[LeftOut, ...]]:
    """Find out of the host at hand what a foreign format may need to say.

    A PF that is not on this host is no error: a state may be written for another one.

    :param pfs: the PFs of the host at hand; empty where there is none.
    :param modules: see :func:`read_modules`.
    :return: the request for a renderer, and what no foreign format can be told.
    """
    targets: list[ExportTarget] = []
    left_out = [LeftOut(POOLS_KEY, pool.name, _POOLS) for pool in state.pools]
    names: set[str] = set()
    for wanted in state.pfs:
        for pf in find_pfs(wanted, pfs):
            target, without = _target(wanted, pf, _unused(wanted.label, names))
            names.add(target.name)
            targets.append(target)
            left_out += (one for one in without if one not in left_out)
    return ExportRequest(tuple(targets), tuple(pfs), modules), tuple(left_out)


def find_pfs(wanted: WantedPF, pfs: Sequence[PF]) -> tuple[PF | None, ...]:
    """Find the PF, or PFs, that a state means on the host at hand; (None,) without any.

    Several where one is meant are as good as none: the state is not for this host.
    """
    from sriovctl.errors import InputError
    from sriovctl.planner.match import match_pf

    try:
        return match_pf(wanted, pfs)
    except InputError:
        return (None,)


def _unused(label: str, names: Collection[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", label).strip("-.") or "pf"
    number, name = 1, plain
    while name in names:
        number += 1
        name = f"{plain}-{number}"
    return name


def _target(wanted: WantedPF, pf: PF | None, name: str) -> tuple[ExportTarget, tuple[LeftOut, ...]]:
    count = pf.num_vfs if wanted.num_vfs is UNSET and pf is not None else wanted.num_vfs
    num_vfs = None if count is UNSET else count
    left_out = [*_beyond(wanted, num_vfs), *_without_count(wanted, num_vfs)]
    vfs: list[tuple[int, WantedVF]] = []
    nameless: list[int] = []
    for vf_index in _indices(wanted, num_vfs):
        one = wanted.wanted_vf(vf_index) if num_vfs is not None else dict(wanted.vfs)[vf_index]
        if one.admin_mac == AUTO_MAC:
            mac = UNSET if pf is None else auto_mac(pf_identity(pf), vf_index)
            nameless += [vf_index] if mac is UNSET else []
            one = one._replace(admin_mac=mac)
        if said_of_vf(one):
            vfs.append((vf_index, one))
    if nameless:
        left_out.append(LeftOut("admin_mac", wanted.label, _NO_IDENTITY, tuple(nameless)))
    driver = pf.driver if pf is not None else wanted.match.driver
    rules = rules_of(driver)
    target = ExportTarget(
        name=name,
        wanted=wanted,
        pf=pf,
        num_vfs=num_vfs,
        vfs=tuple(vfs),
        eswitch_before_vfs=rules.eswitch_without_vfs,
        rates_need_link=rules.rates_need_link,
        count_parameter=parameter_of(driver, ON_REQUEST),
    )
    return target, tuple(left_out)


def _indices(wanted: WantedPF, num_vfs: int | None) -> Sequence[int]:
    if num_vfs is None:
        return [vf_index for vf_index, _ in wanted.vfs]
    return range(num_vfs) if said_of_vf(wanted.vf_default) else _named(wanted, num_vfs)


def _named(wanted: WantedPF, num_vfs: int) -> list[int]:
    return [vf_index for vf_index, _ in wanted.vfs if vf_index < num_vfs]


def _beyond(wanted: WantedPF, num_vfs: int | None) -> Iterator[LeftOut]:
    # A state that says no number may name VFs that this host does not have now.
    if num_vfs is None:
        return
    beyond = [(n, vf) for n, vf in wanted.vfs if n >= num_vfs]
    why = f"there are to be {num_vfs} VFs"
    for key in VF_KEYS:
        if vfs := tuple(n for n, vf in beyond if getattr(vf, key) is not UNSET):
            yield LeftOut(key, wanted.label, why, vfs)


def _without_count(wanted: WantedPF, num_vfs: int | None) -> Iterator[LeftOut]:
    if num_vfs is None:
        for key in said_of_vf(wanted.vf_default):
            yield LeftOut(key, wanted.label, _NO_COUNT)


def read_modules(
    files: FileTree, installed: Modules | None, pfs: Sequence[PF]
) -> tuple[DriverModule, ...]:
    """Find the modules of the PFs' drivers, where a parameter of theirs can make VFs.

    :param installed: None: what is installed there is not at hand, and a module that does not come
        with the kernel is taken for Intel's own.

    Source: kernel Documentation/ABI/testing/sysfs-module (taint: O).
    """
    return tuple(
        _module(files, installed, driver)
        for driver in sorted({pf.driver for pf in pfs if pf.driver is not None})
        if parameter_of(driver, ON_REQUEST) is not None
    )


def _module(files: FileTree, installed: Modules | None, driver: str) -> DriverModule:
    name = files.read_link(f"{PCI_DRIVERS}/{driver}/module") or driver
    listed = driver in ON_REQUEST and _takes_list(files, installed, name, ON_REQUEST[driver])
    return DriverModule(driver, name, tuple(functions_of(files, driver)) if listed else None)


def _takes_list(files: FileTree, installed: Modules | None, module: str, parameter: str) -> bool:
    kind = installed.parameter_type(module, parameter) if installed is not None else None
    if kind is not None:
        return kind.startswith("array")
    return "O" in (files.read_text(f"/sys/module/{module}/taint") or "")
