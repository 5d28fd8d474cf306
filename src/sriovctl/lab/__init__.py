"""The lab: machines with real SR-IOV hardware, emulated by QEMU, under a real kernel.

    machines.py   what a machine consists of, and the named ones   pure
    argv.py       machine -> QEMU command line                     pure
    settings.py   what the guest is told                           pure
    image.py      kernel, modules and initramfs, from Debian's packages, cached
    netdevsim.py  the one module that Debian does not build
    accel.py      does KVM really work here?
    runner.py     one machine's life: start, command, end
    guest/        the two scripts that run inside

Nothing outside ``cli/lab.py`` and the tests imports this package.
"""
