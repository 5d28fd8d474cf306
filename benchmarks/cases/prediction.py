"""Predicting the IOMMU groups of ten thousand functions, beside reading them.

The files are made up, on disk: a kernel's sysfs is slower, so the ratio on a real host is better.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from big_host import make_host
from case import Case, Place, Site, Ways
from measure import seconds
from sriovctl.engine.snapshot import read_snapshot
from sriovctl.host.recorded import RecordedHost
from sriovctl.topology.groups import predict_groups


@contextmanager
def predicting(_: Site) -> Iterator[Ways]:
    """Read all files of each function, or predict from what was read."""
    with tempfile.TemporaryDirectory(prefix="sriovctl-benchmark-") as name:
        make_host(Path(name))
        host = RecordedHost(name)
        snapshot = read_snapshot(host)

        def predict() -> float:
            gc.collect()
            return seconds(lambda: predict_groups(snapshot, iommu_on=True))

        def read() -> float:
            gc.collect()
            return seconds(lambda: read_snapshot(host))

        yield Ways(predict, read)


CASES = (
    Case(
        "predict the groups of 10 048 functions",
        "reading them",
        0.3,
        Place.ANYWHERE,
        predicting,
        runs=5,
    ),
)
