"""A certificate for localhost that nobody else knows."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    """Where it is, as PEM."""

    pem: Path
    key: Path


def make_certificate(directory: Path) -> Certificate:
    """Make one."""
    made = Certificate(directory / "host.pem", directory / "host.key")
    how = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    words = ("openssl", *how.split(), "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    files = ("-keyout", str(made.key), "-out", str(made.pem))
    subprocess.run((*words, *files), check=True, capture_output=True)
    return made
