"""VFs go into other network namespaces and come back, on a simulated host."""

from __future__ import annotations

import errno

import pytest
from tests.unit.engine.mortal import Fate, KilledError, mortal_site

from sriovctl.engine.binding import read_binding
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.leases.lending import Desk as LeaseDesk
from sriovctl.engine.leases.lending import Survey
from sriovctl.engine.leases.pools import select_pool
from sriovctl.engine.netns.attach import attach, detach
from sriovctl.engine.netns.namespaces import find_namespace
from sriovctl.engine.netns.netdevs import find_netdev
from sriovctl.engine.runs.apply import ApplyOptions
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.handover import Desk
from sriovctl.engine.runs.resume import find_open_run, resume_run
from sriovctl.engine.runs.undo import undo_run
from sriovctl.engine.runs.users import Users
from sriovctl.engine.vf_attributes import write_link, write_vf_attributes
from sriovctl.errors import (
    BusyError,
    HostError,
    InputError,
    LostError,
    SafetyError,
    SriovctlError,
    UnsupportedError,
)
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.model.address import parse_pci_address
from sriovctl.model.binding import Binding
from sriovctl.model.functions import VLAN, VFAttributes
from sriovctl.model.lease import Request, Terms
from sriovctl.model.link import LinkReport
from sriovctl.model.netns import (
    HOST,
    NetdevPlace,
    NetnsAttachResult,
    NetnsDetachResult,
    NetnsWish,
    parse_netdev_name,
)
from sriovctl.model.qemu import HandoverSettings
from sriovctl.model.run import RunStatus
from sriovctl.model.state import WantedVF

PCI = "/sys/bus/pci/devices"
PF, NVME = "0000:01:00.0", "0000:05:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
MAC, NO_MAC = "52:54:00:6d:90:02", "00:00:00:00:00:00"
ORIGINAL, NONE = Binding("igbvf", None), Binding(None, None)
VFIO = Binding("vfio-pci", "vfio-pci")
CONTAINER = "0123456789abcdef" * 4
BLUE = "/run/netns/blue"


class Bench:
    """A host whose first PF has two VFs, two named namespaces, and a journal."""

    def __init__(self) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.journal = SQLiteJournal(None)
        self.site = Site(self.host, self.journal, lambda _: None)
        self.book = SQLiteLeaseBook(None)
        self.users = Users(self.site, open_libvirt=None, open_leases=lambda: self.book)
        self.bring_up("eth0")
        self.write(PF, "sriov_numvfs", "2")
        self.blue = self.host.namespaces.add(BLUE)
        self.red = self.host.namespaces.add("/run/netns/red")

    def write(self, device: str, attribute: str, text: str) -> None:
        self.host.files.write_text(f"{PCI}/{device}/{attribute}", text)

    def bring_up(self, netdev: str) -> None:
        write_link(self.host.rtnl, netdev, up=True)

    def bind(self, device: str, driver: str) -> None:
        binding = read_binding(self.host.files, device)
        if binding.driver is not None:
            self.write(device, "driver/unbind", device)
        self.write(device, "driver_override", driver)
        self.host.files.write_text("/sys/bus/pci/drivers_probe", device)

    def desk(self, *allowed: str) -> Desk:
        return Desk(self.site, self.users, frozenset(allowed))

    def attach(
        self,
        vf: str = VF0,
        netns: str = "blue",
        *,
        settings: HandoverSettings | None = None,
        wish: NetnsWish | None = None,
        allowed: tuple[str, ...] = (),
    ) -> NetnsAttachResult:
        return attach(
            self.desk(*allowed),
            vf=parse_pci_address(vf),
            netns=netns,
            settings=settings or HandoverSettings(),
            wish=wish or NetnsWish(),
        )

    def detach(self, vf: str = VF0, *allowed: str) -> NetnsDetachResult:
        return detach(self.desk(*allowed), vf=parse_pci_address(vf))

    def place(self, vf: str = VF0) -> NetdevPlace:
        found = find_netdev(self.host, vf)
        assert found is not None
        return found

    def where(self, vf: str = VF0) -> tuple[str, str]:
        place = self.place(vf)
        return place.namespace, place.ifname

    def binding(self, vf: str = VF0) -> Binding:
        return read_binding(self.host.files, vf)

    def attributes(self, vf_index: int = 0) -> VFAttributes:
        (pf, *_) = read_inventory(self.host, name_of=lambda *_: None)
        found = pf.vfs[vf_index].attributes
        assert found is not None
        return found

    def set_vf(self, wanted: WantedVF, vf_index: int = 0) -> None:
        write_vf_attributes(self.host.rtnl, "eth0", [(vf_index, wanted)])

    def vlan(self, vf_index: int = 0) -> int:
        vlan = self.attributes(vf_index).vlan
        assert vlan is not None
        return vlan.id

    def tokens(self, vf: str = VF0) -> list[str]:
        owners = self.users.of(read_inventory(self.host, name_of=lambda *_: None)).owners
        return [owner.token for owner in owners.get(vf, ())]


