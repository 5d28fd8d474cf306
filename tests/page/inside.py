"""What runs in the lab machine whose page is tested: the daemon, and a shell for the test.

``python -m tests.page.inside CERTIFICATE KEY TOKENS``: VFs are made by the daemon, one of them is
put to use, and commands are carried out for whoever connects, a line of JSON each.
"""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab.shell import PCI, ip, netdev_of

PAGE_PORT, SHELL_PORT = 8443, 8444
PF = "0000:01:00.0"
USED_VF, ADDRESS = 2, "192.0.2.7/24"
STATE = f"""\
version: 1
pfs:
  uplink:
    match: {{address: "{PF}"}}
    num_vfs: 3
    drivers_autoprobe: false
    link: {{state: up}}
    vfs:
      1: {{vlan: {{id: 42}}}}
      {USED_VF}: {{driver: igbvf}}
"""


class Shell(socketserver.StreamRequestHandler):
    """Carries out what comes, one command a line."""

    def handle(self) -> None:
        for line in self.rfile:
            done = subprocess.run(json.loads(line), capture_output=True, text=True, check=False)
            said = {"status": done.returncode, "out": done.stdout, "err": done.stderr}
            self.wfile.write(json.dumps(said).encode() + b"\n")


def main(certificate: str, key: str, tokens: str) -> None:
    """Serve until the machine ends."""
    directory = Path(tempfile.mkdtemp())
    state = directory / "host.yaml"
    state.write_text(STATE)
    os.environ["SRIOVCTL_STATE_DIR"] = str(directory / "state")
    subprocess.run(["sriovctld", "--once", str(state)], check=True)
    netdev = next((PCI / PF / f"virtfn{USED_VF}" / "net").iterdir()).name
    ip("address", "add", ADDRESS, "dev", netdev)
    tcp = ("--api-tcp", f"0.0.0.0:{PAGE_PORT}", "--tls-cert", certificate, "--tls-key", key)
    with subprocess.Popen(["sriovctld", *tcp, "--tokens", tokens, str(state)]):
        print(netdev_of(PF), flush=True)
        socketserver.ThreadingTCPServer.allow_reuse_address = True
        with socketserver.ThreadingTCPServer(("0.0.0.0", SHELL_PORT), Shell) as server:
            server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
