"""What of a look at VFs still holds when the book is open.

A VF is chosen, and what it is to be like afterwards worked out, by a look from before the book was
opened.  In between a run may have changed it, or given it to somebody; and another borrower may
have had it, or have given back what the look saw in use.  Journal and book tell of all that, in
less time than another look would take while others wait for the book.
"""

from __future__ import annotations

from sriovctl.engine.runs.meanwhile import mark_journal, moved_devices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sriovctl.engine.runs.execute import Site
    from sriovctl.host.lease_api import LeaseBook, LeaseTable
    from sriovctl.planner.lending import Key


class Freshness:
    """Tells what has changed since the moment when it was made, which is before a look."""

    def __init__(self, site: Site, book: LeaseBook) -> None:
        self._journal = site.journal
        self._mark = mark_journal(site.host, site.journal)
        self._book_mark = book.mark()

    def stale(self, table: LeaseTable, keys: Iterable[Key]) -> set[Key]:
        """Find those of some VFs that may be others than the look saw.

        :param keys: of PFs that cannot be changed at this moment.
        """
        lent = self._book_mark.kept | table.lent_since(self._book_mark.newest)
        moved = moved_devices(self._journal, self._mark)
        return {key for key in keys if key in lent or key[0] in moved}
