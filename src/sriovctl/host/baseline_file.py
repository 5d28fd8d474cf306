"""A small file in the state directory that remembers which files the daemon took for its word."""

from __future__ import annotations

import json
import os

from sriovctl.host.database import make_directory
from sriovctl.host.kernel_errors import kernel_error
from sriovctl.model.health import Baseline

_NAME = "daemon.json"


class BaselineFile:
    """What the daemon has to know again after it was killed.

    :param directory: the state directory; None: in memory alone.
    """

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self._kept: Baseline | None = None

    def read(self) -> Baseline | None:
        """Read it; None if there is none, or none that can be understood."""
        if self._directory is None:
            return self._kept
        try:
            with open(f"{self._directory}/{_NAME}", encoding="utf-8") as stream:
                values = json.load(stream)
            return Baseline(str(values["digest"]), int(values["run"]), values["boot_id"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, baseline: Baseline) -> None:
        """Keep it, wholly or not at all.

        :raises HostError: it cannot be written (disk full).
        :raises PermissionDenied: the file system is read-only.
        """
        self._kept = baseline
        if self._directory is None:
            return
        make_directory(self._directory)
        path = f"{self._directory}/{_NAME}"
        text = json.dumps(
            {"digest": baseline.digest, "run": baseline.run_id, "boot_id": baseline.boot_id}
        )
        try:
            _replace(path, text)
        except OSError as error:
            raise kernel_error(error, subject=path, action="cannot be written") from error


def _replace(path: str, text: str) -> None:
    beside = f"{path}.new"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    os.replace(beside, path)
