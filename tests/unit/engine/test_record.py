from __future__ import annotations

import errno
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.engine.recordings import record

from sriovctl.codec.masking import MACMask, without_device_serial_number
from sriovctl.codec.rtnl import decode_link, encode_getlink
from sriovctl.codec.rtnl_change import LinkChange, encode_set_link
from sriovctl.engine.inventory import read_inventory, read_iommu_groups
from sriovctl.engine.link import read_link
from sriovctl.engine.record import record_host
from sriovctl.engine.vf_attributes import write_vf_attributes
from sriovctl.errors import HostError, InputError, LostError, PermissionDenied
from sriovctl.host.record_writer import RecordWriter
from sriovctl.host.recorded import RecordedHost
from sriovctl.host.simulated import SimulatedHost, layout, simulated_82576
from sriovctl.host.simulated.tree import constant
from sriovctl.model.functions import VLAN
from sriovctl.model.state import WantedVF

TOPOLOGIES = Path(__file__).parents[4] / "shared/data/topologies"
IGB = "/sys/bus/pci/devices/0000:01:00.0"
ADMIN_MAC = "52:54:00:6d:90:02"


def nameless(_vendor: str, _device: str) -> None:
    return None


@pytest.fixture
def host() -> SimulatedHost:
    host = simulated_82576()
    host.files.write_text(f"{IGB}/sriov_numvfs", "3")
    host.files.write_text("/sys/bus/pci/devices/0000:04:00.0/sriov_numvfs", "2")
    wanted = WantedVF(admin_mac=ADMIN_MAC, vlan=VLAN(42, 3), trust=True)
    write_vf_attributes(host.rtnl, "eth0", [(1, wanted)])
    return host


def all_text(directory: Path) -> str:
    texts = [str(path) for path in directory.rglob("*")]
    for path in directory.rglob("*"):
        if path.is_symlink():
            texts.append(os.readlink(path))
        elif path.is_file():
            texts.append(path.read_bytes().decode("latin-1"))
    return "\n".join(texts)


def test_a_recording_reads_as_the_host(host: SimulatedHost, tmp_path: Path) -> None:
    summary = record(host, tmp_path / "rec")
    recorded = RecordedHost(str(tmp_path / "rec"))
    assert summary.missing == ()
    assert read_inventory(recorded, name_of=nameless) == read_inventory(host, name_of=nameless)
    assert read_iommu_groups(recorded.files) == read_iommu_groups(host.files)
    for netdev in host.files.list_dir("/sys/class/net"):
        assert read_link(recorded.rtnl, netdev) == read_link(host.rtnl, netdev)
        counted = read_link(host.rtnl, netdev, with_counters=True)
        assert read_link(recorded.rtnl, netdev, with_counters=True) == counted
    for name in host.files.list_dir("/sys/bus/pci/devices"):
        path = f"/sys/bus/pci/devices/{name}"
        assert recorded.files.resolve(path) == host.files.resolve(path)
        for attribute in ("config", "resource", "class", "uevent", "numa_node", "physfn/vendor"):
            attribute_path = f"{path}/{attribute}"
            assert recorded.files.read_bytes(attribute_path) == host.files.read_bytes(
                attribute_path
            )
    for path in ("/proc/cmdline", "/proc/version", "/sys/firmware/acpi/tables/DMAR"):
        assert recorded.files.read_bytes(path) == host.files.read_bytes(path)
    drivers = "/sys/bus/pci/drivers"
    assert recorded.files.list_dir(drivers) == host.files.list_dir(drivers)


def test_a_recording_of_a_recording_is_the_same(host: SimulatedHost, tmp_path: Path) -> None:
    record(host, tmp_path / "one")
    first = RecordedHost(str(tmp_path / "one"))
    with RecordWriter(str(tmp_path / "two")) as writer:
        record_host(
            first,
            writer,
            recorded_at="2026-01-01T00:00:00+00:00",
            hide_macs=False,
            hide_serials=False,
            on_progress=lambda _line: None,
        )
        writer.complete()
    names = [p.relative_to(tmp_path / "one") for p in sorted((tmp_path / "one").rglob("*"))]
    assert names == [p.relative_to(tmp_path / "two") for p in sorted((tmp_path / "two").rglob("*"))]
    for name in names:
        one, two = tmp_path / "one" / name, tmp_path / "two" / name
        if one.is_file() and not one.is_symlink():
            assert one.read_bytes() == two.read_bytes()


def test_the_manifest(host: SimulatedHost, tmp_path: Path) -> None:
    summary = record(host, tmp_path / "rec", hide_macs=True)
    manifest = json.loads((tmp_path / "rec/recording.json").read_text())
    assert manifest["format"] == 1
    assert manifest["recorded_at"] == "2026-01-01T00:00:00+00:00"
    assert manifest["kernel"].startswith("Linux version 6.12")
    assert manifest["hidden"] == ["macs"]
    assert manifest["missing"] == []
    files = [p for p in (tmp_path / "rec").rglob("*") if p.is_file() and not p.is_symlink()]
    assert len(files) == summary.files


