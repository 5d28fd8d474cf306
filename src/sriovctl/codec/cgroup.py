"""Which container a process is in, as its cgroup's path tells.  Pure."""

from __future__ import annotations

import re

# docker-<id>.scope, libpod-<id>.scope, cri-containerd-<id>.scope, /docker/<id>, /kubepods/…/<id>
_OCI = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_SHORT = 12  # as the tools of container engines show it
_NAMED = re.compile(
    r"/(?:lxc\.payload\.|lxc/)(?P<lxc>[^/]+)"
    r"|/machine-(?P<machine>[^/]+)\.scope"
    r"|/systemd-nspawn@(?P<nspawn>[^/]+)\.service"
)
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")  # systemd writes a dash within a name as \x2d


def container_in_cgroup(text: str) -> str | None:
    """Find a container's id or name in ``/proc/PID/cgroup``; None outside of one.  Pure.

    The ids of Docker, Podman, containerd and CRI-O have 64 digits and are shortened to 12; LXC and
    systemd-nspawn have names.
    """
    for line in text.splitlines():
        path = line.split(":", 2)[-1]
        ids = _OCI.findall(path)
        if ids:
            return str(ids[-1][:_SHORT])
        named = _NAMED.search(path)
        if named is not None:
            name = named["lxc"] or named["machine"] or named["nspawn"]
            return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), name)
    return None
