"""A libvirt that may hang, without hanging us: what it is asked ends in an error after a while.

A daemon that is stopped, or stuck behind a guest's monitor, accepts a connection and never answers,
and its library waits for ever.  So a thread of its own talks to it.  One that waits for a dead
daemon is left behind; it does not keep the process from ending.
"""

from __future__ import annotations

from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread

from sriovctl.errors import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from sriovctl.host.libvirt_api import Libvirt, NetworkReport

    Answer = TypeVar("Answer")
    Reply = SimpleQueue[tuple[object, BaseException | None]]
    Jobs = SimpleQueue[tuple[Callable[[], object], Reply] | None]


THREAD = "libvirt"


def connect_to_libvirt() -> PatientLibvirt:
    """Open a connection to the libvirt of this host.

    :raises UnsupportedError: the Python binding is not installed.
    :raises HostError: libvirtd does not answer.
    """
    from sriovctl.host.libvirt import LibvirtConnection

    return PatientLibvirt(LibvirtConnection)


class PatientLibvirt:
    """A :class:`sriovctl.host.libvirt_api.Libvirt` that waits so long, and no longer, for answers.

    :param connect: opens the connection.
    :param timeout_s: for each question.  What changes a guest may take as long as it takes.
    :raises HostError: it does not answer; and whatever *connect* raises.
    """

    def __init__(self, connect: Callable[[], Libvirt], *, timeout_s: float = 30.0) -> None:
        self._timeout_s = timeout_s
        self._hangs = False
        self._jobs: Jobs = SimpleQueue()
        Thread(target=_work, args=(self._jobs,), daemon=True, name=THREAD).start()
        try:
            self._libvirt = self._ask(connect)
        except BaseException:
            self._jobs.put(None)
            raise

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        return self._hand_over(question, self._timeout_s)

    def _hand_over(self, job: Callable[[], Answer], timeout_s: float | None) -> Answer:
        if self._hangs:
            raise self._silence()
        reply: Reply = SimpleQueue()
        self._jobs.put((job, reply))
        try:
            answer, error = reply.get(timeout=timeout_s)
        except Empty:
            self._hangs = True
            self._jobs.put(None)  # should it ever answer, the thread ends
            raise self._silence() from None
        if error is not None:
            raise error
        return answer  # type: ignore[return-value]  # it is the job's own

    def _silence(self) -> HostError:
        return HostError(
            f"libvirt does not answer: nothing came within {self._timeout_s:g} s",
            hint="see its daemon's log, and restart it",
        )

    def names(self) -> tuple[str, ...]:
        """Names of all guests; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        return self._ask(self._libvirt.names)

    def state(self, name: str) -> str:
        """State of a guest; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        return self._ask(partial(self._libvirt.state, name))

    def is_active(self, name: str) -> bool:
        """Say whether a guest runs; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        return self._ask(partial(self._libvirt.is_active, name))

    def is_persistent(self, name: str) -> bool:
        """Say whether a guest is defined; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        return self._ask(partial(self._libvirt.is_persistent, name))

    def domain_xml(self, name: str, *, inactive: bool, secure: bool = False) -> str:
        """XML of a guest; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        read = partial(self._libvirt.domain_xml, name, inactive=inactive, secure=secure)
        return self._ask(read)

    def define_domain(self, xml: str) -> None:
        """Define a guest anew; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        self._hand_over(partial(self._libvirt.define_domain, xml), None)

    def network_xmls(self) -> tuple[str, ...]:
        """XML of each network; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        return self._ask(self._libvirt.network_xmls)

    def network_names(self) -> tuple[str, ...]:
        """Names of all networks; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        return self._ask(self._libvirt.network_names)

    def network(self, name: str) -> NetworkReport | None:
        """Read one network; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        return self._ask(partial(self._libvirt.network, name))

    def define_network(self, xml: str) -> None:
        """Define a network; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        self._hand_over(partial(self._libvirt.define_network, xml), None)

    def start_network(self, name: str) -> None:
        """Start a network; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        self._hand_over(partial(self._libvirt.start_network, name), None)

    def autostart_network(self, name: str) -> None:
        """Have a network started; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        self._hand_over(partial(self._libvirt.autostart_network, name), None)

    def stop_network(self, name: str) -> None:
        """Stop a network; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        self._hand_over(partial(self._libvirt.stop_network, name), None)

    def undefine_network(self, name: str) -> None:
        """Forget a network; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        self._hand_over(partial(self._libvirt.undefine_network, name), None)

    def attach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        """Give a device to a guest; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        attach = partial(self._libvirt.attach_device, name, xml, live=live, config=config)
        self._hand_over(attach, None)

    def detach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        """Ask for a device back; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        detach = partial(self._libvirt.detach_device, name, xml, live=live, config=config)
        self._hand_over(detach, None)

    def hmp(self, name: str, command: str) -> str:
        """Answer of QEMU's monitor; see :class:`sriovctl.host.libvirt_api.Libvirt`."""
        return self._ask(partial(self._libvirt.hmp, name, command))

    def close(self) -> None:
        """End the connection, unless it hangs: then it ends with this process."""
        if not self._hangs:
            self._ask(self._libvirt.close)
            self._jobs.put(None)


def _work(jobs: Jobs) -> None:
    while (job := jobs.get()) is not None:
        action, reply = job
        try:
            reply.put((action(), None))
        except BaseException as error:
            reply.put((None, error))
