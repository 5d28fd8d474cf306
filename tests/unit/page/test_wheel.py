from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from sriovctl.page.assets import STATIC
from tests.unit.docs.pages import ROOT

BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


def test_the_wheel_has_all_files_of_the_page(tmp_path: Path) -> None:
    command = (sys.executable, "-c", BUILD, str(tmp_path))
    built = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    with ZipFile(tmp_path / built.stdout.split()[-1]) as wheel:
        packed = {name: wheel.read(name) for name in wheel.namelist() if "/static/" in name}
    files = [path for path in Path(STATIC).rglob("*") if path.is_file()]
    assert packed == {
        f"sriovctl/page/static/{path.relative_to(STATIC)}": path.read_bytes() for path in files
    }
    assert "sriovctl/page/static/index.html" in packed
