from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sriovctl.daemon.attention import CALM_S, FIRST_PAUSE_S, LONGEST_PAUSE_S, Attention
from sriovctl.daemon.questions import ATTRIBUTES, WHOLE, Question


def test_one_event_is_looked_at_a_moment_later() -> None:
    attention = Attention()
    assert attention.due_at() is None
    attention.notice("a", 100.0)
    assert attention.due_at() == 100.0 + FIRST_PAUSE_S
    assert attention.take(100.0) == {}
    assert attention.take(100.0 + FIRST_PAUSE_S) == {"a": WHOLE}
    assert attention.due_at() is None


@given(st.lists(st.floats(0, 60), min_size=1, max_size=300))
def test_each_event_is_followed_by_a_look_and_looks_are_few(moments: list[float]) -> None:
    attention, looks = Attention(), list[float]()

    def look_until(now: float) -> None:
        while (at := attention.due_at()) is not None and at <= now:
            assert attention.take(at) == {"a": WHOLE}
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
    assert attention.take(11.0) == {None: WHOLE}
    assert attention.due_at() is None


def test_a_reminder_comes_when_it_is_due_or_with_an_event_before() -> None:
    attention = Attention()
    attention.remind("a", 50.0)
    attention.remind("a", 60.0)
    assert attention.take(49.0) == {}
    attention.notice("a", 49.0)
    assert attention.take(49.5) == {"a": WHOLE}
    attention.remind(None, 70.0)
    attention.remind("a", 65.0)
    attention.remind("b", 80.0)
    assert attention.take(75.0) == {None: WHOLE}
    assert attention.due_at() is None, "a look at all has told what is to come later"


def test_what_is_past_is_forgotten() -> None:
    attention = Attention()
    for number in range(2000):
        attention.notice(f"device {number}", float(number))
        assert attention.take(number + 0.5) == {f"device {number}": WHOLE}
    assert len(attention._paces) <= 300


def test_a_look_answers_all_that_was_asked_until_then() -> None:
    attention = Attention()
    attention.notice("a", 1.0, ATTRIBUTES)
    attention.notice("a", 1.001, Question(frozenset({"vf 1"})))
    attention.notice("b", 1.001, ATTRIBUTES)
    attention.notice("a", 1.002, Question(frozenset({"vf 2"})))
    due = attention.take(1.0 + 2 * FIRST_PAUSE_S)
    assert due == {"a": Question(frozenset({"vf 1", "vf 2"})), "b": ATTRIBUTES}
    attention.notice("a", 2.0, ATTRIBUTES)
    attention.notice("a", 2.001, WHOLE)
    attention.notice("a", 2.002, ATTRIBUTES)
    assert attention.take(3.0) == {"a": WHOLE}


def test_what_is_looked_at_again_later_is_looked_at_as_a_whole() -> None:
    attention = Attention()
    attention.notice("a", 1.0, ATTRIBUTES)
    attention.remind("a", 60.0)
    assert attention.take(2.0) == {"a": WHOLE}
    assert attention.due_at() is None
