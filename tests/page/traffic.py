"""Traffic for pictures: the counters of a host, as if its VFs had been sending for a while."""

from __future__ import annotations

import math
import time
from typing import Any

from playwright.sync_api import Page, Route

_PATH = "**/v1/counters"
_PATIENCE_S = 60.0
# Whether a look is under way: between two of them the page waits for its clock.
_WATCH = """(pause) => {
    window.looks = 0;
    window.pauses = 0;
    const {fetch, setTimeout} = window;
    window.fetch = (path, ...more) => {
        window.looks += String(path).endsWith("/v1/counters") ? 1 : 0;
        return fetch(path, ...more);
    };
    window.setTimeout = (then, ms, ...more) => {
        window.pauses += ms === pause ? 1 : 0;
        return setTimeout(then, ms, ...more);
    };
}"""
_IS_QUIET = "window.looks > 0 && window.looks === window.pauses"
_EVERY_S = 2
_LOOKS = 17  # half a minute: after 40 s without an event a page asks whether its host is there
_BYTES_OF_PACKET = 900
_MEAN = 24e6  # bytes a second of a VF


class Traffic:
    """Lets a page see counters that grow evenly, whatever the host counts."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._looks = 0
        page.add_init_script(f"({_WATCH})({_EVERY_S * 1000})")
        page.route(_PATH, self._answer)

    def flow(self) -> None:
        """Let the page look again and again, in no time; its clock stands still but for that."""
        self._wait()
        for _ in range(_LOOKS):
            self._looks += 1
            self._page.clock.fast_forward(_EVERY_S * 1000)
            self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not self._page.evaluate(_IS_QUIET):
            assert time.monotonic() < deadline, "the page looks no more"

    # Until it flows nothing happens, however often the page looks.
    def _answer(self, route: Route) -> None:
        document = route.fetch().json()
        document["time_s"] = 1000.0 + _EVERY_S * self._looks
        for number, pf in enumerate(document["pfs"]):
            pf["at_s"] = document["time_s"]
            _count(pf, number, self._looks)
        route.fulfill(json=document)


def _count(pf: dict[str, Any], number: int, looks: int) -> None:
    if pf.get("counters"):
        pf["counters"].update(_counted(looks, 3.0 * number, 1.0 + number % 3))
    for vf in pf["vfs"]:
        seed = 0.7 * vf["vf_index"] + number
        if vf.get("counters"):
            vf["counters"].update(_counted(looks, seed, 0.1 + (vf["vf_index"] * 7 % 5) / 10))


def _counted(looks: int, seed: float, share: float) -> dict[str, int]:
    received = sum(_rate(look, seed) for look in range(looks)) * share * _EVERY_S
    sent = sum(_rate(look, seed + 2) for look in range(looks)) * share * _EVERY_S / 3
    return {
        "rx_bytes": int(received),
        "tx_bytes": int(sent),
        "rx_packets": int(received / _BYTES_OF_PACKET),
        "tx_packets": int(sent / _BYTES_OF_PACKET),
    }


def _rate(look: int, seed: float) -> float:
    wave = 0.35 * math.sin(look / 3 + seed) + 0.12 * math.sin(look * 1.9 + 2 * seed)
    return _MEAN * (1 + wave)
