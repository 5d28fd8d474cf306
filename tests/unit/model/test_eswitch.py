from __future__ import annotations

import pytest

from sriovctl.model.eswitch import is_representor, represented_vf


@pytest.mark.parametrize(
    ("port_name", "representor", "vf_index"),
    [
        ("pf0vf0", True, 0),
        ("pf1vf127", True, 127),
        ("pf0sf88", True, None),
        ("pf0", True, None),  # the PF as its card sees it, on a DPU
        ("pf0hpf", True, None),
        ("c1pf0vf3", True, None),  # a VF of another host
        ("p0", False, None),  # the port to the wire: the PF's own netdev
        ("p0s1", False, None),
        ("p1", False, None),
        ("pf0vf", False, None),
        ("xpf0vf1", False, None),
        ("pf0vf1x", False, None),
        ("", False, None),
        (None, False, None),
    ],
)
def test_port_names(port_name: str | None, representor: bool, vf_index: int | None) -> None:
    assert is_representor(port_name) is representor
    assert represented_vf(port_name) == vf_index
