"""``python -m tests.fuzz TARGET [libFuzzer's options] [CORPUS]``."""

from __future__ import annotations

import sys

import atheris

# Only our own modules are watched: to rewrite all of the standard library takes 20 seconds.
with atheris.instrument_imports(include=["sriovctl"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    target, _ = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()
