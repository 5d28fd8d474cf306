"""Outputs by example, and what an export depends on of the host at hand."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from sriovctl.engine.exchange.export_state import find_pfs, prepare_export, read_modules
from sriovctl.engine.exchange.foreign import FORMATS, export_state
from sriovctl.engine.inventory import read_inventory
from sriovctl.host.simulated import simulated_82576
from sriovctl.model.functions import PF, VLAN
from sriovctl.model.state import (
    AUTO_MAC,
    UNSET,
    DesiredState,
    PFMatch,
    WantedPF,
    WantedPool,
    WantedVF,
)
from sriovctl.model.translation import DriverModule, Export, Imposed, LeftOut
from sriovctl.planner.auto_mac import auto_mac, pf_identity
from sriovctl.planner.drivers import RULES

IGB = "0000:01:00.0"
OTHER = "0000:04:00.0"
NVME = "0000:05:00.0"


def host_pfs() -> tuple[PF, ...]:
    return read_inventory(simulated_82576(), name_of=lambda *_: None)


def state(*pfs: WantedPF, pools: tuple[WantedPool, ...] = ()) -> DesiredState:
    return DesiredState(pfs, pools)


def wanted(label: str = "uplink", address: str = IGB, **said: object) -> WantedPF:
    return WantedPF(label, PFMatch(address=address), **said)  # type: ignore[arg-type]


def text_of(export: Export) -> str:
    (file,) = export.files
    return file.text


# --- what is taken from the host -------------------------------------------------------------


def test_a_number_that_is_not_said_is_that_of_the_host() -> None:
    pf = host_pfs()[0]._replace(num_vfs=2)
    trusted = wanted(vf_default=WantedVF(trust=True), vfs=((5, WantedVF(spoofchk=True)),))
    request, left_out = prepare_export(state(trusted), [pf])
    assert request.targets[0].num_vfs == 2
    assert [n for n, _ in request.targets[0].vfs] == [0, 1]
    assert left_out == (LeftOut("spoofchk", "uplink", "there are to be 2 VFs", (5,)),)


def test_without_a_number_what_is_meant_for_every_vf_is_left_out() -> None:
    trusted = wanted(vf_default=WantedVF(trust=True), vfs=((5, WantedVF(spoofchk=True)),))
    request, left_out = prepare_export(state(trusted), [])
    assert request.targets[0].vfs == ((5, WantedVF(spoofchk=True)),)
    assert [(one.key, one.vfs) for one in left_out] == [("trust", ())]


def test_automatic_macs_are_worked_out_or_left_out() -> None:
    auto = wanted(num_vfs=2, vf_default=WantedVF(admin_mac=AUTO_MAC))
    pf = host_pfs()[0]
    request, left_out = prepare_export(state(auto), [pf])
    macs = [vf.admin_mac for _, vf in request.targets[0].vfs]
    assert macs == [auto_mac(pf_identity(pf), n) for n in range(2)]
    assert left_out == ()
    request, left_out = prepare_export(state(auto), [])
    assert request.targets[0].vfs == ()
    assert [(one.key, one.vfs) for one in left_out] == [("admin_mac", (0, 1))]


def test_pools_are_left_out_by_name() -> None:
    _, left_out = prepare_export(state(wanted(), pools=(WantedPool("a", ("uplink",)),)), [])
    assert left_out == (LeftOut("pools", "a", "pools are sriovctl's own"),)


def test_names_are_safe_and_differ() -> None:
    labels = ("a/b", "a b", "ü", "[Match]")
    pfs = (wanted(label, f"0000:0{n}:00.0") for n, label in enumerate(labels, 1))
    request, _ = prepare_export(state(*pfs), [])
    assert [target.name for target in request.targets] == ["a-b", "a-b-2", "pf", "Match"]


def test_each_pf_of_several_is_a_target() -> None:
    every = WantedPF("all", PFMatch(driver="igb", all=True), num_vfs=1)
    request, _ = prepare_export(state(every), host_pfs())
    assert [(one.name, one.pf and one.pf.device) for one in request.targets] == [
        ("all", IGB),
        ("all-2", OTHER),
    ]
    assert find_pfs(every._replace(match=PFMatch(driver="igb")), host_pfs()) == (None,)


# --- how the PF is found ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [name for name in FORMATS if name not in ("ip", "udev", "modprobe")]
)
def test_what_cannot_be_matched_is_looked_up(name: str) -> None:
    serial = WantedPF("uplink", PFMatch(serial="00-11-22-33-44-55-66-77"), num_vfs=1)
    pf = host_pfs()[0]._replace(serial="00-11-22-33-44-55-66-77")
    export = export_state(name, state(serial), [pf])
    assert len(export.files) == 1
    assert any(one.key.startswith("match.") for one in export.imposed)
    without = export_state(name, state(serial), [])
    assert without.files == ()
    assert {one.key for one in without.left_out} == {"match.serial", "num_vfs"}


@pytest.mark.parametrize("name", ["systemd-networkd", "networkmanager", "nmstate", "netplan"])
def test_a_pf_without_a_netdev_is_nothing_for_them(name: str) -> None:
    export = export_state(name, state(wanted(address=NVME, num_vfs=1)), host_pfs())
    assert export.files == ()
    assert all("the PF has none" in one.why for one in export.left_out)


@pytest.mark.parametrize("netdev", ["a b", "eth*", "x\ny", "[x]"])
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "modprobe"])
def test_a_name_that_would_mean_something_else_is_never_written(name: str, netdev: str) -> None:
    strange = WantedPF("uplink", PFMatch(netdev=netdev), num_vfs=1)
    export = export_state(name, state(strange), [])
    assert export.files == ()
    assert {one.key for one in export.left_out} == {"match.netdev", "num_vfs"}


# --- one format after the other --------------------------------------------------------------


def test_netplan_names_vfs_by_the_rule_of_udev() -> None:
    vfs = ((1, WantedVF(vlan=VLAN(42), admin_mac="52:54:00:00:00:01")),)
    pf = WantedPF("uplink", PFMatch(netdev="enp1s0"), num_vfs=2, vfs=vfs)
    export = export_state("netplan", state(pf), [])
    assert text_of(export) == (
        "# Made by sriovctl.\n"
        "network:\n"
        "  version: 2\n"
        "  ethernets:\n"
        "    enp1s0:\n"
        "      virtual-function-count: 2\n"
        "    enp1s0v1:\n"
        "      link: enp1s0\n"
        "      macaddress: '52:54:00:00:00:01'\n"
        "  vlans:\n"
        "    enp1s0v1.42:\n"
        "      id: 42\n"
        "      link: enp1s0v1\n"
        "      renderer: sriov\n"
    )
    nameless = pf._replace(match=PFMatch(netdev="eth0"))
    export = export_state("netplan", state(nameless), [])
    assert [(one.key, one.vfs) for one in export.left_out] == [
        ("admin_mac", (1,)),
        ("vlan", (1,)),
    ]


def test_rates_of_igb_are_no_part_of_a_profile() -> None:
    rated = wanted(num_vfs=1, vf_default=WantedVF(max_tx_rate_mbps=100, trust=True))
    for name in ("networkmanager", "nmstate"):
        export = export_state(name, state(rated), host_pfs())
        assert [one.key for one in export.left_out] == ["max_tx_rate_mbps"]
        assert "tx-rate" not in text_of(export)
        other = [host_pfs()[0]._replace(driver="mlx5_core")]
        assert "max-tx-rate" in text_of(export_state(name, state(rated), other))


def test_one_driver_takes_one_number() -> None:
    two = wanted(num_vfs=2)
    export = export_state("modprobe", state(two, wanted("b", OTHER, num_vfs=2)), host_pfs())
    assert text_of(export).endswith("\noptions igb max_vfs=2\n")
    assert export.imposed == ()
    export = export_state("modprobe", state(two), host_pfs())
    assert export.imposed == (Imposed("num_vfs", OTHER, "every PF of igb makes as many VFs"),)
    export = export_state("modprobe", state(two, wanted("b", OTHER, num_vfs=3)), host_pfs())
    assert export.files == ()
    assert {(one.key, one.where) for one in export.left_out} == {
        ("num_vfs", "uplink"),
        ("num_vfs", "b"),
    }


def test_intels_own_driver_takes_a_list_of_all_its_functions() -> None:
    modules = (DriverModule("igb", "igb", (IGB, "0000:02:00.0", OTHER)),)
    pfs = [pf._replace(num_vfs=1) if pf.device == OTHER else pf for pf in host_pfs()]
    gone = WantedPF("gone", PFMatch(driver="igb", address="0000:7f:00.0"), num_vfs=1)
    export = export_state("modprobe", state(wanted(num_vfs=4), gone), pfs, modules=modules)
    assert text_of(export).endswith("\noptions igb max_vfs=4,0,1\n")
    assert [(one.key, one.where) for one in export.left_out] == [("num_vfs", "gone")]


class FakeModules(NamedTuple):
    """Installed modules of which one thing is known."""

    kind: str | None

    def parameter_type(self, module: str, parameter: str) -> str | None:
        return self.kind if (module, parameter) == ("igb", "max_vfs") else None

    def is_installed(self, module: str) -> bool | None:
        return module == "igb"

    def is_in_initramfs(self, module: str) -> bool | None:
        return module == ""

    @property
    def rebuild_command(self) -> str | None:
        return None


def test_a_list_is_known_by_the_module_or_by_its_taint() -> None:
    host, pfs = simulated_82576(), host_pfs()
    one_number = (DriverModule("igb", "igb"),)
    assert read_modules(host.files, FakeModules("uint"), pfs) == one_number
    assert read_modules(host.files, FakeModules("array of int"), pfs) == (
        DriverModule("igb", "igb", (IGB, OTHER)),
    )
    assert read_modules(host.files, None, pfs) == one_number


def test_the_module_is_named_where_the_host_says_it() -> None:
    modules = (DriverModule("igb", "igb_of_intel"),)
    export = export_state("modprobe", state(wanted(num_vfs=2)), host_pfs(), modules=modules)
    assert text_of(export).endswith("\noptions igb_of_intel max_vfs=2\n")


def test_each_driver_that_makes_vfs_at_load_is_exported() -> None:
    for name, rules in RULES.items():
        if rules.vf_count_parameter is not None:
            pf = WantedPF("a", PFMatch(driver=name, all=True), num_vfs=2)
            text = text_of(export_state("modprobe", state(pf), []))
            assert text.endswith(f" {rules.vf_count_parameter}=2\n")


def test_a_script_finds_several_pfs_at_run_time() -> None:
    every = WantedPF("all", PFMatch(driver="igb", all=True), num_vfs=1)
    text = text_of(export_state("ip", state(every), []))
    assert '[ "$found" -ge 1 ] || die "all: no PF fits"' in text
    assert "chosen" not in text


def test_the_eswitch_of_ice_changes_before_there_are_vfs() -> None:
    for driver, change in (
        ("ice", "set_eswitch_mode_without_vfs"),
        ("mlx5_core", "set_eswitch_mode"),
    ):
        pf = WantedPF("up", PFMatch(driver=driver), num_vfs=2, eswitch_mode="switchdev", mtu=UNSET)
        script = text_of(export_state("ip", state(pf), []))
        lines = [line.strip() for line in script.splitlines()]
        first = lines.index(f'{change} "$pf" switchdev') < lines.index('set_num_vfs "$pf" 2')
        assert first == (driver == "ice")
        rules = text_of(export_state("udev", state(pf), [])).splitlines()
        (mode,) = (n for n, line in enumerate(rules) if "devlink" in line)
        (count,) = (n for n, line in enumerate(rules) if re.search(r'numvfs}="2"|echo 2 >', line))
        assert (mode < count) == (driver == "ice")
