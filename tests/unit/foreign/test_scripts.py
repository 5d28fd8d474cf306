"""What scripts, rules and options say is read back here, and is what was said, or was listed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from sriovctl.engine.exchange.export_state import prepare_export
from sriovctl.engine.exchange.foreign import export_state
from sriovctl.model.functions import VLAN
from sriovctl.model.translation import Export, ExportTarget
from tests.unit.foreign.states import Case, cases
from tests.unit.foreign.test_round_trip import Fact, Facts, facts_of, named_facts

WORDS = {
    "mac": "admin_mac",
    "vlan": "vlan",
    "spoofchk": "spoofchk",
    "trust": "trust",
    "state": "link_state",
    "query_rss": "rss_query",
    "node_guid": "node_guid",
    "port_guid": "port_guid",
    "min_tx_rate": "min_tx_rate_mbps",
    "max_tx_rate": "max_tx_rate_mbps",
}


def unrolled(lines: list[str]) -> list[str]:
    """Take the loops over VFs apart."""
    found: list[str] = []
    for line in lines:
        loop = re.search(r"for n in (\$\$?\(seq (\d+) (\d+)\)|[\d ]+)", line)
        if loop is None:
            found.append(line)
            continue
        indices = range(int(loop[2]), int(loop[3]) + 1) if loop[2] else [*map(int, loop[1].split())]
        found += [re.sub(r'"?\$\$?n"?(?!\w)', str(n), line[loop.end() :]) for n in indices]
    return found


def on_one_line(text: str) -> list[str]:
    """Write each loop of a script on one line."""
    return re.sub(r"; do\n\s+(.*)\n\s+done", r"; do \1; done", text).splitlines()


def vf_facts(label: str, line: str) -> Facts:
    """Read one command for a VF."""
    found: Facts = {}
    if change := re.search(r"ip link set dev \S+ vf (\d+) ([^;&']*)", line):
        vf_index, words = int(change[1]), change[2].split()
        while words:
            key = words.pop(0)
            value: object = words.pop(0)
            if key == "vlan":
                value = vlan_of(int(str(value)), words)
            elif WORDS[key] in ("spoofchk", "trust", "rss_query"):
                value = value == "on"
            elif key.endswith("rate"):
                value = int(str(value))
            found[label, WORDS[key], vf_index] = value
    return found


def vlan_of(vlan_id: int, words: list[str]) -> VLAN:
    said = {"qos": "0", "proto": "802.1q"}
    while words and words[0] in said:
        key = words.pop(0)
        said[key] = words.pop(0)
    return VLAN(vlan_id, int(said["qos"]), said["proto"])


def facts_in_script(label: str, text: str) -> Facts:
    found: Facts = {}
    simple: tuple[tuple[str, str, dict[str, object]], ...] = (
        (
            r'echo ([01]) >"\$pf/sriov_drivers_autoprobe"',
            "drivers_autoprobe",
            {"0": False, "1": True},
        ),
        (r'link set dev "\$netdev" (up|down)$', "link.state", {"up": True, "down": False}),
    )
    for line in unrolled(on_one_line(text)):
        for pattern, key, values in simple:
            if match := re.search(pattern, line):
                found[label, key, None] = values[match[1]]
        if match := re.search(r'set_num_vfs "\$pf" (\d+)$', line):
            found[label, "num_vfs", None] = int(match[1])
        if match := re.search(r'link set dev "\$netdev" mtu (\d+)$', line):
            found[label, "link.mtu", None] = int(match[1])
        if match := re.search(r'set_eswitch_mode\w* "\$pf" (\w+)$', line):
            found[label, "eswitch.mode", None] = match[1]
        if match := re.search(r'set_msix_count "\$pf" (\d+) (\d+)', line):
            found[label, "msix_count", int(match[1])] = int(match[2])
        if match := re.search(r'\bbind_vf "\$pf" (\d+) ([\w-]+)', line):
            found[label, "driver", int(match[1])] = match[2]
        if match := re.search(r'unbind_vf "\$pf" (\d+)', line):
            found[label, "driver", int(match[1])] = None
        found |= vf_facts(label, line)
    return found


def facts_in_rules(label: str, text: str) -> Facts:
    found: Facts = {}
    for line in unrolled(text.splitlines()):
        if match := re.search(r'sriov_drivers_autoprobe\}="(\d)"', line):
            found[label, "drivers_autoprobe", None] = match[1] == "1"
        if match := re.search(r'sriov_numvfs\}="(\d+)"|echo (\d+) >\S+/sriov_numvfs', line):
            found[label, "num_vfs", None] = int(match[1] or match[2])
        if match := re.search(r"link set dev \$name (up|down)'", line):
            found[label, "link.state", None] = match[1] == "up"
        if match := re.search(r"link set dev \$name mtu (\d+)'", line):
            found[label, "link.mtu", None] = int(match[1])
        if match := re.search(r"eswitch set pci/\$(?:id|kernel) mode (\w+);", line):
            found[label, "eswitch.mode", None] = match[1]
        found |= facts_of_vf_in_rule(label, line)
    return found


def facts_of_vf_in_rule(label: str, line: str) -> Facts:
    vf = re.search(r"virtfn(\d+)\)", line)
    if vf is None:
        return vf_facts(label, line)
    if match := re.search(r"echo (\d+) >\$\$vf/sriov_vf_msix_count", line):
        return {(label, "msix_count", int(vf[1])): int(match[1])}
    match = re.search(r"echo ([\w-]+) >\$\$vf/driver_override", line)
    return {(label, "driver", int(vf[1])): match[1] if match else None}


def sections(targets: tuple[ExportTarget, ...], export: Export, name: str) -> dict[str, str]:
    """Cut a file into what it says of each PF, by label."""
    found: dict[str, str] = {}
    for file in export.files:
        for number, target in enumerate(targets, 1):
            head = f"set_up_pf_{number}() {{" if name == "ip" else f'LABEL="sriovctl_{target.name}"'
            tail = "\n}\n" if name == "ip" else f'LABEL="sriovctl_{target.name}_end"'
            if f"\n{head}" in file.text:
                text = file.text.split(f"\n{head}")[1]
                found[target.wanted.label] = text[: text.index(tail)]
    return found


@pytest.mark.parametrize("name", ["ip", "udev"])
@settings(deadline=None, max_examples=80)
@given(case=cases())
def test_all_that_was_said_is_there_or_listed(name: str, case: Case) -> None:
    request, _ = prepare_export(case.state, case.pfs)
    export = export_state(name, case.state, case.pfs)
    listed = named_facts(export.left_out)
    read = facts_in_script if name == "ip" else facts_in_rules
    texts = sections(request.targets, export, name)
    for target in request.targets:
        wanted, label = facts_of(target), target.wanted.label
        found = read(label, texts[label]) if label in texts else {}
        assert {fact: value for fact, value in wanted.items() if fact not in listed} == found


@settings(deadline=None, max_examples=80)
@given(case=cases())
def test_options_say_the_numbers_or_they_are_listed(case: Case) -> None:
    request, _ = prepare_export(case.state, case.pfs)
    export = export_state("modprobe", case.state, case.pfs)
    listed: set[Fact] = named_facts(export.left_out)
    text = export.files[0].text if export.files else ""
    found = {driver: int(count) for driver, count in re.findall(r"options (\w+) \w+=(\d+)\n", text)}
    for target in request.targets:
        driver = target.pf.driver if target.pf else target.wanted.match.driver
        for fact, value in facts_of(target).items():
            assert fact in listed or (fact[1] == "num_vfs" and found[driver or ""] == value)
