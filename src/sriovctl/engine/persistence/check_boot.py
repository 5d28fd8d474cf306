"""Find what was persisted, and what there is of it after a boot, and check it."""

from __future__ import annotations

from sriovctl.codec.state_file import parse_states
from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.identity import with_identities
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.persistence.boot_settings import KERNEL_COMMAND_LINE, read_boot_settings
from sriovctl.engine.persistence.persist import read_manifest
from sriovctl.engine.persistence.verify_boot import PERSIST_AGAIN, Facts, verify_boot
from sriovctl.errors import InputError
from sriovctl.model.persistence import CONFIG_DIRECTORY, Check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.host.api import Host
    from sriovctl.host.boot_api import BootDoors
    from sriovctl.model.persistence import Manifest
    from sriovctl.model.state import DesiredState


def check_boot(host: Host, doors: BootDoors) -> tuple[Check, ...]:
    """Check everything; that nothing is persisted, or its state cannot be read, is a check too."""
    manifest = read_manifest(doors)
    if manifest is None:
        evidence = "nothing is persisted on this host"
        return (Check("persisted", False, "host", evidence, "run 'sriovctl persist FILE'"),)
    try:
        state = _persisted_state(doors, manifest)
    except InputError as error:
        subject = error.subject or "state"
        return (Check("state-file", False, subject, error.cause, PERSIST_AGAIN),)
    facts = Facts(
        host=host,
        doors=doors,
        manifest=manifest,
        state=state,
        pfs=with_identities(host, read_inventory(host, name_of=lambda *_: None), state),
        settings=read_boot_settings(
            doors.files, command_line=host.files.read_text(KERNEL_COMMAND_LINE)
        ),
        boot_id=read_boot_id(host.files),
    )
    return verify_boot(facts)


def _persisted_state(doors: BootDoors, manifest: Manifest) -> DesiredState:
    paths = sorted(path for path in manifest.digests if path.startswith(f"{CONFIG_DIRECTORY}/"))
    return parse_states((path, _text_of(doors, path)) for path in paths)


def _text_of(doors: BootDoors, path: str) -> str:
    text = doors.files.read_through(path)
    if text is None:
        raise InputError("is gone", subject=path)
    return text
