from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sriovctl.model.counters import NO_RATES, Rates, Traffic, rates_between

COUNTS = st.none() | st.integers(0, 2**64 - 1)
TRAFFIC = st.builds(Traffic, *[COUNTS] * len(Traffic._fields))
SECONDS = st.floats(0.001, 1e6)


def test_rates_are_per_second_and_know_what_is_unknown() -> None:
    before = Traffic(rx_packets=100, rx_bytes=4000, tx_packets=7)
    after = Traffic(rx_packets=150, rx_bytes=4000, rx_dropped=3)
    assert rates_between(before, after, 2.0) == Rates(rx_packets=25.0, rx_bytes=0.0)


def test_what_began_anew_has_no_rate() -> None:
    before = Traffic(rx_packets=100, tx_packets=100)
    assert rates_between(before, Traffic(rx_packets=3, tx_packets=200), 1.0) == NO_RATES
    assert rates_between(before, before, 0.0) == NO_RATES


def test_drops_of_both_directions_are_added_as_far_as_they_are_known() -> None:
    assert Rates(rx_dropped=1.0, tx_dropped=0.5, rx_missed=2.0).dropped == 3.5
    assert Rates(tx_dropped=0.0).dropped == 0.0
    assert Rates(rx_packets=1.0).dropped is None


@given(TRAFFIC, TRAFFIC, SECONDS)
def test_a_rate_is_never_negative_and_never_invented(
    before: Traffic, after: Traffic, seconds: float
) -> None:
    for old, new, rate in zip(before, after, rates_between(before, after, seconds), strict=True):
        assert rate is None or rate >= 0
        assert rate is None or (old is not None and new is not None)


@given(TRAFFIC, SECONDS)
def test_nothing_passed_is_zero_not_unknown(seen: Traffic, seconds: float) -> None:
    known = [count is not None for count in seen]
    assert [rate == 0.0 for rate in rates_between(seen, seen, seconds)] == known
