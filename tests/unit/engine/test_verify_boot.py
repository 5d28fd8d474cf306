"""Each thing that a boot can miss is named, with what was seen and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.engine.boot_doors import BOOT_ID, Stage, ran

from sriovctl.codec.state_file import parse_state
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.persistence.boot_settings import read_boot_settings
from sriovctl.engine.persistence.persist import Request, install, plan_persist, read_manifest
from sriovctl.engine.persistence.verify_boot import Facts, verify_boot
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated.tree import constant
from sriovctl.model.functions import PF
from sriovctl.model.persistence import (
    APPLY_UNIT,
    STATE_FILE,
    UNIT_DIRECTORY,
    VERIFY_UNIT,
    Check,
    ModuleOption,
)
from sriovctl.planner.diff import plan_state

IGB = "0000:01:00.0"
STATE = """\
version: 1
pfs:
  uplink:
    match: {address: "0000:01:00.0"}
    num_vfs: 2
    drivers_autoprobe: false
    vfs:
      0: {admin_mac: "52:54:00:6d:90:02", vlan: {id: 42}, driver: igbvf}
      1: {vlan: {id: 43}, driver: vfio-pci}
  disks:
    match: {driver: nvme}
    num_vfs: 2
"""


class Boot:
    """A host that booted with what was persisted, and what the tests then spoil."""

    def __init__(self, root: Path) -> None:
        self.stage = Stage(root)
        self.host: SimulatedHost = simulated_82576()
        self.persist()
        self.apply()
        self.stage.systemd.has_booted()

    def persist(self, **needs: object) -> None:
        request = Request(
            (("host.yaml", STATE),),
            is_directory=False,
            source="/root/host.yaml",
            program=("/usr/bin/sriovctl",),
            wait_s=60,
        )._replace(**needs)  # type: ignore[arg-type]
        changes = plan_persist(self.stage.doors, request, force=False)
        install(self.stage.doors, changes, source="/root/host.yaml", boot_id="an earlier boot")

    def apply(self) -> None:
        plan = plan_state(parse_state(STATE, source="s"), self.pfs())
        site = Site(self.host, SQLiteJournal(None), lambda _: None)
        apply_plan(site, plan, options=ApplyOptions())

    def pfs(self) -> tuple[PF, ...]:
        return read_inventory(self.host, name_of=lambda *_: None)

    def checks(self, state: str = STATE) -> list[Check]:
        manifest = read_manifest(self.stage.doors)
        assert manifest is not None
        facts = Facts(
            host=self.host,
            doors=self.stage.doors,
            manifest=manifest,
            state=parse_state(state, source="s"),
            pfs=self.pfs(),
            settings=read_boot_settings(self.stage.doors.files),
            boot_id=BOOT_ID,
        )
        return list(verify_boot(facts))

    def bad(self, state: str = STATE) -> list[Check]:
        return [check for check in self.checks(state) if check.ok is not True]


@pytest.fixture
def boot(tmp_path: Path) -> Boot:
    return Boot(tmp_path)


def said(checks: list[Check]) -> list[tuple[str, str, str]]:
    return [(check.id, check.subject, check.evidence) for check in checks]


def test_a_good_boot_has_nothing_to_complain_of(boot: Boot) -> None:
    assert boot.bad() == []
    checks = boot.checks()
    assert {check.id for check in checks} == {
        *("file", "unit-enabled", "unit-ran", "order", "pf", "state", "vf-driver"),
        "group-number",
    }
    assert ("vf-driver", IGB, "VF 0 igbvf, VF 1 vfio-pci") in said(checks)
    assert ("unit-ran", APPLY_UNIT, "ran from 10.000 s to 14.000 s after the start") in said(checks)
    order = [check.subject for check in checks if check.id == "order"]
    assert order == ["network-pre.target", "libvirtd.service"]


def test_a_vlan_that_somebody_changed(boot: Boot) -> None:
    changed = STATE.replace("42", "99")  # the same as if the host's had been
    (check,) = boot.bad(changed)
    assert (check.id, check.subject) == ("state", f"{IGB} vf 0")
    assert check.evidence == "vlan is 42, wanted 99"
    assert "sriovctl apply" in (check.hint or "")


def test_what_a_guest_may_have_changed_is_told_so(boot: Boot) -> None:
    (check,) = boot.bad(STATE.replace("43", "99"))
    assert check.subject == f"{IGB} vf 1"
    assert "a guest may have it" in (check.hint or "")


def test_vfs_that_are_not_there_are_one_finding(boot: Boot) -> None:
    directory = f"/sys/bus/pci/devices/{IGB}"
    vf = boot.host.files.read_link(f"{directory}/virtfn1")
    boot.host.files.write_text("/sys/bus/pci/drivers/vfio-pci/unbind", str(vf))
    boot.host.files.write_text(f"{directory}/sriov_numvfs", "0")
    assert said(boot.bad()) == [("state", IGB, "has 0 VFs, wanted 2")]


def test_a_vf_without_its_driver(boot: Boot) -> None:
    vf = boot.host.files.read_link(f"/sys/bus/pci/devices/{IGB}/virtfn0")
    boot.host.files.write_text("/sys/bus/pci/drivers/igbvf/unbind", str(vf))
    assert said(boot.bad()) == [("vf-driver", f"{IGB} vf 0", "driver is -, wanted igbvf")]


def test_a_pf_that_is_not_there(boot: Boot) -> None:
    boot.host.vanish(IGB)
    assert said(boot.bad()) == [("pf", "uplink", f"no PF fits address {IGB}")]
    assert ("state", "0000:05:00.0", "as wanted, with 2 VFs") in said(boot.checks())


def test_a_state_that_the_host_cannot_have(boot: Boot) -> None:
    (check,) = boot.bad(STATE.replace("num_vfs: 2\n    drivers", "num_vfs: 9\n    drivers"))
    assert (check.id, check.subject) == ("state", IGB)
    assert check.evidence == "can have at most 7 VFs, not 9"


def test_the_unit_failed(boot: Boot) -> None:
    failed = ran(10, 14, result="exit-code", status=1)
    boot.stage.systemd.units[APPLY_UNIT] = failed | {"UnitFileState": "enabled"}
    (check,) = boot.bad()
    assert check.id == "unit-ran"
    assert check.evidence.startswith("failed (exit-code, exit status 1), from 10.000 s to 14.000 s")
    assert check.hint == f"run 'journalctl -b -u {APPLY_UNIT}'"


def test_the_unit_is_not_done_yet(boot: Boot) -> None:
    boot.stage.systemd.units[APPLY_UNIT] |= {
        "ActiveState": "activating",
        "ExecMainExitTimestampMonotonic": "0",
    }
    assert said(boot.bad()) == [("unit-ran", APPLY_UNIT, "is still at work")]
    assert not [check for check in boot.checks() if check.id == "order"]


def test_the_unit_did_not_run_and_is_disabled(boot: Boot) -> None:
    boot.stage.systemd.units[APPLY_UNIT] = {"UnitFileState": "disabled", "LoadState": "loaded"}
    assert said(boot.bad()) == [
        ("unit-enabled", APPLY_UNIT, "disabled"),
        ("unit-ran", APPLY_UNIT, "did not run in this boot"),
    ]


def test_the_unit_had_nothing_to_apply(boot: Boot) -> None:
    boot.stage.systemd.units[APPLY_UNIT] = {
        "UnitFileState": "enabled",
        "ConditionResult": "no",
    }
    (check,) = boot.bad()
    assert check.evidence.endswith("what it was to apply was not there")


def test_what_was_installed_in_this_boot_is_told_to_wait_for_the_next(boot: Boot) -> None:
    boot.stage.systemd.units[APPLY_UNIT] = {"UnitFileState": "enabled"}
    manifest = read_manifest(boot.stage.doors)
    assert manifest is not None
    facts = Facts(
        boot.host,
        boot.stage.doors,
        manifest._replace(boot_id=BOOT_ID),
        parse_state(STATE, source="s"),
        boot.pfs(),
        (),
        BOOT_ID,
    )
    (check,) = [one for one in verify_boot(facts) if one.id == "unit-ran"]
    assert check.evidence == "did not run in this boot, which began before it was installed"


def test_the_network_came_first(boot: Boot) -> None:
    boot.stage.systemd.units["network-pre.target"]["ActiveEnterTimestampMonotonic"] = "9000000"
    (check,) = boot.bad()
    assert (check.id, check.subject) == ("order", "network-pre.target")
    assert check.evidence == f"began at 9.000 s, {APPLY_UNIT} ended at 14.000 s"


def test_without_systemd_it_says_so_and_checks_the_rest(boot: Boot) -> None:
    boot.stage.systemd.is_running = False
    (check,) = boot.bad()
    assert (check.id, check.ok) == ("systemd", None)
    assert "systemd is not PID 1" in check.evidence
    assert [one.id for one in boot.checks()].count("state") == 2


def test_a_systemd_that_does_not_answer(boot: Boot) -> None:
    boot.stage.systemd.fails = True
    (check,) = boot.bad()
    assert (check.id, check.ok) == ("systemd", None)


def test_files_that_are_gone_or_masked(boot: Boot) -> None:
    (boot.stage.root / STATE_FILE.removeprefix("/")).unlink()
    unit = boot.stage.root / UNIT_DIRECTORY.removeprefix("/") / VERIFY_UNIT
    unit.unlink()
    unit.symlink_to("/dev/null")
    found = said(boot.bad())
    assert ("file", STATE_FILE, "is gone") in found
    assert ("file", f"{UNIT_DIRECTORY}/{VERIFY_UNIT}", "is masked") in found


def test_an_edited_file_is_told_but_no_failure(boot: Boot) -> None:
    boot.stage.write(STATE_FILE, STATE + "# a word\n")
    assert boot.bad() == []
    assert ("file", STATE_FILE, "was edited since it was persisted") in said(boot.checks())


OPTION = ModuleOption("igb", "max_vfs", "2", "why")
PARAMETER = "/sys/module/igb/parameters/max_vfs"


def test_a_parameter_that_is_in_effect(boot: Boot) -> None:
    boot.persist(options=(OPTION,))
    boot.host.files.add(PARAMETER, constant("2"))
    assert ("module-parameter", "igb max_vfs=2", "in effect: 2") in said(boot.checks())


def test_a_parameter_that_is_not_in_effect(boot: Boot) -> None:
    boot.persist(options=(OPTION,))
    boot.host.files.add(PARAMETER, constant("0"))
    (check,) = boot.bad()
    assert check.evidence == "reads 0"
    assert "initramfs" in (check.hint or "")


def test_a_parameter_that_the_kernel_does_not_show(boot: Boot) -> None:
    boot.persist(options=(OPTION,))
    boot.host.files.remove(PARAMETER)
    (check,) = boot.bad()
    assert (check.id, check.ok) == ("module-parameter", None)


def test_a_module_that_is_not_loaded(boot: Boot) -> None:
    option = OPTION._replace(module="mlx4-core")
    boot.persist(options=(option,), modules=("vfio-pci", "mlx4_core"))
    boot.host.files.add_directory("/sys/module/vfio_pci")
    assert said(boot.bad()) == [
        ("module-parameter", "mlx4-core max_vfs=2", "the module is not loaded"),
        ("module-loaded", "mlx4_core", "not loaded"),
    ]


def test_a_group_number_in_somebodys_rules(boot: Boot) -> None:
    boot.stage.write("/etc/udev/rules.d/9.rules", 'SUBSYSTEM=="vfio", KERNEL=="7", MODE="0666"\n')
    (check,) = boot.bad()
    assert (check.id, check.subject) == ("group-number", "/etc/udev/rules.d/9.rules:1")


def test_somebody_else_who_sets_the_same_is_told_but_no_failure(boot: Boot) -> None:
    text = "w /sys/class/net/eth0/device/sriov_numvfs - - - - 2\n"
    boot.stage.write("/etc/tmpfiles.d/vfs.conf", text)
    assert boot.bad() == []
    (check,) = [one for one in boot.checks() if one.id == "other-setter"]
    assert check.subject == "/etc/tmpfiles.d/vfs.conf:1"
    assert IGB in check.evidence
