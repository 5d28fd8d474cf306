"""Locks on PFs: one holder at a time, each PF for itself."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.unit.host.hung_writes import child_left_behind

from sriovctl.errors import BusyError, SriovctlError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.locks import hold_locks, is_left, share_locks

ONE, OTHER = "0000:01:00.0", "0000:04:00.0"


def test_a_pf_has_one_holder_who_is_named(tmp_path: Path) -> None:
    with hold_locks(str(tmp_path), [ONE]):
        with hold_locks(str(tmp_path), [OTHER]):
            pass
        with pytest.raises(BusyError, match=rf"{ONE}.*held by pid {os.getpid()}"):
            hold_locks(str(tmp_path), [OTHER, ONE]).__enter__()
    with hold_locks(str(tmp_path), [ONE, OTHER]):
        pass


def test_a_failed_attempt_holds_nothing(tmp_path: Path) -> None:
    with hold_locks(str(tmp_path), [OTHER]), pytest.raises(BusyError):
        hold_locks(str(tmp_path), [ONE, OTHER]).__enter__()
    with hold_locks(str(tmp_path), [ONE]):
        pass


def test_many_share_a_lock_and_keep_changes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sriovctl.host.locks._WAIT_FOR_SHARERS_S", 0.0)
    with share_locks(str(tmp_path), [ONE]), share_locks(str(tmp_path), [ONE, OTHER]) as shared:
        assert shared.devices == {ONE, OTHER}
        with pytest.raises(BusyError, match="being lent or scrubbed"):
            hold_locks(str(tmp_path), [ONE]).__enter__()
    with hold_locks(str(tmp_path), [ONE]), share_locks(str(tmp_path), [ONE, OTHER]) as shared:
        assert shared.devices == {OTHER}


def test_a_change_waits_for_those_who_share(tmp_path: Path) -> None:
    sharing = share_locks(str(tmp_path), [ONE])
    sharing.__enter__()
    timer = threading.Timer(0.05, lambda: sharing.__exit__(None, None, None))
    timer.start()
    with hold_locks(str(tmp_path), [ONE]) as held:
        assert held.devices == {ONE}
    timer.join()


def test_the_lock_stays_with_a_child_that_hangs_in_the_kernel(tmp_path: Path) -> None:
    assert not is_left(str(tmp_path), ONE)  # nobody ever locked it
    with ExitStack() as hung:
        with hold_locks(str(tmp_path), [ONE, OTHER]) as locks:
            assert not is_left(str(tmp_path), ONE)  # we are at work
            hung.enter_context(child_left_behind(tmp_path / "hangs"))
            locks.abandon(ONE)
            assert (is_left(str(tmp_path), ONE), is_left(str(tmp_path), OTHER)) == (True, False)
        with hold_locks(str(tmp_path), [OTHER]):  # the child has a copy of this one as well
            pass
        with pytest.raises(BusyError):
            hold_locks(str(tmp_path), [ONE]).__enter__()
    assert not is_left(str(tmp_path), ONE)
    with hold_locks(str(tmp_path), [ONE]):
        pass


def test_a_directory_that_cannot_be_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    journal = SQLiteJournal(str(tmp_path / "file" / "below"))
    with pytest.raises(SriovctlError, match="cannot be made"), journal.locked([ONE]):
        pass


def test_the_journal_names_the_pfs_on_which_the_kernel_hangs(tmp_path: Path) -> None:
    journal = SQLiteJournal(str(tmp_path))
    with journal.locked([ONE, OTHER]):
        # As one that was killed would leave it: signed by a process that is no more.
        (tmp_path / f"locks/{ONE}.lock").write_text(f"pid {2**22 + 1}\n")
        assert journal.wedged([ONE, OTHER, "0000:05:00.0"]) == {ONE}
    assert journal.wedged([ONE, OTHER]) == frozenset()
    assert SQLiteJournal(None).wedged([ONE]) == frozenset()
