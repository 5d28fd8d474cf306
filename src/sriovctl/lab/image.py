"""The kernel that lab machines boot: Debian's, unpacked into a cache, never installed.

    ~/.cache/sriovctl/lab/<release>/
        vmlinuz                       bzImage, as packaged
        vmlinux                       the same, unpacked: emulation takes seconds to do that
        lib/modules/<release>/        with netdevsim built and added
        initramfs-<hash>.cpio         made anew when our init script changes
        ready-<format>                written last: everything above is complete

A release is made in a directory beside and renamed, under a lock, so that a stopped
preparation leaves nothing half done that a later one would trust.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sriovctl.errors import HostError, UnsupportedError
from sriovctl.lab.netdevsim import build_netdevsim
from sriovctl.lab.packages import download_packages, package_version
from sriovctl.lab.programs import SETUP_HINT, require_programs, run_program
from sriovctl.lab.progress import busy

# Meta packages that name a suitable kernel, best first.
_META_PACKAGES = ("linux-image-6.12-amd64", "linux-image-amd64")
# Needed to reach the root file system, so part of the initramfs.
_ROOT_MODULES = ("9pnet_virtio", "9p", "overlay")
# Loaded by machines: unpacked beforehand, since xz is slow under emulation.
_LAB_MODULES = ("igb", "igbvf", "nvme", "vfio-pci", "8021q", "psample", "bridge", "tun", "macvtap")
# An initramfs that was not booted with for so long goes.
_UNUSED_S = 7 * 24 * 3600.0
# Goes up when what a prepared release consists of changes.
_FORMAT = 1
GUEST_SCRIPTS = Path(__file__).with_name("guest")


@dataclass(frozen=True, slots=True)
class Image:
    """One prepared kernel."""

    release: str
    kernel: Path
    initramfs: Path
    modules_tree: Path


def cache_root() -> Path:
    """Say where the lab keeps what it prepared."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sriovctl" / "lab"


def prepare_image() -> Image:
    """Return a bootable image; download and build what is missing of it.

    :raises UnsupportedError: a program or package is missing.
    :raises HostError: downloading or building failed.
    """
    cache = cache_root()
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock"):
        home = _newest_ready(cache) or _make_release(cache)
        return _image(home)


