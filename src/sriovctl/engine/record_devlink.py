"""What a recording keeps of devlink: the eswitch mode and the ports of PFs."""

from __future__ import annotations

from sriovctl.engine.inventory import NET_CLASS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.host.api import FileTree, Host


def devlink_as_lines(host: Host) -> str:
    """Ask devlink about each PF that is a port of an eswitch; one JSON object a line.

    A host without such a PF is not asked, so that it needs no pyroute2.

    :raises UnsupportedError: pyroute2 is not installed.
    :raises PermissionDenied: the kernel tells it to root only.
    :raises HostError: any other failure.
    """
    import json

    entries = (
        {
            "bus": bus,
            "device": device,
            "eswitch_mode": host.devlink.read_eswitch(bus, device),
            "ports": [port._asdict() for port in host.devlink.list_ports(bus, device)],
        }
        for bus, device in sorted(set(_pfs_with_ports(host.files)))
    )
    return "".join(f"{json.dumps(entry)}\n" for entry in entries)


def _pfs_with_ports(files: FileTree) -> Iterator[tuple[str, str]]:
    # devlink names the port of a PF's netdev (p0) in either mode; a PF whose netdev has none is not
    # a device of devlink's that has ports.
    for netdev in files.list_dir(NET_CLASS):
        directory = files.resolve(f"{NET_CLASS}/{netdev}/device")
        if directory is None or not files.exists(f"{directory}/sriov_numvfs"):
            continue
        bus = files.read_link(f"{directory}/subsystem")
        if bus is not None and files.read_text(f"{NET_CLASS}/{netdev}/phys_port_name") is not None:
            yield bus, directory.rpartition("/")[2]
