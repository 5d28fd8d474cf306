from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate-cases",
        action="store_true",
        help="write plan.yaml and undo.yaml of each case anew; then read what changed",
    )
