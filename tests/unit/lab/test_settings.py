from __future__ import annotations

import subprocess
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sriovctl.lab.machines import Service, find_machine
from sriovctl.lab.settings import format_settings


def show(
    command: tuple[str, ...], shell: str, *, is_reached: bool = False, **environment: str
) -> str:
    text = format_settings(
        find_machine("82576"),
        command,
        services=frozenset({Service.LIBVIRT}),
        modules_tree=Path("/cache/lib/modules/6.12"),
        cwd=Path("/a b"),
        environment=environment,
        is_reached=is_reached,
    )
    done = subprocess.run(("sh", "-c", text + shell), capture_output=True, text=True, check=True)
    return done.stdout


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r")), min_size=1))
def test_the_command_reaches_the_guest_word_for_word(words: list[str]) -> None:
    shown = show(tuple(words), 'printf "%s\\0" "$@"')
    assert shown.split("\0")[:-1] == words


def test_the_guest_learns_the_machine_and_where_results_go() -> None:
    shown = show(("true",), 'env | grep ^SRIOVCTL_LAB | sort; echo "$lab_services|$lab_cwd"')
    assert shown.splitlines() == [
        "SRIOVCTL_LAB_DISK=/run/sriovctl-lab-disk/upper",
        "SRIOVCTL_LAB_MACHINE=82576",
        "SRIOVCTL_LAB_RESULTS=/run/sriovctl-lab/results",
        "SRIOVCTL_LAB_SERVICES=libvirt",
        "libvirt|/a b",
    ]


def test_the_environment_is_exported() -> None:
    assert show(("true",), 'sh -c "echo \\$WORD"', WORD="it's") == "it's\n"


def test_the_guest_gets_a_driver_and_an_address_only_where_ports_reach_it() -> None:
    shell = 'echo "$lab_modules|$lab_reached_at"'
    assert show(("true",), shell) == "igb igbvf nvme vfio-pci 8021q|\n"
    shown = show(("true",), shell, is_reached=True)
    assert shown == "igb igbvf nvme vfio-pci 8021q virtio_net|0000:00:05.0\n"
