from __future__ import annotations

import pytest

from sriovctl.codec.interrupts import are_interrupts_remapped

HEAD = "            CPU0       CPU1\n"


@pytest.mark.parametrize(
    ("text", "remapped"),
    [
        ("   4:   190   0  IR-IO-APIC    4-edge      ttyS0\n", True),
        ("  24:     0   0  IR-PCI-MSI-0000:00:06.0    0-edge      PCIe PME\n", True),
        (
            "   4:   190   0   IO-APIC    4-edge      ttyS0\n  25: 0 0  DMAR-MSI 0-edge dmar0\n",
            False,
        ),
        ("  24:     0   0  PCI-MSI 98304-edge      PCIe PME, pciehp\n", False),
        ("  11:   8   9   GICv3  27 Level     arch_timer\n", None),
        ("", None),
    ],
)
def test_the_names_of_the_chips_tell(text: str, *, remapped: bool | None) -> None:
    assert are_interrupts_remapped(HEAD + text) is remapped
