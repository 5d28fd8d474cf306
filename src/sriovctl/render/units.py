"""The systemd units that bring a state back at boot and check it afterwards.

Why they are as they are:

- ``DefaultDependencies=no`` for the first: by default a service comes after ``sysinit.target``, and
  some network services come before that (cloud-init does), so that "after sysinit" and "before
  the network" would be a circle, which systemd breaks by dropping one of its units.
- It waits for its PFs itself (``--wait``): ``systemd-udev-settle`` waits for all devices of the
  host, is deprecated, and still does not know when a driver has made its netdev.
- Sockets of libvirt are named beside the services: a client that connects to one starts the
  service behind it.
- ``multi-user.target`` is named: targets come by default after what they want, but not after units
  without default dependencies.
- A child that hangs in the kernel cannot be killed, so systemd is not to wait for its end:
  ``KillMode=process``.
- ``ProtectKernelTunables`` would make sysfs read-only, and ``PrivateNetwork`` or ``PrivateDevices``
  take away what the service is for.
"""

from __future__ import annotations

from sriovctl.model.persistence import APPLY_UNIT, DAEMON_UNIT, SOCKET_UNIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

VERIFY_TIMEOUT_S = 300
_WATCHDOG_S = 60
_STOP_S = 150  # a repair is brought to its end, and a write to sysfs is given two minutes

_LIBVIRT_DAEMONS = ("libvirtd", "virtqemud", "virtnetworkd", "virtnodedevd", "virtlxcd")
_OF_A_DAEMON = (".service", ".socket", "-ro.socket", "-admin.socket")

# Who may use VFs, a line each: they start when those are there.  A name that the host does not
# have is ignored.
_USERS_OF_VFS = (
    ("network-pre.target",),
    *(tuple(daemon + kind for kind in _OF_A_DAEMON) for daemon in _LIBVIRT_DAEMONS),
    ("libvirt-guests.service", "pve-guests.service", "lxc.service", "incus.service"),
    ("docker.service", "containerd.service", "crio.service", "kubelet.service"),
)
USERS_OF_VFS = tuple(unit for line in _USERS_OF_VFS for unit in line)

_HARDENING = """\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelModules=yes
RestrictAddressFamilies=AF_NETLINK AF_UNIX
RestrictNamespaces=net
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=~@clock @cpu-emulation @debug @module @obsolete @raw-io @reboot @swap
IPAddressDeny=any
UMask=0077
"""
# Route netlink and devlink; config space beyond 64 bytes, and commands to NVMe controllers; files
# and open files of others, which tell who uses a VF.
_CAPABILITIES = "CAP_NET_ADMIN CAP_SYS_ADMIN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_SYS_PTRACE"


def format_apply_unit(
    command: Sequence[str],
    *,
    mounts: Sequence[str],
    state: str,
    timeout_s: int,
    writable: str,
) -> str:
    """Write the unit that applies the state before the network comes up.

    :param command: program and arguments; the program by its absolute path.
    :param mounts: paths that must be mounted before it runs.
    :param state: the file or directory without which there is nothing to do.
    :param timeout_s: then the boot goes on without it.
    :param writable: the directory of the journal.
    """
    return f"""\
# Written by 'sriovctl persist'; 'sriovctl persist --remove' takes it away again.
# Changes of your own: 'systemctl edit {APPLY_UNIT}'.
[Unit]
Description=SR-IOV as {_specifiers(state)} wants it
DefaultDependencies=no
ConditionPathExists={_specifiers(state)}
RequiresMountsFor={" ".join(format_word(path) for path in mounts)}
Wants=network-pre.target
After=local-fs.target systemd-modules-load.service
After=systemd-udevd.service systemd-udev-trigger.service
{_lines("Before", _USERS_OF_VFS)}
Before=multi-user.target
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={format_command(command)}
TimeoutStartSec={timeout_s}
KillMode=process
{_state_directory(writable)}
CapabilityBoundingSet={_CAPABILITIES}
{_HARDENING}
[Install]
WantedBy=multi-user.target
"""


def format_verify_unit(
    command: Sequence[str], *, mounts: Sequence[str], state: str, writable: str
) -> str:
    """Write the unit that checks a boot when it is over; nothing waits for it.

    The parameters are those of :func:`format_apply_unit`.
    """
    return f"""\
# Written by 'sriovctl persist'; 'sriovctl persist --remove' takes it away again.
[Unit]
Description=Check that SR-IOV is as {_specifiers(state)} wants it
ConditionPathExists={_specifiers(state)}
RequiresMountsFor={" ".join(format_word(path) for path in mounts)}
After={APPLY_UNIT} multi-user.target
{_lines("After", _USERS_OF_VFS)}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={format_command(command)}
TimeoutStartSec={VERIFY_TIMEOUT_S}
{_state_directory(writable)}
CapabilityBoundingSet={_CAPABILITIES}
ProtectKernelTunables=yes
{_HARDENING}
[Install]
WantedBy=multi-user.target
"""


