"""Find out whether KVM really works here.

``/dev/kvm`` may exist, and even make a vCPU, and yet fail on an ordinary guest ("KVM
internal error. Suberror: ..."), as nested virtualization sometimes does.  So a small guest
is run once per boot of the host, and the answer kept.
"""

from __future__ import annotations

import os
import subprocess
from enum import StrEnum
from pathlib import Path

from sriovctl.errors import UnsupportedError
from sriovctl.lab.image import Image, cache_root
from sriovctl.lab.progress import busy, say

_PROBE_TIMEOUT_S = 20
_WORDS_OF_PROBE = "user space works"


class Accel(StrEnum):
    """How the machine's CPU is run."""

    AUTO = "auto"
    KVM = "kvm"
    TCG = "tcg"


def use_kvm(accel: Accel, image: Image) -> bool:
    """Decide between KVM and emulation.

    :raises UnsupportedError: KVM was asked for by name and does not work.
    """
    if accel is Accel.TCG:
        return False
    works = os.access("/dev/kvm", os.R_OK | os.W_OK) and _probe_once(image)
    if accel is Accel.KVM and not works:
        raise UnsupportedError(
            "KVM does not run a guest here", subject="/dev/kvm", hint="use --accel tcg"
        )
    return works


def _probe_once(image: Image) -> bool:
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    answer = cache_root() / f"kvm-{boot_id}"
    if not answer.exists():
        for outdated in cache_root().glob("kvm-*"):
            outdated.unlink(missing_ok=True)
        with busy("trying KVM on a small guest"):
            works = _probe(image)
        answer.write_text("works" if works else "fails")
        if not works:
            say("KVM exists but does not run a guest here; using software emulation")
    return answer.read_text() == "works"


def _probe(image: Image) -> bool:
    argv = (
        *("qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-M", "q35", "-m", "256"),
        *("-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"),
        *("-kernel", str(image.kernel), "-initrd", str(image.initramfs)),
        *("-append", "console=ttyS0 quiet panic=-1 rdinit=/probe"),
    )
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        return False
    return _WORDS_OF_PROBE in done.stdout.decode(errors="replace")
