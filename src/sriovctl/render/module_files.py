"""Files that tell the kernel's module loader what the next boot needs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.persistence import ModuleOption

_HEAD = """\
# Written by 'sriovctl persist'; 'sriovctl persist --remove' takes it away again.
"""


def format_modprobe_file(options: Sequence[ModuleOption]) -> str:
    """Write modprobe.d lines, each with its reason."""
    lines = [
        f"# {one.reason}\noptions {one.module} {one.parameter}={one.value}\n" for one in options
    ]
    return _HEAD + "".join(lines)


def format_modules_load_file(modules: Sequence[str]) -> str:
    """Write modules-load.d lines: drivers that no device's id asks for."""
    why = "# Drivers that VFs are to be given to; no device asks for them by itself.\n"
    return _HEAD + why + "".join(f"{module}\n" for module in modules)
