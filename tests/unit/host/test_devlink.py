"""What the door to devlink makes of answers and refusals; the socket itself is met in the lab."""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping
from contextlib import nullcontext

import pytest

from sriovctl.errors import (
    BusyError,
    HostError,
    PermissionDenied,
    SriovctlError,
    UnsupportedError,
)
from sriovctl.host.devlink import DevlinkDoor
from sriovctl.host.devlink_messages import Refused
from sriovctl.host.live import LiveHost
from sriovctl.model.eswitch import DevlinkPort
from sriovctl.model.functions import EswitchMode

PF = "0000:03:00.0"
HANDLE = {"BUS_NAME": "pci", "DEV_NAME": PF}


class Messages:
    """Answers every request alike, and keeps what was asked."""

    def __init__(self, *answers: dict[str, object], refusal: Refused | None = None) -> None:
        self._answers, self._refusal = list(answers), refusal
        self.asked: list[tuple[int, dict[str, object]]] = []

    def ask(self, command: int, attributes: Mapping[str, object]) -> list[dict[str, object]]:
        self.asked.append((command, dict(attributes)))
        return self.dump(command)

    def dump(self, _command: int) -> list[dict[str, object]]:
        if self._refusal is not None:
            raise self._refusal
        return self._answers


def door(messages: Messages) -> DevlinkDoor:
    return DevlinkDoor(lambda: nullcontext(messages))


def refusing(number: int, words: str | None = None) -> DevlinkDoor:
    return door(Messages(refusal=Refused(number, words)))


@pytest.mark.parametrize(
    ("answer", "mode"),
    [
        ({"ESWITCH_MODE": 0}, "legacy"),
        ({"ESWITCH_MODE": 1}, "switchdev"),
        ({"ESWITCH_MODE": 7}, "7"),  # what later kernels may bring is not forced into our words
        ({}, None),
    ],
)
def test_mode_is_told_in_words(answer: dict[str, object], mode: str | None) -> None:
    assert door(Messages(answer)).read_eswitch("pci", PF) == mode


@pytest.mark.parametrize("number", [errno.ENODEV, errno.EOPNOTSUPP, errno.ENOENT])
def test_device_without_an_eswitch_has_none(number: int) -> None:
    assert refusing(number).read_eswitch("pci", PF) is None


def test_mode_is_sent_as_the_kernels_number() -> None:
    messages = Messages()
    door(messages).write_eswitch("pci", PF, EswitchMode.SWITCHDEV)
    assert messages.asked == [(30, {**HANDLE, "ESWITCH_MODE": 1})]


@pytest.mark.parametrize(
    ("number", "words", "family", "text"),
    [
        (errno.EPERM, None, PermissionDenied, "Operation not permitted .*; run as root"),
        (errno.EBUSY, "Rate node(s) exists.", BusyError, r"legacy: Rate node\(s\) exists\. "),
        (errno.EOPNOTSUPP, None, UnsupportedError, "its driver has no eswitch to set"),
        (errno.EOPNOTSUPP, "ice: only without VFs", UnsupportedError, "ice: only without VFs"),
        (errno.ENODEV, None, UnsupportedError, "devlink does not know it"),
        (errno.ENOENT, None, UnsupportedError, "this kernel has no devlink"),
        (errno.EIO, "mlx5_core: Failed", HostError, "mlx5_core: Failed"),
    ],
)
def test_refusals_are_sorted_and_keep_the_kernels_words(
    number: int, words: str | None, family: type[SriovctlError], text: str
) -> None:
    with pytest.raises(family, match=text) as caught:
        refusing(number, words).write_eswitch("pci", PF, EswitchMode.LEGACY)
    assert type(caught.value) is family
    assert caught.value.subject == PF
    assert caught.value.evidence.get("kernel") == words


def test_kernels_own_words_stand_without_a_guess_of_ours() -> None:
    words = "ice: Changing eswitch mode is allowed only if there is no VFs created"
    with pytest.raises(UnsupportedError) as caught:
        refusing(errno.EOPNOTSUPP, words).write_eswitch("pci", PF, EswitchMode.LEGACY)
    assert caught.value.hint is None


def test_who_may_not_ask_is_told_so() -> None:
    with pytest.raises(PermissionDenied, match="cannot read the mode of its eswitch"):
        refusing(errno.EPERM).read_eswitch("pci", PF)


def test_ports_are_those_of_the_device_by_index() -> None:
    vf = {"PORT_FLAVOUR": 4, "PORT_PCI_PF_NUMBER": 0, "PORT_PCI_VF_NUMBER": 2}
    messages = Messages(
        {**HANDLE, "PORT_INDEX": 3, **vf, "PORT_NETDEV_NAME": "eth3", "PORT_EXTERNAL": 0},
        {**HANDLE, "DEV_NAME": "0000:04:00.0", "PORT_INDEX": 1},
        {**HANDLE, "PORT_INDEX": 0, "PORT_FLAVOUR": 0, "PORT_NETDEV_NAME": "eth0"},
        {**HANDLE, "PORT_INDEX": 9, "PORT_FLAVOUR": 31},
    )
    assert door(messages).list_ports("pci", PF) == (
        DevlinkPort(0, "physical", "eth0"),
        DevlinkPort(3, "pcivf", "eth3", pf_number=0, vf_number=2, external=False),
        DevlinkPort(9, "31"),
    )


def test_kernel_without_devlink_has_no_ports() -> None:
    assert refusing(errno.ENOENT).list_ports("pci", PF) == ()
    with pytest.raises(BusyError, match="cannot list its devlink ports"):
        refusing(errno.EAGAIN).list_ports("pci", PF)


def test_without_pyroute2_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sriovctl.host.devlink_socket", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'sriovctl\[devlink\]'"):
        LiveHost().devlink.read_eswitch("pci", PF)


def test_socket_that_cannot_be_opened_is_an_error_of_the_host() -> None:
    def open_socket() -> nullcontext[Messages]:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    with pytest.raises(PermissionDenied, match="devlink: cannot use the socket"):
        DevlinkDoor(open_socket).read_eswitch("pci", PF)
