from __future__ import annotations

from tests.unit.planner.samples import igb_pf

from sriovctl.model.eswitch import EswitchReport, Representor
from sriovctl.render.representors import format_reports, reports_as_json

PF = igb_pf()._replace(driver="mlx5_core", num_vfs=2)
REPRESENTORS = (
    Representor(0, "0000:01:00.2", "eth1", "pf0vf0", True, "pci/0000:01:00.0/1"),
    Representor(1, "0000:01:00.3", None, None, None, "pci/0000:01:00.0/2"),
)


def test_representors_stand_below_their_pf() -> None:
    text = format_reports([EswitchReport(PF, "switchdev", REPRESENTORS)])
    assert text.splitlines() == [
        "0000:01:00.0 (eth0, mlx5_core): switchdev, 2 representors",
        "  VF  ADDRESS       REPRESENTOR  PORT    LINK  DEVLINK",
        "  0   0000:01:00.2  eth1         pf0vf0  up    pci/0000:01:00.0/1",
        "  1   0000:01:00.3  -            -       -     pci/0000:01:00.0/2",
    ]


def test_each_mode_has_its_words() -> None:
    empty = PF._replace(num_vfs=0)
    bare = empty._replace(netdev=None, driver=None)
    assert format_reports(
        [
            EswitchReport(empty, "switchdev", ()),
            EswitchReport(PF, "legacy", ()),
            EswitchReport(PF, None, ()),
            EswitchReport(PF, None, REPRESENTORS[:1], ("why not",)),
            EswitchReport(PF, "7", (), ("why not",)),
            EswitchReport(bare, None, ()),
        ]
    ).splitlines() == [
        "0000:01:00.0 (eth0, mlx5_core): switchdev, no VFs yet",
        "0000:01:00.0 (eth0, mlx5_core): legacy, so no representors",
        "0000:01:00.0 (eth0, mlx5_core): no eswitch with a mode",
        "0000:01:00.0 (eth0, mlx5_core): mode not known, 1 representor",
        "  VF  ADDRESS       REPRESENTOR  PORT    LINK  DEVLINK",
        "  0   0000:01:00.2  eth1         pf0vf0  up    pci/0000:01:00.0/1",
        "0000:01:00.0 (eth0, mlx5_core): mode 7, 0 representors",
        "0000:01:00.0: no eswitch with a mode",
        "note: why not",
    ]
    assert format_reports([]) == "no PF"


def test_json_says_null_for_what_is_not_known() -> None:
    document = reports_as_json([EswitchReport(PF, "switchdev", REPRESENTORS)])
    assert document == {
        "pfs": [
            {
                "device": "0000:01:00.0",
                "address": "0000:01:00.0",
                "driver": "mlx5_core",
                "netdev": "eth0",
                "num_vfs": 2,
                "eswitch_mode": "switchdev",
                "representors": [
                    {
                        "vf_index": 0,
                        "vf_address": "0000:01:00.2",
                        "netdev": "eth1",
                        "port_name": "pf0vf0",
                        "up": True,
                        "devlink_port": "pci/0000:01:00.0/1",
                    },
                    {
                        "vf_index": 1,
                        "vf_address": "0000:01:00.3",
                        "netdev": None,
                        "port_name": None,
                        "up": None,
                        "devlink_port": "pci/0000:01:00.0/2",
                    },
                ],
                "notes": [],
            }
        ]
    }
