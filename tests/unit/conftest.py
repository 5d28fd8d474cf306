"""How random input is tried: without a clock, which says more of the machine than of the code."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Lab machines run beside these tests, and a run of unlucky draws says nothing of the code either.
settings.register_profile(
    "busy",
    settings.default,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)
settings.load_profile("busy")
