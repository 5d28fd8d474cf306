"""What sriovctl relies on of a kernel, as tests that run on the real one and on the simulation.

A module that binds it gives a fixture ``host``: the lab's machine ``82576``, or its like, with all
VFs off, drivers_autoprobe on, and every PF's netdev down.
"""

from __future__ import annotations

from tests.contract.attributes import AttributesContract
from tests.contract.drivers import DriversContract
from tests.contract.files import FilesContract, ProcessesContract
from tests.contract.functions import GroupsContract, NumVFsContract
from tests.contract.netlink import NetlinkContract


class KernelContract(
    NumVFsContract,
    GroupsContract,
    DriversContract,
    FilesContract,
    AttributesContract,
    NetlinkContract,
    ProcessesContract,
):
    """The whole contract."""