@pytest.fixture
def bench() -> Bench:
    return Bench()


WANTED = HandoverSettings(MAC, 42, spoofchk=False, trust=True)


# --- there and back --------------------------------------------------------------------------


def test_a_vf_gets_its_settings_before_its_driver_and_goes(bench: Bench) -> None:
    result = bench.attach(settings=WANTED, wish=NetnsWish("data0", up=True))
    assert (result.namespace.name, result.netdev, result.up) == ("blue", "data0", True)
    assert (result.mac, result.vlan, result.run_id, result.warnings) == (MAC, 42, 1, ())
    assert bench.where() == (bench.blue, "data0")
    known = bench.attributes()
    assert (known.admin_mac, known.vlan) == (MAC, VLAN(42))
    assert (known.spoofchk, known.trust) == (False, True)
    assert bench.binding() == ORIGINAL
    assert bench.tokens() == ["namespace:blue"]
    steps = [one.step for one in bench.site.journal.steps(1)]
    assert [next(iter(step.after)) for step in steps] == [
        "driver",
        "admin_mac",
        "driver",
        "namespace",
    ]
    (command,) = steps[-1].commands
    assert command == f"ip link set dev $(ls {PCI}/{VF0}/net) netns blue name data0 up"


def test_it_comes_back_as_it_was(bench: Bench) -> None:
    bench.set_vf(WantedVF(admin_mac="52:54:00:6d:90:09", vlan=VLAN(9, 2)))
    before = bench.attributes()
    bench.attach(settings=WANTED, wish=NetnsWish("data0", up=True))
    result = bench.detach()
    assert (result.namespace, result.given_back, result.run_id) == ("blue", 1, None)
    assert (result.driver, result.vlan) == ("igbvf", 9)
    assert bench.attributes() == before
    assert bench.place().namespace == HOST
    assert bench.tokens() == []
    again = bench.detach()
    assert (again.namespace, again.given_back, again.run_id) == (None, None, None)


def test_without_settings_the_netdev_moves_and_nothing_else(bench: Bench) -> None:
    bench.bring_up("eth2")
    mac = bench.place().mac
    result = bench.attach()
    assert (result.netdev, result.up, result.mac) == ("eth2", False, mac)
    (step,) = [one.step for one in bench.site.journal.steps(1)]
    assert step.before == {"namespace": HOST, "netdev": "eth2", "up": True}
    assert step.after == {"namespace": bench.blue, "netdev": "eth2"}
    assert step.commands == ("ip link set dev eth2 netns blue",)
    bench.detach()
    place = bench.place()
    assert (place.namespace, place.ifname, place.up, place.mac) == (HOST, "eth2", True, mac)


def test_two_vfs_have_one_name_in_two_namespaces(bench: Bench) -> None:
    bench.attach(VF0, "blue", wish=NetnsWish("data0"))
    bench.attach(VF1, "red", wish=NetnsWish("data0"))
    assert bench.where(VF0) == (bench.blue, "data0")
    assert bench.where(VF1) == (bench.red, "data0")
    bench.detach(VF0)
    assert bench.where(VF1) == (bench.red, "data0")
    assert bench.where(VF0)[0] == HOST


@pytest.mark.parametrize("driver", [None, "vfio-pci"])
def test_a_vf_without_netdev_is_refused_and_rebound_when_asked(
    bench: Bench, driver: str | None
) -> None:
    bench.write(VF0, "driver/unbind", VF0)
    if driver:
        bench.bind(VF0, driver)
    before, known = bench.binding(), bench.attributes()
    family = SafetyError if driver else BusyError
    with pytest.raises(family, match=r"and so (has )?no netdev.*--rebind"):
        bench.attach()
    result = bench.attach(settings=HandoverSettings(MAC), wish=NetnsWish(rebind=True))
    assert (result.mac, bench.binding()) == (MAC, ORIGINAL)
    assert bench.place().namespace == bench.blue
    assert bench.detach().driver == driver
    assert bench.binding() == before
    assert bench.attributes() == known
    assert find_netdev(bench.host, VF0) is None


