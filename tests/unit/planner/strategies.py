"""Random hosts, wishes and users, within what the drivers can do."""

from __future__ import annotations

from hypothesis import strategies as st

from sriovctl.model.address import PCIAddress
from sriovctl.model.functions import PF, VF, VLAN
from sriovctl.model.owner import Owner, OwnerKind, OwnerMap
from sriovctl.model.state import AUTO_MAC, UNSET, DesiredState, PFMatch, Unset, WantedPF, WantedVF
from sriovctl.planner.abilities import row_of
from sriovctl.planner.drivers import rules_of
from tests.unit.planner.model_host import fresh_vf

# (driver, PCI class, device id): netdevsim is on no PCI bus.
CARDS = (
    ("igb", "020000", "10c9"),
    ("ixgbe", "020000", "10fb"),
    ("i40e", "020000", "1572"),
    ("ice", "020000", "1592"),
    ("mlx5_core", "020000", "101d"),
    ("bnxt_en", "020000", "16d8"),
    ("netdevsim", None, None),
    ("nvme", "010802", "0010"),
    ("someone_new", "020000", "0001"),
)
TOTAL = 7
MODES = ("legacy", "switchdev")


@st.composite
def pfs(draw: st.DrawFn, number: int = 0) -> PF:
    driver, pci_class, device_id = draw(st.sampled_from(CARDS))
    address = PCIAddress(0, number + 1, 0, 0) if pci_class else None
    card = PF(
        device=str(address) if address else f"netdevsim{number}",
        address=address,
        vendor_id=device_id and "8086",
        device_id=device_id,
        name=None,
        pci_class=pci_class,
        driver=driver,
        netdev=None if driver == "nvme" else f"eth{number}",
        numa_node=None,
        iommu_group=None,
        num_vfs=0,
        total_vfs=TOTAL if address else None,
        drivers_autoprobe=draw(st.booleans()) if address else None,
        up=None if driver == "nvme" else draw(st.booleans()),
        mtu=None if driver == "nvme" else draw(st.sampled_from([1500, 9000])),
        permanent_mac=f"52:54:00:00:{number:02x}:00",
    )
    row = row_of(card)
    if row is not None and "eswitch_mode" in row.sets:
        card = card._replace(eswitch_mode=draw(st.sampled_from(MODES)))
    count = draw(st.integers(0, TOTAL))
    vfs = tuple(draw(lived(card, fresh_vf(card, n))) for n in range(count))
    if not count and rules_of(driver).eswitch_resets_at_zero:
        card = card._replace(eswitch_mode="legacy")
    return card._replace(num_vfs=count, vfs=vfs)


@st.composite
def lived(draw: st.DrawFn, pf: PF, vf: VF) -> VF:
    """Let a VF have been configured."""
    said = draw(wanted_vfs(pf, vf.vf_index, mode=pf.eswitch_mode))
    if vf.attributes is not None:
        values = {k: v for k, v in said._asdict().items() if v is not UNSET and v != AUTO_MAC}
        known = {k: v for k, v in values.items() if k in vf.attributes._fields}
        vf = vf._replace(attributes=vf.attributes._replace(**known))
    if said.msix_count is not UNSET:
        vf = vf._replace(msix_count=said.msix_count)
    if said.driver is not UNSET:
        vf = vf._replace(driver=said.driver)
    return vf


@st.composite
def wanted_vfs(draw: st.DrawFn, pf: PF, vf_index: int, mode: str | None) -> WantedVF:
    row = row_of(pf)
    sets = row.sets if row is not None else frozenset({"admin_mac", "vlan", "trust", "spoofchk"})
    if row is not None and mode == "switchdev":
        sets = sets - row.not_in_switchdev
    if not pf.up and rules_of(pf.driver).rates_need_link:
        sets = sets - {"max_tx_rate_mbps"}
    said: dict[str, object] = {}
    # A PF has its number in the MACs of its VFs, so that none is there twice.
    mac = (pf.permanent_mac or "").rpartition(":")[0]
    choices: dict[str, st.SearchStrategy[object]] = {
        "admin_mac": st.sampled_from([f"{mac}:{vf_index:02x}", AUTO_MAC]),
        "vlan": st.integers(0, 4094).map(VLAN),
        "spoofchk": st.booleans(),
        "trust": st.booleans(),
        "link_state": st.sampled_from(["auto", "disable"]),
        "max_tx_rate_mbps": st.sampled_from([0, 100, 1000]),
        "rss_query": st.booleans(),
        "msix_count": st.sampled_from([4, 8, 16]),
    }
    for key, values in choices.items():
        if key in sets and draw(st.booleans()):
            said[key] = draw(values)
    if pf.address is not None and draw(st.booleans()):
        said["driver"] = draw(st.sampled_from(["vfio-pci", rules_of(pf.driver).vf_driver]))
    return WantedVF(**said)  # type: ignore[arg-type]


@st.composite
def wanted_pfs(draw: st.DrawFn, pf: PF) -> WantedPF:
    netdev, driver = pf.netdev is not None, rules_of(pf.driver)
    num_vfs = draw(st.integers(0, TOTAL))
    row = row_of(pf)
    has_modes = row is not None and "eswitch_mode" in row.sets
    modes: list[str | Unset] = [*MODES, UNSET] if has_modes else [UNSET]
    links: list[bool | Unset] = [True, False, UNSET]
    must_be_up = bool(driver.up_before_vfs) and not pf.up
    link_up = True if must_be_up else draw(st.sampled_from(links))
    vfs = {
        n: draw(wanted_vfs(pf, n, mode="switchdev" if has_modes else None))
        for n in draw(st.sets(st.integers(0, num_vfs - 1)) if num_vfs else st.just(set()))
    }
    return WantedPF(
        label=pf.device,
        match=PFMatch(address=pf.device),
        num_vfs=num_vfs if draw(st.integers(0, 3)) or (pf.num_vfs or 0) < num_vfs else UNSET,
        drivers_autoprobe=UNSET if pf.address is None else draw(st.sampled_from([True, False])),
        link_up=link_up if netdev else UNSET,
        mtu=draw(st.sampled_from([1500, 9000, UNSET])) if netdev else UNSET,
        eswitch_mode=draw(st.sampled_from(modes)),
        vfs=tuple(sorted((n, vf) for n, vf in vfs.items() if n < (pf.num_vfs or 0) or num_vfs > n)),
    )


@st.composite
def hosts(draw: st.DrawFn) -> tuple[PF, ...]:
    return tuple(draw(pfs(number)) for number in range(draw(st.integers(1, 3))))


@st.composite
def states(draw: st.DrawFn, host: tuple[PF, ...]) -> DesiredState:
    named = draw(st.sets(st.sampled_from(host), min_size=1))
    return DesiredState(tuple(draw(wanted_pfs(pf)) for pf in host if pf in named))


@st.composite
def owner_maps(draw: st.DrawFn, host: tuple[PF, ...]) -> OwnerMap:
    kinds = st.sampled_from([kind for kind in OwnerKind if kind is not OwnerKind.FOREIGN])
    found: OwnerMap = {}
    for pf in host:
        devices = [pf.device, *(str(vf.address) for vf in pf.vfs if vf.address)]
        for device in devices:
            owners = [Owner(kind, device) for kind in draw(st.sets(kinds, max_size=2))]
            if device == pf.device and draw(st.booleans()):
                owners.append(Owner(OwnerKind.FOREIGN, device))
            if owners:
                found[device] = tuple(owners)
    return found
