from __future__ import annotations

import pytest

from sriovctl.codec.manifest import format_manifest, parse_manifest
from sriovctl.codec.systemctl import parse_systemctl_show
from sriovctl.errors import HostError
from sriovctl.model.persistence import Manifest

# As systemd 252 prints it for two units, one of which there is none of.
SHOWN = """\
Id=sriovctl-apply.service
ActiveState=active
Description=SR-IOV as a=b wants it

Id=nothing.service
ActiveState=inactive
Description=
"""


def test_each_unit_has_its_properties() -> None:
    first, second = parse_systemctl_show(SHOWN)
    assert first["Description"] == "SR-IOV as a=b wants it"
    assert second == {"Id": "nothing.service", "ActiveState": "inactive", "Description": ""}


def test_nothing_is_no_unit() -> None:
    assert parse_systemctl_show("\n") == ()


def test_a_manifest_reads_back() -> None:
    manifest = Manifest({"/b": ("1", "2"), "/a": ("3",)}, "boot", "/root/host.yaml")
    assert parse_manifest(format_manifest(manifest), source="m") == manifest


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "other/1", "files": {}}', "null"])
def test_something_else_is_no_manifest(text: str) -> None:
    with pytest.raises(HostError, match="is no manifest"):
        parse_manifest(text, source="/var/lib/sriovctl/persisted.json")