def test_what_is_there_already_is_left_alone_or_refused(bench: Bench) -> None:
    bench.attach(settings=WANTED, wish=NetnsWish("data0", up=True))
    again = bench.attach(settings=WANTED, wish=NetnsWish("data0", up=True))
    assert (again.run_id, again.netdev) == (None, "data0")
    assert bench.attach().run_id is None
    for settings, wish in (
        (HandoverSettings(vlan=43), NetnsWish()),
        (HandoverSettings(mac="52:54:00:6d:90:09"), NetnsWish()),
        (HandoverSettings(trust=False), NetnsWish()),
        (HandoverSettings(), NetnsWish("other")),
    ):
        with pytest.raises(BusyError, match="is not as wanted"):
            bench.attach(settings=settings, wish=wish)
    with pytest.raises(SafetyError, match="is in use: namespace:blue"):
        bench.attach(netns="red", allowed=("namespace:blue",))


def test_a_vf_that_somebody_else_moved_comes_back_too(bench: Bench) -> None:
    bench.set_vf(WantedVF(vlan=VLAN(7)))
    bench.host.namespaces.move("eth2", bench.blue)
    result = bench.detach()
    assert (result.namespace, result.given_back, result.run_id) == ("blue", None, 1)
    assert "nobody knows what the VF was before" in result.warnings[0]
    assert (bench.where(), bench.vlan()) == ((HOST, "eth2"), 7)
    assert bench.site.journal.steps(1)[0].step.commands == (
        f"nsenter --net={BLUE} ip link set dev eth2 netns 1",
    )
    undo_run(bench.site)
    assert bench.where() == (bench.blue, "eth2")


# --- which namespace -------------------------------------------------------------------------


def test_a_namespace_is_named_in_many_ways(bench: Bench) -> None:
    handle = bench.host.namespaces.add()
    cgroup = f"/system.slice/docker-{CONTAINER}.scope"
    process = bench.host.processes.start("sh", namespace=handle, cgroup=cgroup)
    pid = process.pid
    ways = (str(pid), f"pid-{pid}", f"/proc/{pid}/ns/net", CONTAINER[:12], CONTAINER)
    for text in ways:
        found = find_namespace(bench.host.files, text)
        assert (found.handle, found.name) == (handle, CONTAINER[:12])
    for text in ("blue", BLUE):
        assert find_namespace(bench.host.files, text).handle == bench.blue
    bench.attach(netns=CONTAINER[:12])
    assert bench.tokens() == [f"namespace:{CONTAINER[:12]}"]
    assert bench.detach().namespace == CONTAINER[:12]


def test_what_is_no_other_namespace_is_refused_and_told_what_is(bench: Bench) -> None:
    for text in ("green", "/run/netns/green", "999999", "/proc/999999/ns/net"):
        with pytest.raises(InputError, match=r"no such network namespace.*there are blue, red"):
            find_namespace(bench.host.files, text)
    for text in ("1", "/proc/self/ns/net"):
        with pytest.raises(InputError, match="of this host itself"):
            find_namespace(bench.host.files, text)
    for name in ("blue", "red"):
        bench.host.namespaces.delete(f"/run/netns/{name}")
    with pytest.raises(InputError, match="ip netns add NAME"):
        bench.attach()


# --- refusals --------------------------------------------------------------------------------


def test_what_is_in_use_is_refused(bench: Bench) -> None:
    bench.host.network.add_address("eth2", "192.0.2.9/24")
    with pytest.raises(SafetyError, match=r"is in use: address:192\.0\.2\.9.*--allow"):
        bench.attach()
    bench.bind(VF1, "vfio-pci")
    process = bench.host.processes.start("dpdk-testpmd")
    bench.host.processes.open_vfio_group(process, VF1)
    with pytest.raises(SafetyError, match=f"process:dpdk-testpmd-{process.pid}"):
        bench.attach(VF1, wish=NetnsWish(rebind=True))
    assert bench.site.journal.runs() == ()


