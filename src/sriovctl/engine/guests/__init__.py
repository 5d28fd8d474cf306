"""VFs given to guests of libvirt and QEMU, and taken back."""
