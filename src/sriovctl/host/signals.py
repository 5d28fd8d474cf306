"""Signals during a change of the host: one stops it in order, further ones do not spoil that."""

from __future__ import annotations

from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator
    from types import FrameType
else:
    import _signal as signal  # signal makes enumerations of all its numbers at each start


@contextmanager
def stopping_in_order() -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM raise, and ignore what comes while that is dealt with.

    A lost terminal (SIGHUP) stops nothing: a change that cuts the connection is brought to its
    end, as it was asked for.

    :raises KeyboardInterrupt: on SIGINT.
    :raises SystemExit: on SIGTERM, with 143.
    """
    before = {
        number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)
    } | {signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> None:
    for other in (signal.SIGINT, signal.SIGTERM):
        signal.signal(other, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
