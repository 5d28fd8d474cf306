"""The programs that the doors ask, played by scripts that print what the real ones do."""

from __future__ import annotations

from pathlib import Path

import pytest

from sriovctl.errors import HostError, InputError
from sriovctl.host import modules
from sriovctl.host.boot import open_host_boot, open_image_boot
from sriovctl.host.modules import InstalledModules, UnknownModules
from sriovctl.host.systemd import NoSystemd, SystemctlSystemd


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is the whole PATH, but for the shell."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


def play(directory: Path, name: str, script: str) -> None:
    (directory / name).write_text(f"#!/bin/sh\n{script}\n")
    (directory / name).chmod(0o755)


def test_units_are_asked_for_by_name(programs: Path) -> None:
    play(
        programs,
        "systemctl",
        """[ "$*" = "show --property=Id,ActiveState -- a.service b.target" ] || exit 3
        printf 'Id=a.service\\nActiveState=active\\n\\nId=b.target\\nActiveState=inactive\\n'""",
    )
    first, second = SystemctlSystemd().show(("a.service", "b.target"), ("ActiveState",))
    assert (first["ActiveState"], second["ActiveState"]) == ("active", "inactive")


def test_an_answer_for_fewer_units_is_an_error(programs: Path) -> None:
    play(programs, "systemctl", "echo Id=a.service")
    with pytest.raises(HostError, match="did not answer for each unit"):
        SystemctlSystemd().show(("a.service", "b.service"), ())


def test_systemds_refusal_is_told_in_its_own_words(programs: Path) -> None:
    play(programs, "systemctl", "echo 'Failed to reload: Access denied' >&2; exit 1")
    with pytest.raises(HostError, match="Failed to reload: Access denied"):
        SystemctlSystemd().reload()


def test_no_systemctl_is_no_answer(programs: Path) -> None:
    assert list(programs.iterdir()) == []
    with pytest.raises(HostError, match="systemd does not answer"):
        SystemctlSystemd().reload()


def test_an_image_has_no_systemd_to_ask() -> None:
    assert NoSystemd().show(("a", "b"), ("X",)) == ({"X": ""}, {"X": ""})
    NoSystemd().reload()


def test_types_of_parameters(programs: Path) -> None:
    play(programs, "modinfo", "printf 'max_vfs:array of int\\ndebug:int\\n'")
    assert InstalledModules().parameter_type("igb", "max_vfs") == "array of int"
    assert InstalledModules().parameter_type("igb", "num_vfs") is None
    assert InstalledModules().is_installed("igb") is True


def test_a_module_that_is_not_installed(programs: Path) -> None:
    assert InstalledModules().is_installed("igb") is None  # no modinfo
    play(programs, "modinfo", "echo 'modinfo: ERROR: Module igb not found.' >&2; exit 1")
    assert InstalledModules().is_installed("igb") is False
    assert InstalledModules().parameter_type("igb", "max_vfs") is None


def test_what_an_initramfs_holds(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "initrd.img-{release}"
    monkeypatch.setattr(modules, "_LISTERS", (("lsinitramfs", str(place)),))
    assert InstalledModules().is_in_initramfs("igb") is None  # there is no initramfs
    import os

    Path(str(place).format(release=os.uname().release)).touch()
    assert InstalledModules().is_in_initramfs("igb") is None  # nor a program to list it
    play(programs, "lsinitramfs", "echo usr/lib/modules/6/kernel/a/igb.ko.xz; echo b/mlx4-core.ko")
    held = InstalledModules()
    assert held.is_in_initramfs("igb") is True
    assert held.is_in_initramfs("mlx4_core") is True
    assert held.is_in_initramfs("ixgbe") is False


def test_how_an_initramfs_is_made_anew(programs: Path) -> None:
    assert InstalledModules().rebuild_command is None
    play(programs, "dracut", "")
    assert InstalledModules().rebuild_command == "dracut --force"


def test_nothing_is_known_of_an_images_modules() -> None:
    unknown = UnknownModules()
    assert unknown.parameter_type("igb", "max_vfs") is None
    assert unknown.is_installed("igb") is None
    assert unknown.is_in_initramfs("igb") is None


def test_doors(tmp_path: Path) -> None:
    assert open_host_boot("/srv/state").state_directory == "/srv/state"
    assert open_image_boot(str(tmp_path)).files.root == str(tmp_path)
    with pytest.raises(InputError, match="is no directory"):
        open_image_boot(str(tmp_path / "nowhere"))
