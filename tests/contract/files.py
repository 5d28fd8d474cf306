"""What sysfs and procfs answer; part of the contract."""

from __future__ import annotations

from functools import partial

import pytest

from sriovctl.codec.mounts import parse_mountinfo
from sriovctl.codec.rtnl import decode_link, encode_link_dump
from sriovctl.errors import HostError, LostError, PermissionDenied
from sriovctl.host.api import Host
from tests.contract.machine import (
    BUS,
    DEVICES,
    IGB,
    NVME,
    VF0,
    VF1,
    command,
    driver_of,
    enable,
    netdevs_of,
    read,
    refusal,
    write,
)


class FilesContract:
    def test_missing_is_none(self, host: Host) -> None:
        files = host.files
        assert read(host, IGB, "no_such_attribute") is None
        assert read(host, "0000:77:00.0", "vendor") is None
        assert files.read_bytes(f"{DEVICES}/{IGB}/no_such_attribute") is None
        assert files.read_link(f"{DEVICES}/{IGB}/physfn") is None
        assert files.read_link(f"{DEVICES}/{IGB}/vendor") is None
        assert files.resolve(f"{DEVICES}/{IGB}/physfn") is None
        assert files.list_dir(f"{DEVICES}/{IGB}/no_such_directory") == ()
        assert files.list_dir(f"{DEVICES}/{IGB}/vendor") == ()
        assert not files.exists(f"{DEVICES}/{IGB}/physfn")

    def test_not_supported_and_not_while_down_are_none(self, host: Host) -> None:
        (netdev,) = netdevs_of(host, IGB)
        assert host.files.read_text(f"/sys/class/net/{netdev}/phys_port_name") is None
        assert host.files.read_text(f"/sys/class/net/{netdev}/carrier") is None

    def test_read_only_stays_read_only(self, host: Host) -> None:
        action = partial(write, host, IGB, "sriov_totalvfs", "3")
        assert refusal(action) == (PermissionDenied, "EACCES")

    def test_a_directory_is_no_file(self, host: Host) -> None:
        with pytest.raises(HostError):
            host.files.read_text(f"{DEVICES}/{IGB}")

    def test_links_are_followed_on_the_way(self, host: Host) -> None:
        enable(host, 1, autoprobe=False)
        assert host.files.read_text(f"{DEVICES}/{VF0}/physfn/sriov_numvfs") == "1"
        assert host.files.read_text(f"{DEVICES}/{IGB}/virtfn0/device") == "0x10ca"
        names = host.files.list_dir(f"{DEVICES}/{VF0}/physfn")
        assert "virtfn0" in names
        assert list(names) == sorted(names)

    def test_resource_has_the_vf_bars(self, host: Host) -> None:
        enable(host, 2, autoprobe=False)
        pf, vf = read(host, IGB, "resource"), read(host, VF1, "resource")
        assert pf is not None
        assert vf is not None
        first, last, _ = (int(word, 16) for word in pf.splitlines()[7].split())
        assert (last - first + 1) // 8 == 0x4000  # the reservation is for TotalVFs, 8
        start, end, _ = (int(word, 16) for word in vf.splitlines()[0].split())
        assert (start, end) == (first + 0x4000, first + 0x7FFF)

    def test_an_nvme_controller_says_its_serial_as_long_as_its_driver_has_it(
        self, host: Host
    ) -> None:
        (controller,) = host.files.list_dir(f"{DEVICES}/{NVME}/nvme")
        path = f"{DEVICES}/{NVME}/nvme/{controller}/serial"
        serial = host.files.read_text(path)
        assert serial is not None
        assert (len(serial), serial.strip()) == (20, "lab3")
        command(host, "drivers/nvme/unbind", NVME)
        try:
            assert host.files.list_dir(f"{DEVICES}/{NVME}/nvme") == ()
        finally:
            command(host, "drivers/nvme/bind", NVME)

    def test_names_of_drivers(self, host: Host) -> None:
        names = host.files.list_dir(f"{BUS}/drivers")
        assert {"igb", "igbvf", "nvme", "vfio-pci", "pcieport"} <= set(names)

    @pytest.mark.parametrize(
        ("driver", "module"),
        [("igb", "igb"), ("vfio-pci", "vfio_pci"), ("pcieport", "pcieportdrv")],
    )
    def test_modules_of_drivers(self, host: Host, driver: str, module: str) -> None:
        assert host.files.read_link(f"{BUS}/drivers/{driver}/module") == module
        # What is built in looks like a module that was never loaded.
        state = host.files.read_text(f"/sys/module/{module}/initstate")
        assert state == (None if driver == "pcieport" else "live")

    def test_parameters_of_modules(self, host: Host) -> None:
        assert host.files.read_text("/sys/module/igb/parameters/max_vfs") == "0"
        assert not host.files.exists("/sys/module/igb/parameters/num_vfs")


class ProcessesContract:
    def test_this_process_knows_itself_and_its_parent(self, host: Host) -> None:
        status = host.files.read_text("/proc/self/status") or ""
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert fields["Pid"].isdigit()
        assert host.files.exists(f"/proc/{fields['PPid']}")
        assert fields["Pid"] in host.files.list_dir("/proc")

    def test_open_files_are_links_to_what_they_are(self, host: Host) -> None:
        names = host.files.list_dir("/proc/self/fd")
        targets = [host.files.read_target(f"/proc/self/fd/{name}") for name in names]
        assert "0" in names
        assert any(target is not None and target.startswith("/") for target in targets)
        assert host.files.read_target("/proc/self/fd/99999") is None
        assert host.files.read_target("/proc/self/status") is None

    def test_a_process_that_is_not_there_is_none(self, host: Host) -> None:
        assert host.files.list_dir("/proc/4999999/fd") == ()
        assert host.files.read_bytes("/proc/4999999/environ") is None

    def test_own_network_namespace_is_that_of_init_and_can_be_asked(self, host: Host) -> None:
        own = host.files.read_target("/proc/self/ns/net")
        assert own is not None
        assert own.startswith("net:[")
        assert own == host.files.read_target("/proc/1/ns/net")
        (answer,) = host.namespaces.exchange("/proc/1/ns/net", [encode_link_dump(with_vfs=False)])
        names = {decode_link(payload).ifname for payload in answer.payloads}
        assert names == set(host.files.list_dir("/sys/class/net"))

    def test_a_namespace_that_is_not_there_is_lost(self, host: Host) -> None:
        for path in ("/run/netns/no-such-name", "/proc/4999999/ns/net"):
            with pytest.raises(LostError):
                host.namespaces.exchange(path, [encode_link_dump(with_vfs=False)])

    def test_something_is_mounted_at_the_root(self, host: Host) -> None:
        for process in ("self", "1"):
            mounts = parse_mountinfo(host.files.read_text(f"/proc/{process}/mountinfo") or "")
            assert "/" in {mount.mount_point for mount in mounts}
        assert host.files.read_text("/proc/swaps") is not None

    def test_a_function_is_enabled_while_somebody_uses_it(self, host: Host) -> None:
        enable(host, 2, autoprobe=False)
        assert read(host, VF0, "enable") == "0"
        write(host, VF0, "driver_override", "vfio-pci")
        command(host, "drivers_probe", VF0)
        assert driver_of(host, VF0) == "vfio-pci"
        assert read(host, VF0, "enable") == "0"  # bound, and open for nobody
        write(host, VF1, "driver_override", "igbvf")
        command(host, "drivers_probe", VF1)
        assert read(host, VF1, "enable") == "1"
        command(host, "drivers/igbvf/unbind", VF1)
        assert read(host, VF1, "enable") == "0"
