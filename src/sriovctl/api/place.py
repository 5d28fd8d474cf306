"""Where the interface is served on a host.  Asked at each start of a command, so nothing more."""

SOCKET = "/run/sriovctl/api.sock"
SOCKET_VARIABLE = "SRIOVCTL_SOCKET"  # names another one for the command
