"""Build netdevsim, the kernel's simulated network device, which Debian leaves out.

Stock source, from the package of the very kernel that the lab boots.  The headers stay in
a temporary directory; nothing is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sriovctl.errors import HostError
from sriovctl.lab.packages import download_packages
from sriovctl.lab.programs import require_programs, run_program
from sriovctl.lab.progress import busy


def build_netdevsim(release: str, version: str, target: Path) -> None:
    """Build the module for one kernel and put it into a directory.

    :param version: of the Debian packages that belong to ``release``.
    :raises HostError: a download or the build failed.
    """
    require_programs("make", "gcc", "strip")
    with tempfile.TemporaryDirectory(prefix="sriovctl-netdevsim-") as name:
        work = Path(name)
        with busy("downloading kernel headers and source"):
            _download(work, release, version)
        with busy("unpacking the source of netdevsim"):
            headers = _unpack_headers(work, release)
            source = _unpack_source(work, release)
        with busy("building netdevsim"):
            module = _build(headers, source)
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(module, target / module.name)


def _download(work: Path, release: str, version: str) -> None:
    flavourless = release.removesuffix("-amd64")
    names = (
        f"linux-headers-{release}",
        f"linux-headers-{flavourless}-common",
        f"linux-kbuild-{flavourless}",
        f"linux-source-{_series(release)}",
    )
    download_packages(tuple(f"{name}={version}" for name in names), work)


def _series(release: str) -> str:
    return ".".join(release.split(".")[:2])


def _unpack_headers(work: Path, release: str) -> Path:
    root = work / "headers"
    for archive in (*work.glob("linux-headers-*.deb"), *work.glob("linux-kbuild-*.deb")):
        run_program(("dpkg-deb", "-x", str(archive), str(root)))
    headers = root / "usr/src" / f"linux-headers-{release}"
    makefile = headers / "Makefile"
    # It includes its common half by the absolute path that an installation would have.
    makefile.write_text(makefile.read_text().replace("/usr/src/", f"{root}/usr/src/"))
    return headers


def _unpack_source(work: Path, release: str) -> Path:
    series = _series(release)
    archive = next(work.glob("linux-source-*.deb"))
    inside = f"linux-source-{series}/drivers/net/netdevsim"
    # Piped: the whole tree would take 1.5 GB of disk.
    script = (
        'dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/linux-source-$2.tar.xz" '
        '| tar -xJ -C "$3" "$4"'
    )
    run_program(
        ("bash", "-o", "pipefail", "-c", script, "-", str(archive), series, str(work), inside)
    )
    return work / inside


def _build(headers: Path, source: Path) -> Path:
    argv = (
        *("make", "-s", f"-j{os.cpu_count() or 1}", "-C", str(headers), f"M={source}"),
        "CONFIG_NETDEVSIM=m",
        "CONFIG_DEBUG_INFO_BTF_MODULES=",  # else it wants pahole
        "modules",
    )
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        said = {"said": done.stderr.strip()[-800:]}
        raise HostError("the build failed", subject="netdevsim", evidence=said)
    module = source / "netdevsim.ko"
    run_program(("strip", "-g", str(module)))  # 7 MB of debug information
    return module
