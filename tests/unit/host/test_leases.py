"""The book of leases: what is written is read back, and a VF is lent once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sriovctl.errors import HostError
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.locks import hold_locks
from sriovctl.model.lease import Lease, LeaseStatus, Reason, StoredPool

PF = "0000:01:00.0"
MAC, SERIAL = "permanent_mac 52:54:00:00:00:01", "serial 00-01 function 0"
LEASE = Lease("finance", "anna", PF, (MAC,), 2, "{}", boot_id="boot")


@pytest.fixture
def book(tmp_path: Path) -> SQLiteLeaseBook:
    return SQLiteLeaseBook(str(tmp_path / "state"))


def add(book: SQLiteLeaseBook, lease: Lease = LEASE) -> Lease:
    with book.writing() as table:
        return table.add(lease)


def update(book: SQLiteLeaseBook, lease: Lease) -> None:
    with book.writing() as table:
        table.update(lease)


def end(book: SQLiteLeaseBook, lease: Lease) -> None:
    update(book, lease._replace(status=LeaseStatus.ENDED, reason=Reason.RELEASED))


def test_a_lease_is_read_back_by_another_process(book: SQLiteLeaseBook, tmp_path: Path) -> None:
    full = LEASE._replace(
        pf_identities=(MAC, SERIAL),
        address="0000:01:10.4",
        iommu_group=7,
        numa_node=0,
        birth=1 << 40,
        ttl_s=60.0,
        expires=100.5,
        pid=812,
        pid_started=99,
        pinned=True,
        group_disjoint=True,
    )
    added = add(book, full)
    other = SQLiteLeaseBook(str(tmp_path / "state"))
    (found,) = other.leases()
    assert found == added
    assert (found.lease_id, found.generation, found.ended) == (1, 1, None)
    assert found.taken.endswith("+00:00")
    book.close()
    other.close()


def test_nothing_is_made_for_being_asked(book: SQLiteLeaseBook, tmp_path: Path) -> None:
    assert (book.leases(), book.pools()) == ((), ())
    assert book.questionable(now_s=0.0, boot_id=None) == ()
    assert not (tmp_path / "state").exists()


def test_what_goes_wrong_in_the_open_book_was_not_written(book: SQLiteLeaseBook) -> None:
    def fail_inside() -> None:
        with book.writing() as table:
            table.add(LEASE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_inside()
    assert book.leases(ended=True) == ()


@pytest.mark.parametrize("status", [LeaseStatus.HELD, LeaseStatus.SCRUBBING, LeaseStatus.DIRTY])
def test_the_file_itself_keeps_a_vf_from_being_lent_twice(
    book: SQLiteLeaseBook, status: LeaseStatus
) -> None:
    lease = add(book)
    update(book, lease._replace(status=status))
    with pytest.raises(HostError, match="the book of leases cannot be used: UNIQUE"):
        add(book, LEASE._replace(owner="bert"))
    add(book, LEASE._replace(vf_index=3))
    update(book, lease._replace(status=LeaseStatus.LOST))
    assert add(book, LEASE._replace(owner="bert")).generation == 2


def test_generations_only_rise_whatever_the_pf_is_known_by(book: SQLiteLeaseBook) -> None:
    generations = []
    # Its MAC hides while its netdev is in a container, and at last it is plugged in elsewhere.
    for device, names in (
        (PF, (MAC, SERIAL)),
        (PF, (SERIAL,)),
        (PF, ()),
        (PF, (MAC, SERIAL)),
        ("0000:09:00.0", (MAC, SERIAL)),
    ):
        lease = add(book, LEASE._replace(pf_device=device, pf_identities=names))
        generations.append(lease.generation)
        end(book, lease)
    assert generations == [1, 2, 3, 4, 5]
    assert add(book, LEASE._replace(vf_index=0)).generation == 1
    assert add(book, LEASE._replace(pf_device="0000:07:00.0", pf_identities=())).generation == 1


def test_numbers_do_not_come_again_and_the_last_that_ended_are_kept(
    book: SQLiteLeaseBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sriovctl.host.leases._KEPT", 3)
    held = add(book, LEASE._replace(vf_index=0))
    for _ in range(5):
        end(book, add(book))
    assert [lease.lease_id for lease in book.leases(ended=True)] == [held.lease_id, 4, 5, 6]
    assert [lease.lease_id for lease in book.leases()] == [held.lease_id]
    assert [bool(lease.ended) for lease in book.leases(ended=True)] == [False, True, True, True]


def test_it_tells_which_leases_may_be_over(book: SQLiteLeaseBook) -> None:
    said: list[dict[str, object]] = [
        {},
        {"expires": 50.0},
        {"expires": 50.1},
        {"pid": 1, "pid_started": 1},
        {"boot_id": "an earlier one"},
        {"status": LeaseStatus.DIRTY},
        {"status": LeaseStatus.LOST},
    ]
    ids = [add(book, LEASE._replace(vf_index=n, **one)).lease_id for n, one in enumerate(said)]  # type: ignore[arg-type]
    found = [lease.lease_id for lease in book.questionable(now_s=50.0, boot_id="boot")]
    assert found == [ids[1], ids[3], ids[4], ids[5]]


def test_a_pf_that_is_being_changed_is_not_shared(book: SQLiteLeaseBook, tmp_path: Path) -> None:
    add(book)
    locks = str(tmp_path / "state/locks")
    with book.sharing([PF]) as held:
        assert held.devices == {PF}
    with hold_locks(locks, [PF]):
        with book.writing() as table:
            assert (table.share(PF), table.share("0000:04:00.0")) == (False, True)
        with book.sharing([PF, "0000:04:00.0"]) as held:
            assert held.devices == {"0000:04:00.0"}


def test_a_lock_is_shared_until_what_was_written_counts(
    book: SQLiteLeaseBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sriovctl.host.locks._WAIT_FOR_SHARERS_S", 0.0)
    other = SQLiteLeaseBook(str(tmp_path / "state"))
    with book.writing() as table:
        assert table.share(PF)
        table.add(LEASE)
        with pytest.raises(Exception, match="being lent"):
            hold_locks(str(tmp_path / "state/locks"), [PF]).__enter__()
    with hold_locks(str(tmp_path / "state/locks"), [PF]):
        assert len(other.leases()) == 1


def test_in_memory_all_is_as_on_disk_but_the_locks() -> None:
    book = SQLiteLeaseBook(None)
    lease = add(book)
    assert book.leases() == (lease,)
    with book.writing() as table, book.sharing([PF]) as held:
        assert table.share(PF)
        assert held.devices == {PF}
        held.abandon(PF)
    book.close()


def test_pools_are_kept_replaced_and_forgotten(book: SQLiteLeaseBook) -> None:
    book.store_pools([StoredPool("b", "one"), StoredPool("a", "two", "host.yaml", "stamp")])
    book.store_pools([StoredPool("b", "three")])
    assert [(pool.name, pool.state, pool.source) for pool in book.pools()] == [
        ("a", "two", "host.yaml"),
        ("b", "three", ""),
    ]
    assert all(pool.defined for pool in book.pools())
    assert (book.remove_pool("b"), book.remove_pool("b")) == (True, False)
    assert [pool.name for pool in book.pools()] == ["a"]


def test_a_file_that_is_no_database_is_one_clear_error(
    book: SQLiteLeaseBook, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/leases.db").write_text("all work and no play " * 100)
    with pytest.raises(HostError, match="the book of leases cannot be used"):
        add(book)
