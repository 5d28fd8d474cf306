"""Netdevs of VFs in other network namespaces: finding them, and bringing them there and back."""
