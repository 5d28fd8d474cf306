"""``docs/drivers.md`` says what the tables of drivers say."""

from __future__ import annotations

from sriovctl.planner.driver_abilities import ABILITIES
from sriovctl.planner.drivers import RULES
from tests.unit.docs.driver_tables import PAGE, with_tables


def test_the_page_has_the_tables_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page), "run .venv/bin/python -m tests.unit.docs.driver_tables"
    for name in {*ABILITIES, *RULES}:
        assert f"`{name}`" in page