def test_what_is_leased_is_refused_and_its_holder_may_say_so(bench: Bench) -> None:
    def survey() -> Survey:
        return Survey(read_inventory(bench.host, name_of=lambda *_: None), {})

    pool = select_pool(f"address={PF},vfs=0")
    lender = LeaseDesk(bench.site, bench.book, survey)
    (lease,) = lender.take(pool, Request("anna"), Terms())
    with pytest.raises(SafetyError, match="lease:1"):
        bench.attach()
    bench.attach(allowed=("lease:1",))
    with pytest.raises(SafetyError, match="lease:1 would feel it"):
        bench.detach()
    bench.detach(VF0, "lease:1")
    assert bench.where() == (HOST, "eth2")
    lender.release([lease.lease_id])


def test_a_lease_that_is_taken_before_the_lock_is_seen_in_time(bench: Bench) -> None:
    pool = select_pool(f"address={PF},vfs=0")

    def survey() -> Survey:
        return Survey(read_inventory(bench.host, name_of=lambda *_: None), {})

    lender = LeaseDesk(bench.site, bench.book, survey)
    taken = False

    def borrow(_: str) -> None:
        nonlocal taken
        if not taken:
            taken = True
            lender.take(pool, Request("anna"), Terms())

    hurried = bench.desk()._replace(site=bench.site._replace(progress=borrow))
    with pytest.raises(SafetyError, match="lease:1 would feel it"):
        attach(
            hurried,
            vf=parse_pci_address(VF0),
            netns="blue",
            settings=HandoverSettings(),
            wish=NetnsWish(),
        )
    assert bench.where() == (HOST, "eth2")


def test_a_mac_of_another_is_refused(bench: Bench) -> None:
    bench.attach(VF1, settings=HandoverSettings(MAC))
    with pytest.raises(SriovctlError, match=MAC):
        bench.attach(VF0, settings=HandoverSettings(MAC))


def test_a_name_that_is_taken_there_is_refused(bench: Bench) -> None:
    bench.host.namespaces.add_link(bench.blue, "data0", "dummy", lower=1)
    with pytest.raises(InputError, match=r"data0.*netdev in blue already.*--name"):
        bench.attach(wish=NetnsWish("data0"))
    assert bench.site.journal.runs() == ()


