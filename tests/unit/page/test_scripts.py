"""The page's own logic, by Node's runner of tests: Playwright brings a Node with it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import playwright
import pytest

from tests.unit.page.static_files import STATIC

SCRIPTS = Path(__file__).parent / "scripts"
NODE = Path(playwright.__file__).parent / "driver/node"


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.mjs")), ids=lambda path: path.stem)
def test_the_logic_of_the_page(script: Path) -> None:
    ended = subprocess.run(
        [NODE, "--test", "--test-reporter=spec", script],
        env={**os.environ, "PAGE": STATIC.as_uri(), "NODE_NO_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_script_is_a_test() -> None:
    scripts = sorted(SCRIPTS.glob("*.mjs"))
    assert len(scripts) > 3
    for script in scripts:
        assert "assert." in script.read_text()
