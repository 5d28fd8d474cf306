"""Certificates for tests, made by openssl."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from sriovctl.api.tls import Certificate

_HOW = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"


def make_certificate(directory: Path) -> tuple[str, str]:
    """Make a certificate of localhost, in place of an older one; paths of it and its key."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("needs openssl, to make a certificate")
    pem, key = str(directory / "host.pem"), str(directory / "host.key")
    name = ("-addext", "subjectAltName=DNS:localhost")
    subprocess.run(
        (program, *_HOW.split(), *name, "-keyout", key, "-out", pem),
        check=True,
        capture_output=True,
    )
    return pem, key


def certificate_of(directory: Path) -> Certificate:
    """Make one, and read it."""
    return Certificate(*make_certificate(directory))


def is_shown(pem: str, port: int) -> bool:
    """Whether a server shows the certificate that a file holds now."""
    shown = ssl.get_server_certificate(("127.0.0.1", port), timeout=60)
    return shown.strip() == Path(pem).read_text(encoding="ascii").strip()
