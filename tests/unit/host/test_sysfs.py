from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sriovctl.errors import BusyError, HostError, LostError, PermissionDenied, SriovctlError
from sriovctl.host.kernel_errors import errno_name, kernel_error, write_error
from sriovctl.host.sysfs import SysfsTree


@pytest.fixture
def tree(tmp_path: Path) -> SysfsTree:
    device = tmp_path / "sys/devices/pci0000:00/0000:00:06.0"
    device.mkdir(parents=True)
    (device / "vendor").write_text("0x8086\n")
    (device / "config").write_bytes(bytes(range(256)) * 40)
    (device / "subsystem").symlink_to("../../../bus/pci")
    devices = tmp_path / "sys/bus/pci/devices"
    devices.mkdir(parents=True)
    (devices / "0000:00:06.0").symlink_to("../../../devices/pci0000:00/0000:00:06.0")
    (devices / "absolute").symlink_to("/sys/devices/pci0000:00/0000:00:06.0")
    (devices / "dangling").symlink_to("../nothing")
    (devices / "loop").symlink_to("loop")
    (devices / "escape").symlink_to("../../../../../../../../../etc/passwd")
    (devices / "escape-absolute").symlink_to("/etc/passwd")
    return SysfsTree(str(tmp_path))


@pytest.mark.parametrize("name", ["0000:00:06.0", "absolute"])
def test_reading_through_links(tree: SysfsTree, name: str) -> None:
    path = f"/sys/bus/pci/devices/{name}"
    assert tree.read_text(f"{path}/vendor") == "0x8086"
    assert tree.read_bytes(f"{path}/config") == bytes(range(256)) * 40
    assert tree.resolve(path) == "/sys/devices/pci0000:00/0000:00:06.0"
    assert tree.list_dir(path) == ("config", "subsystem", "vendor")
    assert tree.read_link(f"{path}/subsystem") == "pci"
    assert tree.resolve(f"{path}/subsystem/devices") == "/sys/bus/pci/devices"
    assert tree.exists(f"{path}/subsystem")


@pytest.mark.parametrize("name", ["dangling", "loop", "escape", "escape-absolute", "nothing"])
def test_links_that_lead_nowhere(tree: SysfsTree, name: str) -> None:
    path = f"/sys/bus/pci/devices/{name}"
    assert tree.read_text(path) is None
    assert tree.resolve(path) is None
    assert tree.list_dir(path) == ()
    assert not tree.exists(path)


def test_dots_do_not_lead_out(tree: SysfsTree) -> None:
    assert tree.read_text("/sys/../../../../../../../etc/passwd") is None
    assert tree.resolve("/../..") == "/"
    assert tree.resolve("/sys/bus/pci/devices/absolute/..") == "/sys/devices/pci0000:00"
    assert tree.list_dir("/sys/bus/pci/devices/absolute/..") == ("0000:00:06.0",)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.sampled_from(["..", ".", "", "sys", "bus", "escape", "etc"]), max_size=12))
def test_no_path_leads_out(parts: list[str]) -> None:
    tree = SysfsTree("/nonexistent-root")
    assert tree.resolve("/" + "/".join(parts)) is None
    assert not tree.exists("/" + "/".join(parts))


def test_a_missing_file_is_an_answer_and_a_directory_is_no_file(tree: SysfsTree) -> None:
    assert tree.read_text("/sys/nothing") is None
    assert tree.read_text("/sys/devices/pci0000:00/0000:00:06.0/vendor/below") is None
    assert tree.list_dir("/sys/devices/pci0000:00/0000:00:06.0/vendor") == ()
    assert tree.read_link("/sys/bus/pci/devices") is None
    with pytest.raises(HostError) as caught:
        tree.read_text("/sys/bus")
    assert caught.value.evidence["errno"] == "EISDIR"
    assert caught.value.subject == "/sys/bus"


def test_writing_needs_the_attribute_to_be_there(tree: SysfsTree, tmp_path: Path) -> None:
    path = "/sys/bus/pci/devices/0000:00:06.0/vendor"
    tree.write_text(path, "0x1234")
    assert tree.read_text(path) == "0x1234"
    with pytest.raises(LostError) as caught:
        tree.write_text("/sys/bus/pci/devices/0000:00:06.0/sriov_numvfs", "1")
    assert caught.value.evidence == {"errno": "ENOENT", "value": "'1'"}
    assert not (tmp_path / "sys/devices/pci0000:00/0000:00:06.0/sriov_numvfs").exists()


def test_a_target_is_as_it_is_written(tree: SysfsTree) -> None:
    devices = "/sys/bus/pci/devices"
    assert tree.read_target(f"{devices}/0000:00:06.0") == "../../../devices/pci0000:00/0000:00:06.0"
    assert tree.read_target(f"{devices}/dangling") == "../nothing"
    assert tree.read_target(f"{devices}/nothing") is None
    assert tree.read_target("/nothing/at/all") is None


def test_the_real_root() -> None:
    tree = SysfsTree()
    assert tree.root == "/"
    assert tree.read_text("/proc/version") is not None
    assert tree.resolve("/proc/self/status") == f"/proc/{os.getpid()}/status"
    assert tree.resolve("/proc/nothing") is None
    assert "self" in tree.list_dir("/proc")
    assert tree.list_dir("/nothing") == ()
    assert tree.read_link("/proc/self") == str(os.getpid())
    with open("/dev/null") as file:
        assert tree.read_target(f"/proc/self/fd/{file.fileno()}") == "/dev/null"
    assert (tree.read_target("/proc/self/ns/net") or "").startswith("net:[")
    assert tree.read_target("/proc/self/status") is None
    assert tree.read_target("/proc/4999999/ns/net") is None
    assert tree.exists("/proc")


@pytest.mark.parametrize(
    ("number", "family"),
    [
        (errno.EACCES, PermissionDenied),
        (errno.EPERM, PermissionDenied),
        (errno.EBUSY, BusyError),
        (errno.ENODEV, LostError),
        (errno.ENXIO, LostError),
        (errno.ENOMEM, HostError),
        (errno.EIO, HostError),
    ],
)
def test_families(number: int, family: type[SriovctlError]) -> None:
    error = kernel_error(OSError(number, "words"), subject="/p", action="cannot read")
    assert type(error) is family
    assert error.evidence == {"errno": errno.errorcode[number]}
    assert str(error).startswith("/p: cannot read: words")


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENODEV])
def test_the_drivers_answer_is_not_a_lost_device(number: int) -> None:
    exc = OSError(number, "words")
    assert type(write_error(exc, path="/p", value="1", exists=True)) is HostError
    assert type(write_error(exc, path="/p", value="1", exists=False)) is LostError


def test_names_of_errnos() -> None:
    assert errno_name(errno.EOPNOTSUPP) == "EOPNOTSUPP"
    assert errno_name(errno.EBUSY) == "EBUSY"
    assert errno_name(4000) == "4000"
