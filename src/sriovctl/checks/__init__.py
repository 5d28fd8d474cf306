"""Readiness rules: pure functions from a snapshot of a host to findings, one file per subject."""
