"""The door to the kernel's log: ``/dev/kmsg``.

A reader that opens it for blocking waits for the next message for ever, so it is no file like
others: this host's files show it as the plain file ``/kernel.log``, which a recording then has.

Source: kernel ``Documentation/ABI/testing/dev-kmsg``; ``kernel/printk/printk.c``.
"""

from __future__ import annotations

import errno
import os
import re

from sriovctl.host.kernel_errors import kernel_error

_DEVICE = "/dev/kmsg"
_RECORD = 8192  # a record is never longer: PRINTKRB_RECORD_MAX and its decoration
_KERNEL_FACILITY = 0
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")


def read_kernel_log(device: str = _DEVICE) -> bytes | None:
    """Read the kernel's own messages as ``dmesg`` prints them; None if there is no log to read.

    Messages that programs wrote into the log are left out: they are not the kernel's words, and
    tell more of the user than of the machine.

    :raises PermissionDenied: ``kernel.dmesg_restrict`` is set.
    :raises HostError: any other failure to read.
    """
    try:
        descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return b"".join(map(_as_dmesg, _read_records(descriptor)))
        finally:
            os.close(descriptor)
    except OSError as exc:
        if exc.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
            return None
        raise kernel_error(exc, subject=device, action="cannot read") from exc


def _read_records(descriptor: int) -> list[bytes]:
    records: list[bytes] = []
    while True:
        try:
            record = os.read(descriptor, _RECORD)
        except BlockingIOError:
            return records
        except OSError as exc:
            if exc.errno != errno.EPIPE:  # the oldest messages were overwritten meanwhile: go on
                raise
        else:
            if not record:  # a regular file, as in tests
                return records
            records.append(record)


# "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,...];MESSAGE", then lines " KEY=value" that dmesg hides.
def _as_dmesg(record: bytes) -> bytes:
    head, _, rest = record.partition(b";")
    fields = head.split(b",")
    if len(fields) < 3 or not fields[0].isdigit() or not fields[2].isdigit():
        return b""
    if int(fields[0]) >> 3 != _KERNEL_FACILITY:
        return b""
    microseconds = int(fields[2])
    stamp = b"[%5d.%06d] " % divmod(microseconds, 1_000_000)
    message = _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), rest.split(b"\n")[0])
    return b"".join(stamp + line + b"\n" for line in message.split(b"\n"))