def format_daemon_unit(
    command: Sequence[str],
    *,
    mounts: Sequence[str],
    state: str,
    timeout_s: int,
    writable: str,
    has_socket: bool = False,
) -> str:
    """Write the unit that keeps the state while the host runs.

    It comes after the unit that applies the state, which is there for hosts without the daemon
    too, and finds its work done.  Its runtime directory has the socket of the REST interface, which
    it gives to a group (CAP_CHOWN); what others have there stays.

    The parameters are those of :func:`format_apply_unit`.

    :param has_socket: there is the unit of :func:`format_socket_unit`, too.
    """
    socket = f"Wants={SOCKET_UNIT}\n" if has_socket else ""
    return f"""\
# Written by 'sriovctl persist'; 'sriovctl persist --remove' takes it away again.
# Changes of your own: 'systemctl edit {DAEMON_UNIT}'.
[Unit]
Description=Keep SR-IOV as {_specifiers(state)} wants it
DefaultDependencies=no
ConditionPathExists={_specifiers(state)}
RequiresMountsFor={" ".join(format_word(path) for path in mounts)}
Wants=network-pre.target
{socket}After=local-fs.target systemd-modules-load.service
After=systemd-udevd.service systemd-udev-trigger.service
After={APPLY_UNIT}
{_lines("Before", _USERS_OF_VFS)}
Before=multi-user.target
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=notify
ExecStart={format_command(command)}
ExecReload=/bin/kill -HUP $MAINPID
TimeoutStartSec={timeout_s}
TimeoutStopSec={_STOP_S}
WatchdogSec={_WATCHDOG_S}
Restart=on-failure
RestartSec=2
RestartPreventExitStatus=2
KillMode=process
{_state_directory(writable)}
RuntimeDirectory=sriovctl
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes
CapabilityBoundingSet={_CAPABILITIES} CAP_CHOWN
ProtectKernelLogs=yes
{_HARDENING}
[Install]
WantedBy=multi-user.target
"""


def format_socket_unit(path: str, *, group: str | None, state: str) -> str:
    """Write the unit whose socket is there before the daemon, and while it is started anew.

    systemd has the daemon come after its socket, so this may come after no more than the daemon
    does; what the daemon comes before, ``sysinit.target`` for some, it comes before as well.

    :param path: of the unix socket.
    :param group: to whom it is given; None: it is for root alone.
    :param state: the file or directory without which there is no daemon.
    """
    access = "SocketMode=0600" if group is None else f"SocketMode=0660\nSocketGroup={group}"
    return f"""\
# Written by 'sriovctl persist'; 'sriovctl persist --remove' takes it away again.
# Changes of your own: 'systemctl edit {SOCKET_UNIT}'.
[Unit]
Description=Socket of the REST interface of sriovctld
DefaultDependencies=no
ConditionPathExists={_specifiers(state)}
Before=sockets.target
Conflicts=shutdown.target
Before=shutdown.target

[Socket]
ListenStream={_specifiers(path)}
DirectoryMode=0755
{access}

[Install]
WantedBy=sockets.target
"""


def format_drop_in(command: Sequence[str], *, state: str, timeout_s: int) -> str:
    """Write the drop-in that has a package's unit run another command than the package's.

    The parameters are those of :func:`format_apply_unit`.
    """
    return f"""\
# Written by 'sriovctl persist'; 'sriovctl persist --remove' takes it away again.
[Unit]
ConditionPathExists=
ConditionPathExists={_specifiers(state)}

[Service]
ExecStart=
ExecStart={format_command(command)}
TimeoutStartSec={timeout_s}
"""


def _lines(key: str, lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"{key}={' '.join(units)}" for units in lines)


def _state_directory(writable: str) -> str:
    parent, _, name = writable.rpartition("/")
    if parent == "/var/lib":
        return f"StateDirectory={_specifiers(name)}\nStateDirectoryMode=0700"
    assignment = format_word(f"SRIOVCTL_STATE_DIR={writable}", variables=True)
    return f"Environment={assignment}\nReadWritePaths={format_word(writable)}"


def format_command(command: Sequence[str]) -> str:
    """Write a command line as ``ExecStart=`` reads it.  Pure.

    The program's path knows no variables, the arguments do.  Source: systemd.service(5).
    """
    program, *arguments = command
    words = (format_word(argument, variables=True) for argument in arguments)
    return " ".join((format_word(program), *words))


def format_word(word: str, *, variables: bool = False) -> str:
    """Quote one word for a unit file, so that it is taken as it stands.  Pure."""
    text = _specifiers(word).replace("\\", "\\\\").replace('"', '\\"')
    text = text.replace("\n", "\\n").replace("\t", "\\t")
    if variables:
        text = text.replace("$", "$$")
    plain = word and not any(character in word for character in " \t\n\"'\\;")
    return text if plain else f'"{text}"'


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")
