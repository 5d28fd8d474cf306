from __future__ import annotations

from pathlib import Path

import pytest

from sriovctl.errors import UnsupportedError
from sriovctl.lab import runner
from sriovctl.lab.machines import Service, find_machine
from sriovctl.lab.runner import Job, run_job


def test_a_boot_by_systemd_needs_a_systemd_to_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "require_programs", lambda *_: None)
    monkeypatch.setattr(runner, "prepare_image", lambda: pytest.fail("prepares a boot"))
    monkeypatch.setattr(runner, "SYSTEMD", tmp_path / "systemd")
    job = Job(find_machine("82576"), ("true",), services=frozenset({Service.SYSTEMD}))
    with pytest.raises(UnsupportedError, match="systemd: not installed"):
        run_job(job, stdout=bytes, stderr=bytes)
