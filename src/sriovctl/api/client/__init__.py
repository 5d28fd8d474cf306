"""Asking the daemon of this host, over its unix socket, in place of the host itself."""
