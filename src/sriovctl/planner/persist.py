"""What ``persist`` writes, keeps and takes away.  Pure.

Theory of operation.  The manifest says what sriovctl wrote, by digest.  A path is ours while what
stands there has a digest of the manifest, or is what we would write anyway; anything else is
somebody's own, and is neither overwritten nor removed unless that was forced.
"""

from __future__ import annotations

from sriovctl.errors import SafetyError
from sriovctl.model.persistence import Change, ChangeKind, Entry, EntryKind, Manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Found = Mapping[str, Entry | None]  # what stands under each path now


def plan_install(
    wanted: Sequence[Entry], manifest: Manifest, found: Found, *, force: bool = False
) -> tuple[Change, ...]:
    """Work out what to write, and what an earlier run wrote that is not wanted any more.

    :param found: for each path of *wanted* and of the manifest.
    :raises SafetyError: somebody else wrote, or edited, what would be overwritten or removed.
    """
    changes = [_change_to(entry, found[entry.path]) for entry in wanted]
    paths = {entry.path for entry in wanted}
    changes += _removals((path for path in manifest.digests if path not in paths), found)
    if not force:
        _refuse_what_is_not_ours(changes, manifest, found)
    return tuple(changes)


def plan_remove(manifest: Manifest, found: Found, *, force: bool = False) -> tuple[Change, ...]:
    """Work out how to take away exactly what was installed.

    :raises SafetyError: somebody edited one of the files.
    """
    changes = list(_removals(manifest.digests, found))
    if not force:
        _refuse_what_is_not_ours(changes, manifest, found)
    return tuple(changes)


def _change_to(entry: Entry, now: Entry | None) -> Change:
    kind = ChangeKind.KEEP if now == entry else ChangeKind.WRITE
    return Change(kind, entry.path, entry)


def _removals(paths: Iterable[str], found: Found) -> Iterator[Change]:
    return (Change(ChangeKind.REMOVE, path) for path in paths if found[path] is not None)


def _refuse_what_is_not_ours(changes: Iterable[Change], manifest: Manifest, found: Found) -> None:
    foreign = [
        found_now
        for change in changes
        if change.kind is not ChangeKind.KEEP
        and (found_now := found[change.path]) is not None
        and not manifest.owns(found_now)
    ]
    if not foreign:
        return
    first, *others = foreign
    raise SafetyError(
        _whose(first, manifest),
        subject=first.path,
        evidence={"also": ", ".join(entry.path for entry in others)} if others else None,
        hint=_what_to_do(first),
    )


def _whose(entry: Entry, manifest: Manifest) -> str:
    if is_mask(entry):
        return "is masked, so it would not run"
    if entry.path in manifest.digests:
        return "was edited since sriovctl wrote it; nothing was changed"
    return "is there already, and sriovctl did not write it; nothing was changed"


def _what_to_do(entry: Entry) -> str:
    if is_mask(entry):
        return f"run 'systemctl unmask {entry.path.rpartition('/')[2]}' first"
    return "look at it, and add --force to do it all the same"


def is_mask(entry: Entry) -> bool:
    """Say whether an entry is how ``systemctl mask`` forbids a unit."""
    return entry.kind is EntryKind.LINK and entry.text == "/dev/null"


def manifest_of(wanted: Iterable[Entry], before: Manifest, *, after: Manifest) -> Manifest:
    """Return the manifest for the time between the first and the last file of a run.

    It knows both what was and what will be, so that a run that is cut short can be gone on with,
    or taken away.

    :param after: the manifest of the finished run.
    """
    digests = dict(before.digests)
    for entry in wanted:
        known = digests.get(entry.path, ())
        digests[entry.path] = tuple(dict.fromkeys((*known, entry.digest)))
    return after._replace(digests=digests)
