"""Which container a cgroup is of."""

from __future__ import annotations

import pytest

from sriovctl.codec.cgroup import container_in_cgroup

ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"0::/system.slice/docker-{ID}.scope\n", "0123456789ab"),
        (f"12:pids:/docker/{ID}\n1:name=systemd:/docker/{ID}\n", "0123456789ab"),
        (f"0::/machine.slice/libpod-{ID}.scope/container\n", "0123456789ab"),
        (f"0::/kubepods/burstable/podf00/{ID}\n", "0123456789ab"),
        (f"0::/kubepods.slice/crio-{ID}.scope\n", "0123456789ab"),
        ("0::/lxc.payload.web/system.slice/nginx.service\n", "web"),
        ("4:cpu:/lxc/web\n", "web"),
        ("0::/machine.slice/machine-deb\\x2d12.scope/payload\n", "deb-12"),
        ("0::/machine.slice/systemd-nspawn@deb.service/payload\n", "deb"),
        ("0::/user.slice/user-0.slice/session-3.scope\n", None),
        (f"0::/system.slice/{ID}ff.scope\n", None),
        ("0::/\n", None),
        ("", None),
    ],
)
def test_container_in_cgroup(text: str, name: str | None) -> None:
    assert container_in_cgroup(text) == name
