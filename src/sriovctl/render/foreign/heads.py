"""How files begin that more than one format writes alike."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.translation import ExportTarget


def head_of_pf(target: ExportTarget) -> str:
    """Say in a comment what a file is that one PF has to itself.  Pure."""
    return f"# Made by sriovctl: the PF '{target.name}' and its VFs.\n"


def yaml_text(document: dict[str, object]) -> str:
    """Write a file of YAML, its keys in the order given.  Pure."""
    import yaml

    text: str = yaml.safe_dump(document, sort_keys=False)
    return f"# Made by sriovctl.\n{text}"