def test_hidden_macs_are_nowhere(host: SimulatedHost, tmp_path: Path) -> None:
    host.files.add("/proc/cmdline", constant("quiet BOOTIF=01-52-54-00-6d-91-01"))
    record(host, tmp_path / "rec", hide_macs=True)
    text = all_text(tmp_path / "rec").lower()
    for mac in ("52:54:00:6d:91:01", "52:54:00:6d:91:02", ADMIN_MAC):
        assert mac not in text
        assert mac.replace(":", "") not in text
        assert bytes.fromhex(mac.replace(":", "")).decode("latin-1") not in text


def test_hidden_macs_agree_between_files_and_netlink(host: SimulatedHost, tmp_path: Path) -> None:
    record(host, tmp_path / "rec", hide_macs=True)
    recorded = RecordedHost(str(tmp_path / "rec"))
    seen = {}
    for netdev in ("eth0", "eth1", "eth2"):
        link = read_link(recorded.rtnl, netdev)
        assert recorded.files.read_text(f"/sys/class/net/{netdev}/address") == link.mac
        assert link.mac is not None
        assert link.mac.startswith("02:00:00:")
        seen[netdev] = link.mac
    assert len(set(seen.values())) == 3
    vfs = read_link(recorded.rtnl, "eth0").vfs
    assert vfs[1].vlan == VLAN(42, 3)
    assert vfs[1].admin_mac not in (ADMIN_MAC, None)
    assert vfs[0].admin_mac == "00:00:00:00:00:00"


def test_a_netdev_named_after_its_mac(tmp_path: Path) -> None:
    host = simulated_82576()
    name = "enx5254006d9101"
    (link,) = [n for n in host.kernel.netdevs.values() if n.name == "eth0"]
    layout.withdraw_netdev(host.kernel, link)
    link.name = name
    layout.publish_netdev(host.kernel, link)
    record(host, tmp_path / "rec", hide_macs=True)
    assert name not in all_text(tmp_path / "rec")
    recorded = RecordedHost(str(tmp_path / "rec"))
    (hidden,) = recorded.files.list_dir(f"{IGB}/net")
    assert hidden.startswith("enx02")
    assert read_link(recorded.rtnl, hidden).parent_device == "0000:01:00.0"


def test_hidden_serials(tmp_path: Path) -> None:
    host = simulated_82576()
    directory = "/sys/devices/pci0000:00/0000:00:08.0/0000:05:00.0/nvme/nvme0"
    host.files.add(f"{directory}/serial", constant("SECRET42"))
    record(host, tmp_path / "open")
    record(host, tmp_path / "hidden", hide_serials=True)
    assert "SECRET42" in all_text(tmp_path / "open")
    assert "SECRET42" not in all_text(tmp_path / "hidden")


def test_what_cannot_be_read_is_listed(host: SimulatedHost, tmp_path: Path) -> None:
    directory = host.files.resolve(IGB)
    host.files.fail("/sys/firmware/acpi/tables/DMAR", errno.EACCES)
    host.files.fail(f"{directory}/class", errno.EIO)
    host.rtnl.fail(errno.EPERM)
    missing = dict(record(host, tmp_path / "rec").missing)
    assert missing["/sys/firmware/acpi/tables/DMAR"] == "EACCES"
    assert missing[f"{directory}/class"] == "EIO"
    assert missing["/sys/class/net/eth0"] == "route netlink: EPERM"


def test_without_root_the_short_config_is_listed(host: SimulatedHost, tmp_path: Path) -> None:
    directory = host.files.resolve(IGB)
    host.files.add(f"{directory}/config", constant(bytes(64)))
    host.files.add("/proc/iomem", constant("00000000-00000000 : System RAM"))
    missing = dict(record(host, tmp_path / "rec").missing)
    assert missing == {
        f"{directory}/config": "only 64 bytes are shown without root",
        "/proc/iomem": "addresses read 0 without root",
    }


def test_progress_of_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sriovctl.engine.record._PROGRESS_EVERY", 5)
    lines: list[str] = []
    with RecordWriter(str(tmp_path / "rec")) as writer:
        record_host(
            simulated_82576(),
            writer,
            recorded_at="",
            hide_macs=False,
            hide_serials=False,
            on_progress=lines.append,
        )
    assert lines == ["recorded 5 of 12 PCI functions", "recorded 10 of 12 PCI functions"]


# --- the directory ---------------------------------------------------------------------------


def test_an_existing_directory_is_refused(host: SimulatedHost, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        record(host, tmp_path / "full")
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".partial")] == []
    record(host, tmp_path / "empty")
    assert RecordedHost(str(tmp_path / "empty"))


