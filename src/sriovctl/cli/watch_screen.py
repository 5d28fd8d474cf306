"""The screen of ``sriovctl watch``, and its keys."""

from __future__ import annotations

from sriovctl.host.terminal import RESIZED
from sriovctl.render.screen import paint, reverse
from sriovctl.render.watch import SortKey, format_frame, sort_vfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.cli.context import Context
    from sriovctl.engine.watching import Watcher
    from sriovctl.host.terminal import Terminal
    from sriovctl.model.counters import RatedPF

_KEEP = 10**9  # rows; the screen is laid out to its end


class WatchScreen:
    """A screen with rates that are looked at again and again."""

    def __init__(
        self,
        terminal: Terminal,
        context: Context,
        watcher: Watcher,
        *,
        keys: str,
        interval_s: float,
    ) -> None:
        self._terminal = terminal
        self._context = context
        self._watcher = watcher
        self._keys = keys
        self._interval_s = interval_s
        self._sort = SortKey.INDEX
        self._offset = 0
        self._room = 1
        self._pfs: tuple[RatedPF, ...] = ()
        self._shown: tuple[str, ...] | None = None

    def run(self, *, sort: SortKey, count: int | None) -> None:
        """Show rates until 'q' is pressed, or *count* times after the first look."""
        clock = self._context.host().clock
        self._sort = sort
        left = None if count is None else count
        due_s = clock.now()
        while True:
            self._pfs = self._watcher.look()
            self._show()
            if left == 0:
                return
            due_s = max(due_s + self._interval_s, clock.now())
            left = None if left is None else left - 1
            while (wait_s := due_s - clock.now()) > 0:
                key = self._terminal.wait_for_key(wait_s)
                if key is None:
                    clock.sleep(max(0.0, due_s - clock.now()))  # a simulated one stood still
                    break
                if key in ("q", "Q", "\x04"):
                    return
                self._press(key)
                self._show()

    def _press(self, key: str) -> None:
        if key == RESIZED:
            self._shown = None
        elif key == "s":
            order = list(SortKey)
            self._sort = order[(order.index(self._sort) + 1) % len(order)]
        moved = {
            "up": -1,
            "k": -1,
            "down": 1,
            "j": 1,
            "page up": -self._room,
            "page down": self._room,
            " ": self._room,
            "home": -_KEEP,
            "end": _KEEP,
        }
        self._offset = max(0, self._offset + moved.get(key, 0))

    def _show(self) -> None:
        _, height = self._terminal.size()
        vfs = sum(len(pf.vfs) for pf in self._pfs)
        frame = format_frame(
            sort_vfs(self._pfs, self._sort),
            title=f"{len(self._pfs)} PFs, {vfs} VFs, every {self._interval_s:g} s, "
            f"by {self._sort}   {self._keys}",
            notes=self._watcher.notes,
            height=height,
            offset=self._offset,
        )
        self._offset = frame.offset
        head = len(self._watcher.notes) + 1
        self._room = max(1, height - head - 1)
        lines = tuple(
            reverse(line, color=self._context.color) if row == head else line
            for row, line in enumerate(frame.lines)
        )
        self._terminal.write(paint(self._shown, lines))
        self._shown = lines
