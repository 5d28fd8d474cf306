from __future__ import annotations

from sriovctl.host.simulated.clock import SimulatedClock


def test_time_stands_still_but_for_those_who_sleep() -> None:
    clock = SimulatedClock()
    clock.sleep(2.5)
    assert clock.now() == 2.5


def test_time_that_goes_on_is_added_to_what_was_slept() -> None:
    real = [100.0]
    clock = SimulatedClock()
    clock.sleep(2.0)
    clock.go_on(lambda: real[0])
    assert clock.now() == 2.0
    real[0] = 103.0
    clock.sleep(1.0)
    assert clock.now() == 6.0
