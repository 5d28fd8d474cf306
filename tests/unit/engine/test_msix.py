from __future__ import annotations

import pytest

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.msix import with_msix_counts
from sriovctl.engine.runs.execute import verify
from sriovctl.engine.runs.steps import observe, perform
from sriovctl.errors import BusyError, HostError, LostError, SriovctlError, UnsupportedError
from sriovctl.host.simulated import (
    CONNECTX_6_DX,
    INTEL_82576,
    INTEL_E810,
    Card,
    CardModel,
    MachineSpec,
    SimulatedHost,
    simulate,
)
from sriovctl.model.plan import Action, Disruption, Step

PF = "0000:01:00.0"
DIRECTORY = f"/sys/bus/pci/devices/{PF}"


def host_with(model: CardModel, *, num_vfs: int) -> SimulatedHost:
    host = simulate(MachineSpec(cards=(Card(model),)))
    host.files.write_text(f"{DIRECTORY}/sriov_drivers_autoprobe", "0")
    host.files.write_text(f"{DIRECTORY}/sriov_numvfs", str(num_vfs))
    return host


def to(count: int, *, vf_index: int = 0) -> Step:
    return Step(
        action=Action.SET_MSIX,
        subject=f"{PF} vf {vf_index}",
        device=PF,
        vf_index=vf_index,
        before={"msix_count": None},
        after={"msix_count": count},
        disruption=Disruption.NONE,
        reason="",
        commands=(),
    )


def counts(host: SimulatedHost) -> list[int | None]:
    (pf,) = read_inventory(host, name_of=lambda _vendor, _device: None)
    return [vf.msix_count for vf in with_msix_counts(host, pf).vfs]


@pytest.mark.parametrize(
    ("model", "default"), [(CONNECTX_6_DX, 128), (INTEL_E810, 16), (INTEL_82576, None)]
)
def test_counts_are_read_where_the_pf_shares_vectors_out(
    model: CardModel, default: int | None
) -> None:
    assert counts(host_with(model, num_vfs=3)) == [default] * 3


@pytest.mark.parametrize("model", [CONNECTX_6_DX, INTEL_E810])
def test_what_is_written_reads_back_as_written(model: CardModel) -> None:
    # ice gives a vector more than the number says; the number is what counts here.
    host = host_with(model, num_vfs=3)
    steps = [to(20, vf_index=0), to(9, vf_index=2)]
    perform(host, steps)
    assert observe(host, steps) == [{"msix_count": 20}, {"msix_count": 9}]
    verify(host, steps)
    assert counts(host)[0::2] == [20, 9]


def test_vectors_are_freed_before_they_are_given_away() -> None:
    host = host_with(CONNECTX_6_DX, num_vfs=8)  # 128 each: nothing is left
    steps = [to(200, vf_index=0), to(40, vf_index=1)]
    perform(host, steps)
    assert counts(host)[:3] == [200, 40, 128]


@pytest.mark.parametrize(
    ("model", "count", "family", "words"),
    [
        (CONNECTX_6_DX, 1, HostError, "errno EINVAL.*does not take so few"),
        (CONNECTX_6_DX, 4000, HostError, "errno EOVERFLOW.*does not give one VF so many"),
        (INTEL_E810, 400, HostError, "errno EINVAL"),
        (INTEL_82576, 4, UnsupportedError, "errno EOPNOTSUPP.*does not share vectors out"),
        (CONNECTX_6_DX, 0, UnsupportedError, "name a number"),
        (INTEL_E810, 0, UnsupportedError, "name a number"),
    ],
)
def test_refusals_name_the_vf_and_the_way_out(
    model: CardModel, count: int, family: type[SriovctlError], words: str
) -> None:
    host = host_with(model, num_vfs=2)
    before = counts(host)
    with pytest.raises(family, match=words) as caught:
        perform(host, [to(count, vf_index=1)])
    assert type(caught.value) is family
    assert caught.value.subject == f"{PF} vf 1"
    assert counts(host) == before


@pytest.mark.parametrize(("model", "num_vfs"), [(CONNECTX_6_DX, 8), (INTEL_E810, 30)])
def test_empty_pool_is_named(model: CardModel, num_vfs: int) -> None:
    with pytest.raises(HostError, match="give another VF fewer first"):
        perform(host_with(model, num_vfs=num_vfs), [to(200)])


def test_vf_with_a_driver_is_busy() -> None:
    host = host_with(CONNECTX_6_DX, num_vfs=1)
    vf = host.files.read_link(f"{DIRECTORY}/virtfn0")
    host.files.write_text(f"/sys/bus/pci/devices/{vf}/driver_override", "vfio-pci")
    host.files.write_text("/sys/bus/pci/drivers_probe", str(vf))
    with pytest.raises(BusyError, match="unbind it first"):
        perform(host, [to(4)])


def test_vf_that_is_gone_is_lost() -> None:
    host = host_with(CONNECTX_6_DX, num_vfs=1)
    with pytest.raises(LostError):
        observe(host, [to(4, vf_index=5)])


def test_without_root_nothing_is_known() -> None:
    host = host_with(CONNECTX_6_DX, num_vfs=1)
    truly = host.files.read_bytes

    def read_bytes(path: str) -> bytes | None:
        data = truly(path)
        return data[:64] if data is not None and path.endswith("/config") else data

    host.files.read_bytes = read_bytes  # type: ignore[method-assign]
    assert counts(host) == [None]
