"""What the tests of ``abilities`` share: the verb, and ``ip`` as the second witness."""

from __future__ import annotations

import json
import subprocess
from typing import Any

# What VF 0 is asked for in iproute2's words, by key.  The rates go together: alone, ip reads the
# other one first.
WORDS = {
    "admin_mac": "mac 52:54:00:6d:00:aa",
    "vlan": "vlan 7",
    "vlan.qos": "vlan 7 qos 3",
    "vlan.protocol": "vlan 7 proto 802.1ad",
    "spoofchk": "spoofchk off",
    "trust": "trust on",
    "link_state": "state auto",
    "max_tx_rate_mbps": "max_tx_rate 10 min_tx_rate 0",
    "min_tx_rate_mbps": "max_tx_rate 10 min_tx_rate 5",
    "rss_query": "query_rss on",
    "node_guid": "node_guid 00:11:22:33:44:55:66:77",
    "port_guid": "port_guid 00:11:22:33:44:55:66:77",
}


def sriovctl(*words: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["sriovctl", *words], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def abilities(target: str, *options: str) -> dict[str, dict[str, Any]]:
    (pf,) = json.loads(sriovctl("abilities", target, "--json", *options))["pfs"]
    return {one["key"]: one for one in pf["abilities"]}


def table_and_probe(target: str) -> tuple[dict[str, str], dict[str, str]]:
    """What is said of each key without asking the driver, and what it answered."""
    table = {key: one["can"] for key, one in abilities(target).items()}
    asked = abilities(target, "--probe")
    return table, {key: one["can"] for key, one in asked.items() if one["known"] == "probed"}


def link_details(netdev: str) -> object:
    """All that ``ip`` shows of a netdev and its VFs."""
    shown = subprocess.run(
        ["ip", "-d", "-j", "link", "show", "dev", netdev], capture_output=True, check=True
    )
    return json.loads(shown.stdout)


def asked_with_ip(netdev: str) -> dict[str, str]:
    """Whether ``ip`` can set each attribute of VF 0; all are set in truth."""
    return {key: _ask(netdev, words) for key, words in WORDS.items()}


def _ask(netdev: str, words: str) -> str:
    command = ["ip", "link", "set", "dev", netdev, "vf", "0", *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return "yes"
    assert "not supported" in done.stderr or "Invalid argument" in done.stderr, done.stderr
    return "no"
