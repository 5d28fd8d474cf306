"""What the readers of others' boot configuration share."""

from __future__ import annotations

from sriovctl.model.persistence import BootSetting, Selector, SettingKind
from sriovctl.model.record import NamedTuple

_TEXT_LENGTH = 100


class SettingReader(NamedTuple):
    """Makes what is found in one file.

    :param setter: whose file it is.
    """

    setter: str
    path: str

    def vf_count(self, line: int, text: str, selector: Selector) -> BootSetting:
        """Make a line that sets the number of VFs."""
        return self._found(SettingKind.VF_COUNT, line, text, selector)

    def driver(self, line: int, text: str, selector: Selector) -> BootSetting:
        """Make a line that gives a function to a driver."""
        return self._found(SettingKind.DRIVER, line, text, selector)

    def group(self, line: int, text: str) -> BootSetting:
        """Make a line that names an IOMMU group by its number."""
        return self._found(SettingKind.GROUP_NUMBER, line, text, Selector())

    def _found(self, kind: SettingKind, line: int, text: str, selector: Selector) -> BootSetting:
        shown = text.strip()[:_TEXT_LENGTH]
        return BootSetting(kind, self.setter, self.path, line, shown, selector)


def words_of(value: str | None) -> tuple[str, ...]:
    """Part a list that is written with blanks or semicolons."""
    return tuple((value or "").replace(";", " ").split())


def macs_of(value: str | None) -> tuple[str, ...]:
    """Part a list of MACs, in lower case."""
    return tuple(word.lower() for word in words_of(value))
