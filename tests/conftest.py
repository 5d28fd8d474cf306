"""Tests marked ``lab(machine)`` run inside that machine: see the plugin."""

pytest_plugins = ["sriovctl.lab.pytest_lab"]
