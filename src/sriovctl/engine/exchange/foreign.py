"""States in the formats of other tools, and back: the one table of these formats."""

from __future__ import annotations

from importlib import import_module

from sriovctl.engine.exchange.export_state import prepare_export
from sriovctl.errors import InputError
from sriovctl.model.record import NamedTuple
from sriovctl.model.translation import Export

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol, TypeVar

    from sriovctl.codec.foreign.sources import Source
    from sriovctl.model.functions import PF
    from sriovctl.model.state import DesiredState
    from sriovctl.model.translation import DriverModule, ExportRequest, Import

    T = TypeVar("T")

    class Renderer(Protocol):
        """What a module of ``render/foreign`` for a format exports."""

        REASONS: Mapping[str, str]  # keys that are never expressed, and why
        SOMETIMES: Mapping[str, str]  # keys that are expressed within limits, and which
        render: Callable[[ExportRequest], Export]


class ForeignFormat(NamedTuple):
    """One format: the names of the modules that write and read it."""

    renderer: str
    parser: str | None  # None: it cannot be imported
    summary: str


FORMATS = {
    "systemd-networkd": ForeignFormat(
        "systemd_link", "systemd_link", ".link files, which systemd-udevd applies"
    ),
    "networkmanager": ForeignFormat(
        "networkmanager", "networkmanager", "profiles (keyfiles) of NetworkManager"
    ),
    "nmstate": ForeignFormat("nmstate", "nmstate", "a desired state of nmstate"),
    "netplan": ForeignFormat("netplan", "netplan", "YAML of netplan"),
    "modprobe": ForeignFormat(
        "modprobe", None, "module options, for drivers that make VFs when they are loaded"
    ),
    "udev": ForeignFormat("udev", None, "rules for systemd-udevd"),
    "ip": ForeignFormat("ip_script", None, "a shell script of sysfs, ip and devlink"),
}
ALIASES = {"systemd": "systemd-networkd"}
IMPORTED = tuple(name for name, one in FORMATS.items() if one.parser is not None)


def renderer_of(name: str) -> Renderer:
    """Import the module that writes a format."""
    module: Renderer = import_module(f"sriovctl.render.foreign.{FORMATS[name].renderer}")
    return module


def export_state(
    name: str,
    state: DesiredState,
    pfs: Sequence[PF],
    *,
    modules: tuple[DriverModule, ...] = (),
) -> Export:
    """Say a state in another tool's words.

    :param name: one of ``FORMATS``.
    :param pfs: the PFs of the host at hand; empty where there is none.
    :param modules: as :func:`sriovctl.engine.exchange.export_state.read_modules` finds them.
    """
    request, left_out = prepare_export(state, pfs, modules=modules)
    written = renderer_of(name).render(request)
    return Export(written.files, _once(left_out, written.left_out), _once(written.imposed))


def _once(*several: Sequence[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(one for each in several for one in each))


def import_sources(name: str, sources: Sequence[Source], pfs: Sequence[PF]) -> Import:
    """Read another tool's files as a state.

    :param name: one of ``IMPORTED``.
    :param pfs: the PFs of the host at hand, whose VFs have names; empty where there is none.
    :raises InputError: a file is wrong; with its name, line and column.
    """
    from sriovctl.codec.foreign.sources import ImportRequest

    names = {vf.netdev: vf.vf_index for pf in pfs for vf in pf.vfs if vf.netdev is not None}
    parser = FORMATS[name].parser
    read = import_module(f"sriovctl.codec.foreign.{parser}").parse
    imported: Import = read(ImportRequest(tuple(sources), names))
    return imported


def guess_format(sources: Sequence[Source]) -> str:
    """Tell by names and first words of files which format they are in.

    :raises InputError: they do not show it, or differ.
    """
    found = {_guess(source) for source in sources}
    if len(found) != 1 or None in found:
        raise InputError(
            "the files do not show which format they are in",
            subject=", ".join(source.name for source in sources),
            hint=f"say --format {' or '.join(IMPORTED)}",
        )
    return str(found.pop())


def _guess(source: Source) -> str | None:
    suffixes = {
        ".link": "systemd-networkd",
        ".network": "systemd-networkd",
        ".nmconnection": "networkmanager",
    }
    for suffix, name in suffixes.items():
        if source.name.endswith(suffix):
            return name
    heads = [line.partition(":")[0] for line in source.text.splitlines() if ":" in line]
    return next((name for head, name in _HEADS.items() if head in heads), None)


_HEADS = {"network": "netplan", "interfaces": "nmstate"}
