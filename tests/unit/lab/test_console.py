from __future__ import annotations

from sriovctl.lab.runner import VMLostError, console_tail, find_panic

PANIC = "[   10.8] Kernel panic - not syncing: sysrq triggered crash"


def test_the_panic_is_found_in_a_long_dump() -> None:
    console = "\n".join([*map(str, range(100)), PANIC, *map(str, range(100))])
    assert find_panic(console) == PANIC
    assert PANIC in console_tail(console).splitlines()


def test_without_a_panic_the_last_lines_count() -> None:
    console = "\n".join(map(str, range(100)))
    assert find_panic(console) is None
    assert console_tail(console).splitlines()[-1] == "99"
    assert len(console_tail(console).splitlines()) == 25


def test_a_lost_machine_shows_its_console_last() -> None:
    error = VMLostError("the machine was lost", subject="lab machine m", console="last words")
    assert str(error) == "lab machine m: the machine was lost\nits console:\nlast words"
