from __future__ import annotations

import pytest

from sriovctl.codec.module_aliases import modules_claiming

VF = "pci:v00008086d000010CAsv00001AF4sd00001100bc02sc00i00"
NVME = "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02"
ALIASES = """\
# Aliases extracted from modules themselves.
alias pci:v00008086d000010CAsv*sd*bc*sc*i* igbvf
alias pci:v00008086d000010C9sv*sd*bc*sc*i* igb
alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci
alias vfio_pci:v00008086d000010CAsv*sd*bc*sc*i* some_vfio_pci
alias pci:v*d*sv*sd*bc01sc08i02* nvme
alias pci:v*d*sv*sd*bc02sc00i00* anything-with-a-net
alias of:N*T*Cpci:v00008086d000010CA nonsense
"""


def test_a_module_claims_by_ids_or_by_class() -> None:
    assert modules_claiming(VF, ALIASES) == ("igbvf", "anything-with-a-net")
    assert modules_claiming(NVME, ALIASES) == ("nvme",)


def test_drivers_of_vfio_claim_nothing_by_themselves() -> None:
    assert not {"vfio_pci", "some_vfio_pci"} & set(modules_claiming(VF, ALIASES))


def test_modules_that_are_built_in_claim_as_well() -> None:
    builtin = (
        b"virtio_pci.alias=pci:v00001AF4d*sv*sd*bc*sc*i*\0virtio_pci.license=GPL\0"
        b"mlx5_core.alias=pci:v000015B3d0000101Esv*sd*bc*sc*i*\0mlx5_core.alias=auxiliary:mlx5\0"
    )
    vf = "pci:v000015B3d0000101Esv000015B3sd00000001bc02sc00i00"
    assert modules_claiming(vf, "", builtin) == ("mlx5_core",)
    assert modules_claiming(vf, ALIASES, builtin) == ("anything-with-a-net", "mlx5_core")


@pytest.mark.parametrize("modalias", ["", "usb:v1D6Bp0002", "pci:vXYZ"])
def test_what_is_no_pci_function_is_claimed_by_none(modalias: str) -> None:
    assert modules_claiming(modalias, ALIASES) == ()