def _image(home: Path) -> Image:
    # vmlinux starts through the PVH entry, which skips the boot loader's decompression.
    kernel = home / "vmlinux"
    return Image(
        release=home.name,
        kernel=kernel if kernel.exists() else home / "vmlinuz",
        initramfs=_make_initramfs(home),
        modules_tree=home / "lib/modules" / home.name,
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of the cache, so that two preparations do not do the same."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _newest_ready(cache: Path) -> Path | None:
    ready = (path.parent for path in cache.glob(f"*/ready-{_FORMAT}"))
    return max(ready, key=lambda home: parse_release(home.name), default=None)


def parse_release(release: str) -> tuple[int, ...]:
    """Turn ``6.12.117+deb12-amd64`` into numbers that sort as releases do.  Pure."""
    return tuple(int(number) for number in re.findall(r"\d+", release))


def _make_release(cache: Path) -> Path:
    require_programs("apt-get", "apt-cache", "dpkg-deb", "depmod", "modprobe", "xz", "cpio", "make")
    release, version = _find_kernel()
    with tempfile.TemporaryDirectory(dir=cache, prefix="partial-") as name:
        home = Path(name) / release
        home.mkdir()
        _unpack_kernel(home, release, version)
        _unpack_vmlinux(home)
        _unpack_modules(home, release)
        build_netdevsim(release, version, home / "lib/modules" / release / "updates")
        run_program(("depmod", "-b", str(home), release))
        (home / f"ready-{_FORMAT}").touch()
        shutil.rmtree(cache / release, ignore_errors=True)
        return home.rename(cache / release)


def _find_kernel() -> tuple[str, str]:
    # Kernel release and package version, of what the meta package depends on today.
    for meta in _META_PACKAGES:
        try:
            listing = run_program(("apt-cache", "depends", meta))
        except HostError:
            continue
        if found := re.search(r"Depends: linux-image-(\S*\d\S*-amd64)", listing):
            return found[1], package_version(f"linux-image-{found[1]}")
    raise UnsupportedError(
        "no kernel package is known to apt", subject=_META_PACKAGES[0], hint=SETUP_HINT
    )


def _unpack_kernel(home: Path, release: str, version: str) -> None:
    package = f"linux-image-{release}"
    with busy(f"downloading kernel {release}"):
        download_packages((f"{package}={version}",), home)
    with busy("unpacking the kernel"):
        for archive in home.glob("*.deb"):
            run_program(("dpkg-deb", "-x", str(archive), str(home)))
            archive.unlink()
        (home / "boot" / f"vmlinuz-{release}").rename(home / "vmlinuz")
        if not (home / "lib").exists():  # packages since trixie have /usr/lib only
            (home / "lib").symlink_to("usr/lib")


def _unpack_vmlinux(home: Path) -> None:
    payload = parse_bzimage_payload((home / "vmlinuz").read_bytes())
    if payload is None or shutil.which("zstd") is None:
        return
    vmlinux = home / "vmlinux"
    with vmlinux.open("wb") as out:
        done = subprocess.run(
            ("zstd", "-dcq"), input=payload, stdout=out, stderr=subprocess.DEVNULL, check=False
        )
    if done.returncode:
        vmlinux.unlink()


def parse_bzimage_payload(image: bytes) -> bytes | None:
    """Cut the zstd-compressed kernel out of a bzImage; None when it is something else.  Pure.

    Source: kernel ``Documentation/arch/x86/boot.rst``, fields setup_sects, payload_offset and
    payload_length; the last four bytes of the payload are the uncompressed size.
    """
    if image[0x202:0x206] != b"HdrS":
        return None
    offset, length = struct.unpack_from("<II", image, 0x248)
    begin = ((image[0x1F1] or 4) + 1) * 512 + offset
    payload = image[begin : begin + length - 4]
    return payload if payload.startswith(b"\x28\xb5\x2f\xfd") else None


def _unpack_modules(home: Path, release: str) -> None:
    run_program(("depmod", "-b", str(home), release))
    for path in module_files(home, release, (*_ROOT_MODULES, *_LAB_MODULES)):
        if path.suffix == ".xz":
            run_program(("xz", "-d", str(path)))


def module_files(home: Path, release: str, modules: tuple[str, ...]) -> list[Path]:
    """Files of modules, in load order: what one depends on comes before it."""
    listing = run_program(
        ("modprobe", "-d", str(home), "-S", release, "--show-depends", "-a", *modules)
    )
    paths = (line.split()[1] for line in listing.splitlines() if line.startswith("insmod "))
    return [Path(path) for path in dict.fromkeys(paths)]


def _make_initramfs(home: Path) -> Path:
    init = (GUEST_SCRIPTS / "init").read_bytes()
    probe = (GUEST_SCRIPTS / "probe").read_bytes()
    path = home / f"initramfs-{hashlib.sha256(init + probe).hexdigest()[:12]}.cpio"
    if path.exists():
        path.touch()
        return path
    require_programs("busybox", "cpio")
    _sweep_initramfs(home)
    with tempfile.TemporaryDirectory(dir=home) as name:
        _fill_initramfs(Path(name), home, {"init": init, "probe": probe})
        archive(Path(name), path)
    return path


def _sweep_initramfs(home: Path) -> None:
    # Another checkout, whose script differs, may be about to boot with its own.
    for other in home.glob("initramfs-*"):
        if time.time() - other.stat().st_mtime > _UNUSED_S:
            other.unlink()


def _fill_initramfs(root: Path, home: Path, scripts: dict[str, bytes]) -> None:
    for directory in ("bin", "dev", "host", "lab", "modules", "new", "proc", "rw", "sys"):
        (root / directory).mkdir()
    shutil.copy(shutil.which("busybox") or "", root / "bin/busybox")
    for name, script in scripts.items():
        (root / name).write_bytes(script)
        (root / name).chmod(0o755)
    files = module_files(home, home.name, _ROOT_MODULES)
    for file in files:
        shutil.copy(file, root / "modules")
    (root / "modules/order").write_text("".join(f"{file.name}\n" for file in files))


def archive(root: Path, path: Path) -> None:
    """Pack a directory into an initramfs."""
    names = "".join(f"{entry.relative_to(root)}\n" for entry in sorted(root.rglob("*")))
    partial = path.with_suffix(".partial")
    run_program(
        ("cpio", "-o", "--quiet", "-H", "newc", "-R", "0:0", "-F", str(partial)),
        cwd=root,
        stdin=names,
    )
    partial.rename(path)