def test_a_missing_parent_and_a_second_writer_are_refused(
    host: SimulatedHost, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="directory above"):
        record(host, tmp_path / "no/such/place")
    with RecordWriter(str(tmp_path / "rec")), pytest.raises(InputError, match="another record"):
        record(host, tmp_path / "rec")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(
    host: SimulatedHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sriovctl.host.record_writer.os.write", fail_after(20))
    with pytest.raises(HostError) as caught:
        record(host, tmp_path / "rec")
    assert caught.value.evidence["errno"] == "ENOSPC"
    assert list(tmp_path.iterdir()) == []


def fail_after(number: int) -> Callable[[int, bytes], int]:
    real, calls = os.write, iter(range(number))

    def write(descriptor: int, content: bytes) -> int:
        if next(calls, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, content[:100])  # short writes are completed

    return write


def test_a_path_that_leads_out_is_refused(tmp_path: Path) -> None:
    with RecordWriter(str(tmp_path / "rec")) as writer, pytest.raises(HostError):
        writer.add_file("/sys/../../escape", b"")


def test_a_recording_is_for_its_owner(host: SimulatedHost, tmp_path: Path) -> None:
    record(host, tmp_path / "rec")
    assert (tmp_path / "rec").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "rec/proc/cmdline").stat().st_mode & 0o777 == 0o600


# --- reading it ------------------------------------------------------------------------------


@pytest.fixture
def recorded(host: SimulatedHost, tmp_path: Path) -> RecordedHost:
    record(host, tmp_path / "rec")
    return RecordedHost(str(tmp_path / "rec"))


def test_a_recording_is_read_only(recorded: RecordedHost) -> None:
    with pytest.raises(PermissionDenied, match="read-only"):
        recorded.files.write_text(f"{IGB}/sriov_numvfs", "0")
    with pytest.raises(PermissionDenied, match="read-only"):
        recorded.rtnl.exchange([encode_set_link(LinkChange(2, up=True))])


def test_netlink_of_a_recording(recorded: RecordedHost) -> None:
    (by_index,) = recorded.rtnl.exchange([encode_getlink(ifindex=2, with_counters=False)])
    (by_name,) = recorded.rtnl.exchange([encode_getlink(ifname="eth0", with_counters=False)])
    assert by_index == by_name
    assert decode_link(by_name.payloads[0]).ifindex == 2
    with pytest.raises(LostError):
        read_link(recorded.rtnl, "eth77")


def test_damaged_netlink_data(recorded: RecordedHost, tmp_path: Path) -> None:
    (tmp_path / "rec/netlink/links.jsonl").write_text('{"ifindex": 2}\n')
    with pytest.raises(HostError, match="damaged"):
        read_link(recorded.rtnl, "eth0")


def test_no_host_tree(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no host tree"):
        RecordedHost(str(tmp_path))
    with pytest.raises(InputError, match="no such directory"):
        RecordedHost(str(tmp_path / "nothing"))


@pytest.mark.skipif(not TOPOLOGIES.is_dir(), reason="the recorded topologies are not here")
def test_recorded_topologies_load_as_they_are(tmp_path: Path) -> None:
    archives = sorted(TOPOLOGIES.glob("*.tar.xz"))[::4]  # each takes a second
    for archive in archives:
        directory = tmp_path / archive.name
        with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
            tar.extractall(directory, filter="data")
        recorded = RecordedHost(str(directory))
        pfs = read_inventory(recorded, name_of=nameless)
        assert all(len(pf.vfs) == pf.num_vfs for pf in pfs)
        assert all(vf.attributes is None for pf in pfs for vf in pf.vfs)
        assert read_iommu_groups(recorded.files)


# --- masking ---------------------------------------------------------------------------------


def test_masks_are_consistent_and_keep_what_says_nothing() -> None:
    mask = MACMask()
    text = "a 52:54:00:11:22:33 b 52-54-00-11-22-33 c 525400112233 d 5254:00:11"
    assert mask.mask_text(text) == (
        "a 02:00:00:00:00:01 b 02-00-00-00-00-01 c 020000000001 d 5254:00:11"
    )
    assert mask.mask_text("52:54:00:11:22:34") == "02:00:00:00:00:02"
    for kept in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "0000:01:00.0", "01:00.0", "12:30:59"):
        assert mask.mask_text(kept) == kept
    infiniband = "80:00:02:08:fe:80:00:00:00:00:00:00:7c:fe:90:03:00:29:26:52"
    assert mask.mask_text(infiniband) == "02" + ":00" * 18 + ":03"
    assert mask.mask_text("02:00:00:00:00:01") == "02:00:00:00:00:01"


def test_the_device_serial_number_is_blanked() -> None:
    config = bytearray(4096)
    config[0:4] = b"\x86\x80\xc9\x10"
    config[0x06] = 0x10
    config[0x34] = 0x40
    config[0x40:0x42] = b"\x10\x00"
    config[0x100:0x10C] = b"\x03\x00\x01\x00" + b"\x52\x54\x00\xff\xff\x6d\x91\x01"
    blanked = without_device_serial_number(bytes(config))
    assert blanked[0x100:0x10C] == b"\x03\x00\x01\x00" + bytes(8)
    assert without_device_serial_number(bytes(64)) == bytes(64)
