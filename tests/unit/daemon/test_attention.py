from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sriovctl.daemon.attention import CALM_S, FIRST_PAUSE_S, LONGEST_PAUSE_S, Attention


def test_one_event_is_looked_at_a_moment_later() -> None:
    attention = Attention()
    assert attention.due_at() is None
    attention.notice("a", 100.0)
    assert attention.due_at() == 100.0 + FIRST_PAUSE_S
    assert attention.take(100.0) == ()
    assert attention.take(100.0 + FIRST_PAUSE_S) == ("a",)
    assert attention.due_at() is None


@given(st.lists(st.floats(0, 60), min_size=1, max_size=300))
def test_each_event_is_followed_by_a_look_and_looks_are_few(moments: list[float]) -> None:
    attention, looks = Attention(), list[float]()

    def look_until(now: float) -> None:
        while (at := attention.due_at()) is not None and at <= now:
            assert attention.take(at) == ("a",)
            looks.append(at)

    for moment in sorted(moments):
        look_until(moment)
        attention.notice("a", moment)
    look_until(200.0)
    for moment in moments:
        assert any(moment < at <= moment + LONGEST_PAUSE_S for at in looks)
    doublings = 8  # from the first pause to the longest
    calms = 1 + 60 / CALM_S
    assert len(looks) <= min(len(moments), calms * doublings + 60 / LONGEST_PAUSE_S)


def test_devices_do_not_wait_for_one_another() -> None:
    attention = Attention()
    for moment in range(100):
        attention.notice("storm", moment / 10)
        attention.take(moment / 10)
    attention.notice("quiet", 10.0)
    assert "quiet" in attention.take(10.0 + FIRST_PAUSE_S)


def test_names_are_kept_for_so_many_devices_only() -> None:
    attention = Attention()
    for number in range(10_000):
        attention.notice(f"device {number}", number / 1000)
    assert attention.take(11.0) == (None,)
    assert attention.due_at() is None


def test_a_reminder_comes_when_it_is_due_or_with_an_event_before() -> None:
    attention = Attention()
    attention.remind("a", 50.0)
    attention.remind("a", 60.0)
    assert attention.take(49.0) == ()
    attention.notice("a", 49.0)
    assert attention.take(49.5) == ("a",)
    attention.remind(None, 70.0)
    attention.remind("a", 65.0)
    attention.remind("b", 80.0)
    assert attention.take(75.0) == (None,)
    assert attention.due_at() is None, "a look at all has told what is to come later"


def test_what_is_past_is_forgotten() -> None:
    attention = Attention()
    for number in range(2000):
        attention.notice(f"device {number}", float(number))
        assert attention.take(number + 0.5) == (f"device {number}",)
    assert len(attention._paces) <= 300
