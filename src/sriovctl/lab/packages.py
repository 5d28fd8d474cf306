"""Debian packages that are downloaded and unpacked, not installed."""

from __future__ import annotations

import re
from pathlib import Path

from sriovctl.errors import UnsupportedError
from sriovctl.lab.programs import SETUP_HINT, run_program


def package_version(package: str) -> str:
    """Ask apt for the version of a package that it would install.

    :raises UnsupportedError: apt does not know the package.
    """
    listing = run_program(("apt-cache", "policy", package))
    found = re.search(r"Candidate: (\d\S*)", listing)
    if not found:
        raise UnsupportedError("package not known to apt", subject=package, hint=SETUP_HINT)
    return found[1]


def download_packages(packages: tuple[str, ...], directory: Path) -> None:
    """Download packages, given as ``name=version``, into a directory."""
    # The sandbox user of apt may not write to the cache in a home directory.
    unsandboxed = ("-o", "APT::Sandbox::User=root")
    run_program(("apt-get", "download", "-q", *unsandboxed, *packages), cwd=directory)
