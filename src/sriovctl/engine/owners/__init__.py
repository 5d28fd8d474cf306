"""Who uses each PF and VF, so that nothing in use is touched by accident."""

from __future__ import annotations

from sriovctl.engine.owners.survey import read_owners

__all__ = ["read_owners"]