@pytest.mark.parametrize("name", ["", ".", "a b", "a/b", "eth%d", "sixteen-letters-"])
def test_what_is_no_name_of_a_netdev(name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name"):
        parse_netdev_name(name)
    assert parse_netdev_name("data0") == "data0"


def test_a_function_without_netdevs_is_refused(bench: Bench) -> None:
    bench.write(NVME, "sriov_numvfs", "1")
    (vf,) = next(
        pf for pf in read_inventory(bench.host, name_of=lambda *_: None) if pf.device == NVME
    ).vfs
    for action in (bench.attach, bench.detach):
        with pytest.raises(UnsupportedError, match="no network function"):
            action(str(vf.address))


def test_a_kernel_that_does_not_tell_parents_is_too_old(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sriovctl.engine.netns.attach.read_link", lambda _, name: LinkReport(1, name)
    )
    with pytest.raises(UnsupportedError, match=r"since 5\.14"):
        bench.attach()
    assert bench.site.journal.runs() == ()


def test_a_pf_that_is_down_is_warned_of(bench: Bench) -> None:
    write_link(bench.host.rtnl, "eth0", up=False)
    assert "PF eth0 is down" in bench.attach().warnings[0]


# --- when it goes wrong ----------------------------------------------------------------------


def test_a_namespace_that_ends_gives_the_netdev_back_and_detach_the_rest(bench: Bench) -> None:
    bench.attach(settings=WANTED, wish=NetnsWish("data0", up=True))
    bench.host.namespaces.delete(BLUE)
    assert (bench.where(), bench.place().up) == ((HOST, "data0"), False)
    assert (bench.tokens(), bench.vlan()) == ([], 42)
    result = bench.detach()
    assert (result.namespace, result.given_back) == (None, 1)
    assert bench.vlan() == 0


def test_a_netdev_that_came_back_by_itself_gets_its_name_again(bench: Bench) -> None:
    bench.attach(wish=NetnsWish("eth0"))  # as the PF's here
    bench.host.namespaces.delete(BLUE)
    assert bench.place().ifname.startswith("dev")
    bench.detach()
    assert bench.where() == (HOST, "eth2")


def test_a_namespace_that_a_process_keeps_stays(bench: Bench) -> None:
    process = bench.host.processes.start("sh", namespace=bench.blue)
    bench.attach()
    bench.host.namespaces.delete(BLUE)
    assert bench.tokens() == [f"namespace:pid-{process.pid}"]
    assert bench.detach().namespace == f"pid-{process.pid}"
    assert bench.where() == (HOST, "eth2")


def test_a_netdev_that_nobody_can_see(bench: Bench) -> None:
    bench.host.namespaces.move("eth2", bench.host.namespaces.add())
    with pytest.raises(SafetyError, match="namespace:unknown"):
        bench.attach()
    with pytest.raises(LostError, match="cannot be seen"):
        bench.detach()


@pytest.mark.parametrize("number", [errno.EPERM, errno.EINVAL, errno.EIO])
def test_a_move_that_is_refused_leaves_all_as_it_was(bench: Bench, number: int) -> None:
    before = bench.attributes()
    bench.host.namespaces.fail_move(number)
    with pytest.raises(SriovctlError, match=r"cannot be moved") as caught:
        bench.attach(settings=HandoverSettings(vlan=42))
    assert caught.value.evidence["steps taken back"] == 3
    assert (bench.attributes().vlan, bench.place().namespace) == (before.vlan, HOST)


def test_a_namespace_that_ends_meanwhile_leaves_all_as_it_was(bench: Bench) -> None:
    bench.host.files.before(f"{PCI}/{VF0}/driver_override", lambda: delete_once(bench))
    with pytest.raises(LostError, match="the network namespace is gone"):
        bench.attach(settings=HandoverSettings(vlan=42))
    assert (bench.vlan(), bench.place().namespace) == (0, HOST)


def delete_once(bench: Bench) -> None:
    if bench.host.files.exists("/proc/self") and BLUE in bench.host.namespaces.mount_points:
        bench.host.namespaces.delete(BLUE)


@pytest.mark.parametrize("then", ["undo", "resume", "detach"])
@pytest.mark.parametrize("settings", [WANTED, HandoverSettings()])
def test_kill_9_at_any_point_can_be_undone_or_gone_on_with(
    settings: HandoverSettings, then: str
) -> None:
    dies_at = 0
    while True:
        bench = Bench()
        before, binding = bench.attributes(), bench.binding()
        fate = Fate(dies_at=dies_at)
        site = mortal_site(bench.host, bench.journal, fate)
        desk = Desk(site, bench.users)
        try:
            attach(
                desk,
                vf=parse_pci_address(VF0),
                netns="blue",
                settings=settings,
                wish=NetnsWish("data0", up=True),
            )
        except KilledError:
            pass
        else:
            break
        boot_id = bench.site.journal.runs()[0].boot_id if bench.site.journal.runs() else None
        is_open = find_open_run(bench.site.journal, boot_id) is not None
        if is_open:
            with pytest.raises(BusyError, match="was cut short"):
                bench.attach(netns="red")
        if then == "resume" and is_open:
            options = ApplyOptions(frozenset({"namespace:blue"}))
            resume_run(bench.site, options=options, check=lambda _: None)
            assert bench.where() == (bench.blue, "data0")
            assert bench.place().up
            bench.detach()
        elif then == "undo":
            undo_run(bench.site)
        else:
            bench.detach()
        assert bench.place().namespace == HOST
        assert bench.binding() == binding
        assert bench.attributes()._replace(admin_mac=None) == before._replace(admin_mac=None)
        assert find_open_run(bench.site.journal, boot_id) is None
        dies_at += 1
    assert dies_at > (12 if settings is WANTED else 6)


def test_a_step_that_is_refused_at_any_point_is_taken_back() -> None:
    refused_at = 0
    while True:
        bench = Bench()
        fate = Fate(refused_at=refused_at)
        site = mortal_site(bench.host, bench.journal, fate)
        try:
            attach(
                Desk(site, bench.users),
                vf=parse_pci_address(VF0),
                netns="blue",
                settings=WANTED,
                wish=NetnsWish("data0", up=True),
            )
        except HostError:
            assert bench.place().namespace == HOST
            assert (bench.vlan(), bench.binding()) == (0, ORIGINAL)
            assert bench.site.journal.runs()[0].status is not RunStatus.RUNNING
        else:
            break
        refused_at += 1
    assert refused_at > 6
