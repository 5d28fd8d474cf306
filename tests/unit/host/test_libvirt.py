"""The door to libvirt, against a stand-in for the binding and libvirt's own test driver."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from sriovctl.errors import (
    BusyError,
    HostError,
    InputError,
    LostError,
    PermissionDenied,
    SriovctlError,
    UnsupportedError,
)
from sriovctl.host.libvirt import LibvirtConnection


class FakeError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    def get_error_code(self) -> int:
        return self.code

    def get_error_message(self) -> str:
        return str(self)


def make_binding(
    *, at_open: FakeError | None = None, at_attach: FakeError | None = None
) -> ModuleType:
    binding = ModuleType("libvirt")

    def attach(_xml: str, _flags: int) -> None:
        if at_attach is not None:
            raise at_attach

    domain = SimpleNamespace(name=lambda: "g", attachDeviceFlags=attach, state=lambda: (9, 0))

    def open_connection(_uri: str) -> object:
        if at_open is not None:
            raise at_open
        return SimpleNamespace(
            lookupByName=lambda _name: domain, isAlive=lambda: 1, close=lambda: 0
        )

    contents = {
        "libvirtError": FakeError,
        "open": open_connection,
        "registerErrorHandler": lambda handler, _context: handler(None, None),
        "VIR_ERR_NO_DOMAIN": 42,
        "VIR_ERR_OPERATION_DENIED": 29,
        "VIR_ERR_AUTH_UNAVAILABLE": 94,
        "VIR_ERR_CONFIG_UNSUPPORTED": 67,
        "VIR_ERR_OPERATION_TIMEOUT": 68,
        "VIR_DOMAIN_AFFECT_LIVE": 1,
        "VIR_DOMAIN_AFFECT_CONFIG": 2,
    }
    vars(binding).update(contents)
    return binding


def test_without_the_binding_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'sriovctl\[libvirt\]'"):
        LibvirtConnection()


@pytest.mark.parametrize(
    ("code", "message", "family", "hint"),
    [
        (38, "Failed to connect socket to '/run/libvirt/libvirt-sock': No such file",
         HostError, "systemctl start libvirtd"),
        (38, "Failed to connect socket to '/run/libvirt/virtqemud-sock': No such file",
         HostError, "systemctl start virtqemud"),
        (38, "Failed to connect socket to '/run/libvirt/libvirt-sock': Permission denied",
         PermissionDenied, "group libvirt"),
        (94, "no polkit agent available", PermissionDenied, "group libvirt"),
    ],
)  # fmt: skip
def test_a_connection_that_fails_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    message: str,
    family: type[SriovctlError],
    hint: str,
) -> None:
    binding = make_binding(at_open=FakeError(code, message))
    monkeypatch.setitem(sys.modules, "libvirt", binding)
    with pytest.raises(family, match=hint):
        LibvirtConnection()


@pytest.mark.parametrize(
    ("code", "message", "family"),
    [
        (1, "internal error: something", HostError),
        (29, "operation forbidden", PermissionDenied),
        (42, "Domain not found", LostError),
        (67, "unsupported configuration: no VFIO", UnsupportedError),
        (68, "Timed out during operation: cannot acquire state change lock", BusyError),
        (55, "PCI device 0000:01:10.0 is in use by driver QEMU, domain x", BusyError),
        (1, "unable to execute QEMU command 'device_del': Device x is already in the process of "
         "unplug", BusyError),
    ],
)  # fmt: skip
def test_errors_find_their_family(
    monkeypatch: pytest.MonkeyPatch, code: int, message: str, family: type[SriovctlError]
) -> None:
    binding = make_binding(at_attach=FakeError(code, message))
    monkeypatch.setitem(sys.modules, "libvirt", binding)
    with pytest.raises(SriovctlError) as caught:
        LibvirtConnection().attach_device("g", "<x/>", live=True, config=True)
    assert type(caught.value) is family
    assert (caught.value.subject, caught.value.evidence["libvirt code"]) == ("g", code)


def test_a_state_of_a_later_libvirt_is_shown_as_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", make_binding())
    connection = LibvirtConnection()
    assert connection.state("g") == "state 9"
    connection.close()


# libvirt's test driver: a whole libvirt inside the library, with one running guest named "test".


@pytest.fixture
def connection() -> LibvirtConnection:
    pytest.importorskip("libvirt", reason="libvirt-python is not installed")
    return LibvirtConnection("test:///default")


def test_the_test_drivers_guest_is_read(connection: LibvirtConnection) -> None:
    assert connection.names() == ("test",)
    assert connection.state("test") == "running"
    assert connection.is_active("test")
    assert connection.is_persistent("test")
    for inactive in (False, True):
        assert "<name>test</name>" in connection.domain_xml("test", inactive=inactive)


def test_an_unknown_guest_is_refused_with_the_nearest_name_and_silence(
    connection: LibvirtConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="did you mean test"):
        connection.state("tset")
    assert capfd.readouterr().err == ""


def test_what_the_driver_cannot_do_is_unsupported(connection: LibvirtConnection) -> None:
    with pytest.raises(SriovctlError):
        connection.hmp("test", "info pci")
    with pytest.raises(SriovctlError):
        connection.attach_device("test", "<nonsense/>", live=True, config=False)
    with pytest.raises(SriovctlError):
        connection.detach_device("test", "<nonsense/>", live=True, config=False)
    connection.close()
    with pytest.raises(SriovctlError):
        connection.names()


def test_a_daemon_that_was_restarted_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    binding = make_binding()
    alive, opened = [1], list[str]()
    reset = FakeError(38, "Cannot recv data: Connection reset by peer")

    def state() -> tuple[int, int]:
        if alive == [0]:
            raise reset
        return 1, 0

    def open_connection(_uri: str) -> object:
        if opened and alive == [0]:
            raise FakeError(38, "Connection refused")
        opened.append(_uri)
        domain = SimpleNamespace(name=lambda: "g", state=state)
        own = len(opened)
        return SimpleNamespace(
            lookupByName=lambda _: domain, isAlive=lambda: alive[0] if own == 1 else 1
        )

    binding.open = open_connection  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "libvirt", binding)
    connection = LibvirtConnection()
    assert connection.state("g") == "running"
    alive[0] = 0
    with pytest.raises(LostError, match="daemon went away meanwhile") as caught:
        connection.state("g")
    assert "run the same command again" in str(caught.value)
    alive[0] = 1  # the new one listens, and the old connection stays dead
    opened_before = len(opened)
    monkeypatch.setattr(connection._opened, "isAlive", lambda: 0)
    assert connection.state("g") == "running"
    assert len(opened) == opened_before + 1
