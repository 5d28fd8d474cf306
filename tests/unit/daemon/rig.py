"""A simulated host that is kept by a daemon, whose time passes only when a test says so."""

from __future__ import annotations

import io
from collections.abc import Sequence

from sriovctl.codec.rtnl import decode_link, encode_getlink
from sriovctl.codec.rtnl_change import LinkChange, encode_set_link, encode_set_vf
from sriovctl.codec.state_file import parse_state
from sriovctl.daemon.declaration import Declaration
from sriovctl.daemon.keeper import Keeper
from sriovctl.daemon.log import Log, Priority
from sriovctl.daemon.watch import Watch, look_at
from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.users import Users
from sriovctl.host.baseline_file import BaselineFile
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated.events import SimulatedEvents
from sriovctl.model.functions import VFAttributes
from sriovctl.model.health import Health
from sriovctl.model.run import Run
from sriovctl.model.state import WantedVF
from sriovctl.planner.diff import plan_state

IGB, OTHER, NVME = "0000:01:00.0", "0000:04:00.0", "0000:05:00.0"
PCI = "/sys/bus/pci/devices"
STATE = f"""
version: 1
pfs:
  uplink:
    match: {{address: "{IGB}"}}
    num_vfs: 3
    drivers_autoprobe: false
    link: {{state: up}}
    vf_default: {{vlan: {{id: 42}}, spoofchk: false}}
    vfs:
      1: {{admin_mac: "52:54:00:6d:90:01", vlan: {{id: 43}}}}
"""


class Rig:
    """A host with its daemon; the daemon can be killed and started again."""

    def __init__(self, state: str = STATE, *, directory: str | None = None) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.directory = directory
        self.state = state
        self.journal = SQLiteJournal(directory)
        self.book = SQLiteLeaseBook(directory)
        self.memory = BaselineFile(directory)
        self.out = io.StringIO()
        self.start()

    def start(self, *, site: Site | None = None, room: int = 4096) -> None:
        """Start the daemon, without a look yet."""
        self.site = site or Site(self.host, self.journal, lambda _: None)
        self.events = SimulatedEvents(self.host.kernel, room=room)
        self.watch = Watch(self.host.clock, self.events)
        declaration = Declaration(
            lambda: (("host.yaml", self.state),),
            self.site.journal,
            self.memory,
            boot_id=read_boot_id(self.host.files),
        )
        log = Log(self.out, priorities=False, least=Priority.DEBUG)
        users = Users(self.site, open_libvirt=None, open_leases=lambda: self.book)
        self.keeper = Keeper(self.site, declaration, users, log, remind=self.watch.remind)

    def kill(self) -> None:
        self.events.close()

    def begin(self) -> None:
        self.keeper.load(anew=False)
        self.keeper.look_all()

    def pass_time(self, seconds: float) -> None:
        """Let the daemon do what is due, for so long."""
        end = self.host.clock.now() + seconds
        while True:
            while self.watch.take_events(self.keeper):
                pass
            due_at = self.watch.due_at()
            if due_at is None or due_at > end:
                break
            self.host.clock.sleep(max(0.0, due_at - self.host.clock.now()))
            look_at(self.keeper, self.watch.take_due())
        self.host.clock.sleep(max(0.0, end - self.host.clock.now()))

    # --- what others do ------------------------------------------------------------------

    def ip_set(self, vf_index: int, wanted: WantedVF, device: str = IGB) -> None:
        """Do what ``ip link set … vf`` does."""
        message = encode_set_vf(self.ifindex(device), vf_index, wanted, current=None)
        (answer,) = self.host.rtnl.exchange([message])
        assert answer.errno == 0

    def ip_up(self, *, up: bool, device: str = IGB) -> None:
        (answer,) = self.host.rtnl.exchange(
            [encode_set_link(LinkChange(self.ifindex(device), up=up))]
        )
        assert answer.errno == 0

    def write(self, device: str, attribute: str, text: str) -> None:
        self.host.files.write_text(f"{PCI}/{device}/{attribute}", text)

    def reload_driver(self, device: str = IGB) -> None:
        """Do what ``rmmod igb; modprobe igb`` does to one PF."""
        for word in ("unbind", "bind"):
            self.host.files.write_text(f"/sys/bus/pci/drivers/igb/{word}", device)

    def apply(self, state: str, *, allowed: Sequence[str] = (), source: str = "x.yaml") -> int:
        """Do what a person's ``sriovctl apply`` does."""
        pfs = read_inventory(self.host, name_of=lambda *_: None)
        plan = plan_state(parse_state(state, source=source), pfs, owners={})
        site = Site(self.host, self.journal, lambda _: None)
        options = ApplyOptions(frozenset(allowed), source)
        run_id = apply_plan(site, plan, options=options).run_id
        assert run_id is not None
        return run_id

    # --- what there is -------------------------------------------------------------------

    def ifindex(self, device: str = IGB) -> int:
        (netdev,) = self.host.files.list_dir(f"{PCI}/{device}/net")
        text = self.host.files.read_text(f"/sys/class/net/{netdev}/ifindex")
        assert text is not None
        return int(text)

    def vfs(self, device: str = IGB) -> tuple[VFAttributes, ...]:
        request = encode_getlink(ifindex=self.ifindex(device), with_counters=False)
        (answer,) = self.host.rtnl.exchange([request])
        return decode_link(answer.payloads[0]).vfs

    def vlans(self, device: str = IGB) -> list[int]:
        return [vf.vlan.id for vf in self.vfs(device) if vf.vlan is not None]

    def num_vfs(self, device: str = IGB) -> int:
        return int(self.host.files.read_text(f"{PCI}/{device}/sriov_numvfs") or 0)

    def runs(self) -> list[Run]:
        return list(self.journal.runs())

    def health(self) -> Health:
        return self.keeper.condition.health

    def reason(self) -> str:
        return self.keeper.condition.reason

    def log(self) -> str:
        return self.out.getvalue()
