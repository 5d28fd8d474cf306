"""The PF that the user lent with ``--pf``: what of it may be changed, and how it is set back."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from case import CannotRunError
from functions import PCI
from sriovctl.errors import InputError, PermissionDenied
from sriovctl.model.address import parse_pci_address
from stopping import SettingBack


class Lent(NamedTuple):
    """One PF.

    :param back: what of it is still to be set back.
    """

    pf: Path
    back: SettingBack

    @property
    def netdev(self) -> str:
        """Its netdev.

        :raises CannotRunError: it has none in this network namespace.
        """
        netdevs = sorted(self.pf.glob("net/*"))
        if not netdevs:
            raise CannotRunError(f"{self.pf.name} has no netdev, through which its VFs are set")
        return netdevs[0].name

    def vf(self, index: int) -> Path:
        """Where sysfs has a VF."""
        return self.pf / f"virtfn{index}"

    def has_driver(self, index: int) -> bool:
        """Whether a driver has a VF."""
        return (self.vf(index) / "driver").exists()

    def free_vfs(self) -> tuple[int, ...]:
        """Find the VFs that nobody uses, asked anew each time.

        :raises CannotRunError: there is none, or a daemon would set back what is measured.
        """
        if _daemon_listens():
            raise CannotRunError(
                "sriovctld runs here and may set back what is measured: stop it meanwhile"
            )
        users = users_of_vfs(self.pf.name)
        if not users:
            raise CannotRunError(f"{self.pf.name} has no VFs")
        free = tuple(index for index, user in users.items() if user is None)
        if not free:
            raise CannotRunError(f"each VF of {self.pf.name} is in use: {_list_users(users)}")
        return free


def lend(text: str) -> Lent:
    """Take the user's word for a PF, and tell which of its VFs will be left alone.

    :raises InputError: it is no PF of this host.
    :raises PermissionDenied: this user may change nothing.
    """
    pf = PCI / str(parse_pci_address(text))
    if not pf.exists():
        hint = "'sriovctl ls' lists the PFs of this host"
        raise InputError("there is no such PCI function", subject=pf.name, hint=hint)
    if (pf / "physfn").exists():
        above = (pf / "physfn").resolve().name
        raise InputError("is a VF, no PF", subject=pf.name, hint=f"lend its PF: --pf {above}")
    if not (pf / "sriov_numvfs").exists():
        raise InputError(
            "cannot have VFs", subject=pf.name, hint="'sriovctl doctor' says what SR-IOV needs"
        )
    if os.geteuid() != 0:
        raise PermissionDenied(
            "only root may change what is lent",
            subject=pf.name,
            hint="run as root, or without --pf",
        )
    users = users_of_vfs(pf.name)
    if any(users.values()):
        print(f"left alone, for they are in use: {_list_users(users)}", file=sys.stderr)
    return Lent(pf, SettingBack())


def _list_users(users: dict[int, str | None]) -> str:
    return ", ".join(f"VF {index} ({user})" for index, user in users.items() if user)


def users_of_vfs(device: str) -> dict[int, str | None]:
    """Say of each VF of a PF who uses it, or None."""
    from sriovctl.engine.inventory import read_inventory
    from sriovctl.engine.runs.execute import Site
    from sriovctl.engine.runs.users import Users
    from sriovctl.host.database import file_exists, state_directory
    from sriovctl.host.journal import SQLiteJournal
    from sriovctl.host.leases import SQLiteLeaseBook
    from sriovctl.host.live import LiveHost
    from sriovctl.host.patient_libvirt import connect_to_libvirt
    from sriovctl.model.owner import name_owners

    directory = state_directory()
    has_leases = file_exists(f"{directory}/leases.db")
    with closing(LiveHost()) as host, closing(SQLiteJournal(None)) as journal:
        pfs = read_inventory(host, name_of=lambda *_: None)
        (pf,) = (one for one in pfs if one.device == device)
        users = Users(
            Site(host, journal, lambda _: None),
            open_libvirt=connect_to_libvirt,
            open_leases=lambda: SQLiteLeaseBook(directory) if has_leases else None,
        )
        (pf,) = name_owners((pf,), users.of((pf,)).owners)
        return {vf.vf_index: vf.owner for vf in pf.vfs}


def _daemon_listens() -> bool:
    from sriovctl.api.place import SOCKET, SOCKET_VARIABLE

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        return door.connect_ex(os.environ.get(SOCKET_VARIABLE, SOCKET)) == 0
