"""A guest with a real Linux for the libvirt of a lab machine, booted beforehand.

Emulated within an emulated machine, a kernel takes a minute to boot.  So it is booted here, where
it takes seconds, and saved by libvirt; inside, ``virsh restore`` lets it go on in seconds.  It has
the lab's kernel, busybox, igbvf, and a serial port that obeys: see ``guest/linux-guest``.

    ~/.cache/sriovctl/lab/<release>/linux-guest-<hash>/
        initramfs.cpio, guest.xml, saved

The hash is of all that a saved guest depends on; a newer QEMU or libvirt makes a new one.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
import time
from pathlib import Path

from sriovctl.lab.image import (
    GUEST_SCRIPTS,
    Image,
    archive,
    cache_root,
    locked,
    module_files,
)
from sriovctl.lab.programs import require_programs, run_program
from sriovctl.lab.progress import busy

NAME = "LinuxGuest"
# Where tests find the directory of the guest.
VARIABLE = "SRIOVCTL_LAB_LINUX_GUEST"

_MODULES = ("igbvf", "8021q", "virtio_net")
_UNUSED_S = 7 * 24 * 3600.0
# init_on_free leaves zeros in memory, which take no room in the saved state.
_KERNEL_ARGS = (
    "console=ttyS0 quiet panic=-1 no_timer_check nokaslr mitigations=off apparmor=0 audit=0 "
    "cryptomgr.notests init_on_free=1"
)
_XML = """\
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>128</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{cmdline}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='custom' match='exact'><model fallback='allow'>qemu64</model></cpu>
  <devices>
    <controller type='pci' index='0' model='pcie-root'/>
    <controller type='pci' index='1' model='pcie-root-port'/>
    <controller type='pci' index='2' model='pcie-root-port'/>
    <controller type='pci' index='3' model='pcie-root-port'/>
    <controller type='usb' model='none'/>
    <serial type='pty'/>
    <memballoon model='none'/>
  </devices>
</domain>
"""


def prepare_linux_guest(image: Image) -> Path:
    """Return the directory with a saved guest; boot and save one if there is none.

    :raises UnsupportedError: a program is missing.
    :raises HostError: it did not boot, or libvirt-python is missing.
    """
    require_programs("busybox", "cpio", "qemu-system-x86_64")
    with locked(cache_root() / "lock"):
        home = image.modules_tree.parents[2]
        made = home / f"linux-guest-{_fingerprint(image)}"
        if (made / "saved").exists():
            made.touch()
        else:
            _sweep(home)
            with busy("booting a guest to be restored inside"):
                _make(image, made)
        return made


# Whatever the saved memory or the devices in it come from.
def _fingerprint(image: Image) -> str:
    sources = (
        (GUEST_SCRIPTS / "linux-guest").read_text(),
        Path(__file__).read_text(),
        run_program(("qemu-system-x86_64", "--version")),
        run_program(("libvirtd", "--version")),
        str(image.kernel),
        str(image.kernel.stat().st_mtime_ns),
    )
    return hashlib.sha256("\n".join(sources).encode()).hexdigest()[:12]


def _sweep(home: Path) -> None:
    for other in home.glob("linux-guest-*"):
        if time.time() - other.stat().st_mtime > _UNUSED_S:
            shutil.rmtree(other)


def _make(image: Image, made: Path) -> None:
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    initramfs = made / "initramfs.cpio"
    with tempfile.TemporaryDirectory(dir=made) as name:
        _fill(Path(name), image)
        archive(Path(name), initramfs)
    xml = _XML.format(name=NAME, kernel=image.kernel, initrd=initramfs, cmdline=_KERNEL_ARGS)
    # A process of its own: libvirt's driver in here needs an event loop, and talks a lot.
    run_program((sys.executable, "-m", "sriovctl.lab.save_linux_guest", str(made)), stdin=xml)


def _fill(root: Path, image: Image) -> None:
    for directory in ("bin", "modules"):
        (root / directory).mkdir()
    shutil.copy(shutil.which("busybox") or "", root / "bin/busybox")
    shutil.copy(GUEST_SCRIPTS / "linux-guest", root / "init")
    (root / "init").chmod(0o755)
    files = module_files(image.modules_tree.parents[2], image.release, _MODULES)
    for file in files:
        shutil.copy(file, root / "modules")
    (root / "modules/order").write_text("".join(f"{file.name}\n" for file in files))
