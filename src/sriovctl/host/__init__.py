"""Doors to the kernel, to libvirt and to our own files; one file per door."""
