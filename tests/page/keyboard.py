"""A page without a mouse: what Tab reaches, and whether one sees where one is."""

from __future__ import annotations

from typing import Any, NamedTuple

from playwright.sync_api import Page

_MOST_STOPS = 400
# All that a mouse could use, each with a number.  Left out is what a widget moves through by its
# arrow keys: it takes Tab once, for all of them.
_NUMBER_CONTROLS = """() => {
    const all = document.querySelectorAll(
        "a[href], button, input, select, textarea, summary, [contenteditable=true], [tabindex]");
    const seen = [...all].filter((one) =>
        one.checkVisibility({visibilityProperty: true}) && !one.matches(":disabled")
        && one.getAttribute("tabindex") !== "-1" && !one.closest("[inert]")
        && !(one.type === "radio" && !one.checked));
    const modal = document.querySelector("dialog:modal");
    const there = seen.filter((one) => !modal || modal.contains(one));
    there.forEach((one, number) => { one.dataset.control = number; });
    return there.map((one) => one.outerHTML.slice(0, 160));
}"""
_STOP = """() => {
    const one = document.activeElement;
    if (!one || one === document.body || one === document.documentElement) return null;
    const {outlineStyle, outlineWidth, boxShadow} = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    return {
        number: one.dataset.control ?? null,
        said: one.outerHTML.slice(0, 160),
        shown: (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1) || boxShadow !== "none",
        inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
}"""


# Tab goes on from where the focus was last, so it is put in front of everything.
_GO_TO_TOP = """() => {
    const mark = document.createElement("span");
    mark.tabIndex = -1;
    (document.querySelector("dialog:modal") ?? document.body).prepend(mark);
    mark.focus();
    mark.remove();
}"""


class Stop(NamedTuple):
    """Where Tab came to.

    :param number: of the control; None: it is none that we numbered.
    :param is_shown: one sees that it has the focus.
    """

    number: int | None
    said: str
    is_shown: bool


class Walk(NamedTuple):
    """A page from its first control to its last."""

    controls: list[str]
    stops: list[Stop]

    @property
    def missed(self) -> list[str]:
        """Controls that Tab does not come to."""
        reached = {stop.number for stop in self.stops}
        return [said for number, said in enumerate(self.controls) if number not in reached]

    @property
    def hidden(self) -> list[str]:
        """Controls that do not show that they have the focus."""
        return [stop.said for stop in self.stops if not stop.is_shown]


def walk(page: Page) -> Walk:
    """Press Tab until all has been there."""
    controls: list[str] = page.evaluate(_NUMBER_CONTROLS)
    stops: list[Stop] = []
    page.evaluate(_GO_TO_TOP)
    for _ in range(_MOST_STOPS):
        page.keyboard.press("Tab")
        said: dict[str, Any] | None = page.evaluate(_STOP)
        if said is None:  # beyond the last one
            break
        stop = Stop(
            None if said["number"] is None else int(said["number"]),
            said["said"],
            bool(said["shown"] and said["inside"]),
        )
        if stops and stop.number is not None and stop.number == stops[0].number:
            break  # once round
        stops.append(stop)
    return Walk(controls, stops)
