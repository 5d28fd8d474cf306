"""State files, right and wrong, that several tests share."""

from __future__ import annotations

from typing import NamedTuple

GOOD = """\
version: 1
pfs:
  uplink:
    match: {address: "0000:01:00.0"}
    num_vfs: 4
    drivers_autoprobe: false
    link: {state: up, mtu: 9000}
    eswitch: {mode: legacy}
    vf_default: {spoofchk: true, driver: vfio-pci}
    vfs:
      0: {admin_mac: "52:54:00:6D:90:02", vlan: {id: 42}}
      1-3: {vlan: {id: 43, qos: 3, protocol: 802.1ad}, driver: none}
pools:
  finance: {from: [uplink], vfs: 1-2, numa: preferred, policy: spread}
  rest: {from: [uplink], vfs: [0, 3]}
"""

VALID = {
    "all levels": GOOD,
    "one criterion": "version: 1\npfs: {a: {match: {netdev: eth0}}}\n",
    "an editor's comment": "# yaml-language-server: $schema=x.json\nversion: 1\n"
    "pfs: {a: {match: {netdev: eth0}}}\n",
    "all criteria": """\
version: 1
pfs:
  a:
    match:
      address: 01:00.0
      netdev: enp1s0f0
      permanent_mac: 52-54-00-6D-90-02
      driver: mlx5_core
      vendor_id: 0x15B3
      device_id: 1017
      serial: 00-02-C9-03-00-4B-1C-3A
      phys_port_name: p0
      all: false
""",
    "several PFs alike": """\
version: 1
pfs:
  cards:
    match: {driver: igb, all: true}
    num_vfs: 2
    vf_default: {admin_mac: auto, trust: off}
    vfs: {1: {admin_mac: "00:00:00:00:00:00"}}
""",
    "all of a VF": """\
version: 1
pfs:
  a:
    match: {serial: lab3}
    vf_default: {admin_mac: auto}
    vfs:
      7:
        admin_mac: 02:00:00:00:00:07
        vlan: {id: 0}
        spoofchk: no
        trust: "on"
        link_state: disable
        min_tx_rate_mbps: 0
        max_tx_rate_mbps: 4294967295
        rss_query: yes
        node_guid: "00:11:22:33:44:55:66:77"
        port_guid: 00-11-22-33-44-55-66-78
        msix_count: 2048
        driver: null
""",
    "a pool of all VFs": """\
version: 1
pfs: {a: {match: {netdev: a}}, b: {match: {netdev: b}}}
pools: {p: {from: [a, b]}}
""",
    "one VF in a pool": """\
version: 1
pfs: {a: {match: {netdev: a}}}
pools: {p: {from: [a], vfs: 3}}
""",
    "aliases": """\
version: 1
pfs:
  a: {match: {netdev: a}, vf_default: &quiet {trust: false, spoofchk: true}}
  b: {match: {netdev: b}, vf_default: *quiet}
""",
    "line ends of Windows": GOOD.replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + GOOD,
    "JSON": '{"version": 1, "pfs": {"a": {"match": {"netdev": "eth0"}, "num_vfs": 0}}}',
    "names with blanks": "version: 1\npfs: {'my uplink': {match: {netdev: eth0}}}",
}


class Wrong(NamedTuple):
    """A file that is refused.

    :param where: line and column of the complaint.
    :param in_schema: whether the schema refuses it as well.
    """

    content: str
    where: str
    what: str
    in_schema: bool = True


