"""Who tells what this user may not see: the daemon, asked only when something is not to be seen."""

from __future__ import annotations

from sriovctl.errors import SriovctlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from sriovctl.api.client.daemon import Daemon
    from sriovctl.model.owner import OwnerReport

    T = TypeVar("T")
    Document = Mapping[str, Any]


class Teller:
    """Asks the daemon, anew each time: a command may last, and the host changes.

    Once it does not tell, for whatever reason, it is asked no more.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._is_silent = False

    def tell(self, target: str, parse: Callable[[Document], T]) -> T | None:
        """Ask for a document, and read it; None: the daemon does not tell."""
        if self._is_silent:
            return None
        from sriovctl.api.client.answers import read_answer
        from sriovctl.api.client.refusals import NotServed

        try:
            return read_answer(parse, self._daemon.ask("GET", target))
        except (NotServed, SriovctlError):
            self._is_silent = True
            return None

    def owner_report(self) -> OwnerReport | None:
        """Tell who uses what."""
        from sriovctl.api.client.answers import parse_owner_report

        return self.tell("/v1/owners", parse_owner_report)


class Door:
    """What is behind it, but for what stands in the class itself."""

    def __init__(self, behind: object, teller: Teller) -> None:
        self._behind: Any = behind
        self._teller = teller

    def __getattr__(self, name: str) -> object:
        return getattr(self._behind, name)