def changed(old: str, new: str) -> str:
    """:data:`GOOD` with one place changed."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def with_pf(lines: str) -> str:
    """A file with one PF ``a`` and another ``b`` that says *lines*, from line 5 on."""
    indented = "".join(f"    {line}\n" for line in lines.splitlines())
    return f"version: 1\npfs:\n  a: {{match: {{netdev: a}}}}\n  b:\n{indented}"


MAC = "52:54:00:00:00:01"
GUID = "00:00:00:00:00:00:00:01"

WRONG = (
    # keys
    Wrong(changed("vlan: {id: 42}", "vlna: {id: 42}"), "11:43", "did you mean 'vlan'"),
    Wrong(changed("match", "mach"), "4:5", "did you mean 'match'"),
    Wrong(changed("mtu", "mut"), "7:23", "did you mean 'mtu'"),
    Wrong(changed("mode", "modes"), "8:15", "did you mean 'mode'"),
    Wrong(changed("pools:", "pool:"), "13:1", "did you mean 'pools'"),
    Wrong(changed("policy:", "polcy:"), "14:56", "did you mean 'policy'"),
    Wrong(changed("version: 1\n", ""), "1:1", "has no 'version'"),
    Wrong(changed('{address: "0000:01:00.0"}', "{}"), "4:12", "at least one criterion"),
    Wrong(with_pf("match: {all: true}"), "5:12", "at least one criterion"),
    Wrong(with_pf("num_vfs: 1"), "5:5", "has no 'match'"),
    Wrong(changed("vlan: {id: 42}", "vlan: {qos: 1}"), "11:49", "has no 'id'"),
    Wrong(changed("{from: [uplink], vfs: 1-2", "{vfs: 1-2"), "14:12", "has no 'from'"),
    Wrong("version: 1\n", "1:1", "has no 'pfs'"),
    Wrong("version: 1\npfs: {}\n", "2:6", "names no PF"),
    Wrong("version: 1\npools: {}\n", "1:1", "names no PF", in_schema=False),
    Wrong(changed("num_vfs: 4", "num_vfs: 4\n    num_vfs: 4"), "6:5", "stands here twice", False),
    # kinds of values
    Wrong(changed("version: 1", "version: 2"), "1:10", "must be 1, the only version"),
    Wrong(changed("num_vfs: 4", "num_vfs: 0x4"), "5:14", "whole number from 0 to 65535", False),
    Wrong(changed("num_vfs: 4", "num_vfs: 65536"), "5:14", "whole number from 0 to 65535"),
    Wrong(changed("num_vfs: 4", "num_vfs: -1"), "5:14", "whole number from 0 to 65535"),
    Wrong(changed("num_vfs: 4", "num_vfs: 4.5"), "5:14", "whole number from 0 to 65535"),
    Wrong(changed("num_vfs: 4", "num_vfs: 010"), "5:14", "whole number from 0 to 65535", False),
    Wrong(
        changed("num_vfs: 4", "num_vfs: 00000000000000000000000070000"),
        "5:14",
        "whole number from 0 to 65535",
    ),
    Wrong(changed("num_vfs: 4", "num_vfs:"), "5:13", "must be a single value"),
    Wrong(changed("num_vfs: 4", "num_vfs: [4]"), "5:14", "must be a single value"),
    Wrong(changed("mtu: 9000", "mtu: 67"), "7:28", "from 68 to 65535"),
    Wrong(changed("id: 42", "id: 4095"), "11:54", "from 0 to 4094"),
    Wrong(changed("false", "maybe"), "6:24", "true or false"),
    Wrong(changed("false", "1"), "6:24", "true or false"),
    Wrong(changed("802.1ad", "802.1x"), "12:46", "one of 802.1q, 802.1ad"),
    Wrong(changed("legacy", "none"), "8:21", "one of legacy, switchdev"),
    Wrong(changed("state: up", "state: enable"), "7:19", "one of up, down"),
    Wrong(changed("preferred", "prefer"), "14:45", "one of required, preferred, any"),
    Wrong(changed("spread", "spreads"), "14:64", "one of spread, pack"),
    Wrong(changed("{state: up, mtu: 9000}", "[up]"), "7:11", "must be a mapping"),
    Wrong(changed("[uplink], vfs: 1-2", "uplink, vfs: 1-2"), "14:19", "must be a list"),
    Wrong(changed("[uplink], vfs: 1-2", "[], vfs: 1-2"), "14:19", "names no PF"),
    Wrong(changed("[uplink], vfs: 1-2", "[[uplink]], vfs: 1"), "14:20", "must be a single value"),
    Wrong("- version: 1\n", "1:1", "must be a mapping"),
    Wrong("version: 1\npfs: {[a]: {}}\n", "2:7", "a key must be a plain word", False),
    # addresses
    Wrong(changed("52:54", "53:54"), "11:22", "multicast"),
    Wrong(changed('"52:54:00:6D:90:02"', "52:54"), "11:22", "no MAC address"),
    Wrong(changed('"52:54:00:6D:90:02"', "automatic"), "11:22", "no MAC address"),
    Wrong(changed('"0000:01:00.0"', "eth0"), "4:22", "not a PCI address"),
    Wrong(with_pf("match: {vendor_id: Intel}"), "5:24", "no PCI id"),
    Wrong(with_pf("match: {permanent_mac: auto}"), "5:28", "no MAC address"),
    Wrong(with_pf("match: {netdev: ''}"), "5:21", "is no name"),
    Wrong(with_pf("match: {serial: ' x'}"), "5:21", "is no name"),
    Wrong(changed("driver: none", "driver: a/b"), "12:64", "no driver's name"),
    Wrong(changed("vlan: {id: 42}", "port_guid: 1"), "11:54", "is no GUID"),
    Wrong("version: 1\npfs: {' ': {match: {netdev: a}}}", "2:7", "is no name"),
    Wrong(f"version: 1\npfs: {{{'x' * 65}: {{match: {{netdev: a}}}}}}", "2:7", "is no name"),
    # indices
    Wrong(changed("num_vfs: 4", "num_vfs: 2"), "11:7", "VF 3 is out of range", False),
    Wrong(changed("num_vfs: 4", "num_vfs: 0"), "11:7", "VF 3 is out of range", False),
    Wrong(changed("1-3:", "0-3:"), "12:12", "already named by '0'", False),
    Wrong(changed("1-3:", "3-1:"), "12:12", "no range", False),
    Wrong(changed("1-3:", "one:"), "12:12", "no VF index"),
    Wrong(changed("1-3:", "01:"), "12:11", "no VF index"),
    Wrong(changed("1-3:", "65535:"), "12:14", "no range", False),
    Wrong(changed("vfs: [0, 3]", "vfs: []"), "15:31", "names no VF"),
    Wrong(changed("vfs: [0, 3]", "vfs: [0, 0-3]"), "15:35", "VF 0 is named twice", False),
    Wrong(changed("vfs: [0, 3]", "vfs: [0, x]"), "15:35", "no VF index"),
    # rates
    Wrong(
        changed("vlan: {id: 42}", "min_tx_rate_mbps: 20, max_tx_rate_mbps: 10"),
        "11:10",
        "min_tx_rate_mbps 20 is above max_tx_rate_mbps 10",
        in_schema=False,
    ),
    # given to two
    Wrong(with_pf("match: {netdev: a}"), "5:12", "means the PF that 'a' means, at f:3:6", False),
    Wrong(with_pf("match: {netdev: a, driver: igb}"), "5:12", "that 'a' means", False),
    Wrong(
        with_pf(f"match: {{netdev: b}}\nvfs: {{0: {{admin_mac: {MAC}}}, 1: {{admin_mac: {MAC}}}}}"),
        "6:61",
        f"pfs.b.vfs.1.admin_mac: {MAC} is given twice, first by pfs.b.vfs.0.admin_mac at f:6:26",
        in_schema=False,
    ),
    Wrong(
        with_pf(f"match: {{netdev: b}}\nvfs: {{0-2: {{admin_mac: {MAC}}}}}"),
        "6:28",
        "would be given to 3 VFs; write auto",
        in_schema=False,
    ),
    Wrong(
        with_pf(f"match: {{netdev: b}}\nvfs: {{0-2: {{port_guid: {GUID}}}}}"),
        "6:28",
        "would be given to 3 VFs; name each VF by itself",
        in_schema=False,
    ),
    Wrong(
        with_pf(f"match: {{netdev: b, all: true}}\nvfs: {{0: {{admin_mac: {MAC}}}}}"),
        "6:26",
        "would be given to VF 0 of each PF that fits",
        in_schema=False,
    ),
    Wrong(
        with_pf(f"match: {{netdev: b}}\nvf_default: {{admin_mac: {MAC}}}"),
        "6:29",
        "would be given to every VF",
        in_schema=False,
    ),
    Wrong(
        with_pf(f"match: {{netdev: b}}\nnum_vfs: 2\nvf_default: {{admin_mac: {MAC}}}"),
        "7:29",
        "would be given to 2 VFs",
        in_schema=False,
    ),
    Wrong(
        with_pf(
            f"match: {{netdev: b}}\nnum_vfs: 2\nvf_default: {{admin_mac: {MAC}}}\n"
            f"vfs: {{1: {{admin_mac: {MAC}}}}}"
        ),
        "8:26",
        "first by pfs.b.vf_default.admin_mac at f:7:29",
        in_schema=False,
    ),
    # pools
    Wrong(changed("{from: [uplink], vfs: 1-2", "{from: [uplnk], vfs: 1-2"), "14:20",
          "there is no PF 'uplnk' under pfs; did you mean 'uplink'", False),
    Wrong(changed("{from: [uplink], vfs: [", "{from: [uplink, uplink], vfs: ["), "15:25",
          "stands here twice"),
    Wrong(changed("vfs: [0, 3]", "vfs: [0, 4]"), "15:31",
          "VF 4 is out of range: 'uplink' has num_vfs 4", False),
    Wrong(changed("vfs: [0, 3]", "vfs: [0, 2]"), "15:9",
          "VF 2 of 'uplink' would also be in the pool 'finance', at f:14:12", False),
    Wrong(changed(", vfs: [0, 3]", ""), "15:9", "VF 1 of 'uplink' would also be in", False),
    # YAML
    Wrong("version: 1\n\tpfs: 1\n", "2:1", "indent with spaces, not with tabs", False),
    Wrong(GOOD + "---\n" + GOOD, "16:1", "a second document begins here", False),
    Wrong(changed("driver: none", "<<: {}"), "12:56", "merge keys ('<<') are not read", True),
    Wrong(changed("driver: none", "driver: *x"), "12:64", "nothing above is called '&x'", False),
    Wrong(changed("driver: none", "driver: !x y"), "12:64", "the tag '!x' means nothing", False),
    Wrong(changed("driver: none", "driver: 'a\x00'"), "12:66", "U+0000 is not allowed", False),
    Wrong("version: 1\npfs: &x {a: *x}\n", "2:13", "'*x' stands inside", False),
    Wrong("[" * 60, "1:51", "nested more than 50 levels deep", False),
    Wrong("version: 1\npfs: {a: 'b\n", "3:1", "is not YAML", False),
)  # fmt: skip
