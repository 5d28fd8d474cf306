"""Undo what terminals, mail programs and web pages do to text before it is pasted.  Pure."""

from __future__ import annotations

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]{0,16}[mK]")
_SPACES = {ord(space): " " for space in "\xa0\u2007\u202f"} | dict.fromkeys(
    map(ord, "\u200b\u200c\u200d\u2060\ufeff")
)
_FOREIGN = re.compile("[\xa0\u2007\u202f\u200b-\u200d\u2060\ufeff]")
_ENTITY = re.compile(r"&(?:[lg]t|amp|nbsp|quot|#\d{2,4});")
_TAG = re.compile(
    r"</?(?:pre|code|p|br|div|span|font|table|tbody|tr|td|html|head|body|b|i|tt)\b[^<>]{0,256}>",
    re.I,
)
_MARGINS = "+|\u2502"  # of a diff, of a table, of a mail program
_NUMBERED = re.compile(r"\s{0,12}(\d{1,7})(?:[:.)|]|\s)[ \t]?")
_BEGINS = re.compile(  # a function, or a line of a kernel log
    r"(?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7]\s|\[ {0,12}\d{1,12}\.\d{3,9}\]"
)
_FIRST_LINES = 400  # enough to see what all lines have in front
_SOFT_BREAK = re.compile(r"=[ \t]{0,8}\r?\n")  # of quoted-printable mail
_NO_MAIL = re.compile(r"=(?![0-9A-F]{2}|[ \t]{0,8}\r?\n)")
_MANY_BREAKS = 2


def unwrap_pasted(text: str) -> str:
    """Return a text without colours, HTML, soft line breaks of mail, and margins.

    Pure; takes any text.  Spaces that typographers know become plain ones.  A margin is what all
    lines begin with: their numbers, or a stroke.
    """
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    if "=" in text:
        text = _unwrap_mail(text)
    if "&" in text and _ENTITY.search(text):
        from html import unescape

        text = unescape(text)
    if "</" in text:
        text = _TAG.sub("", text)
    if not text.isascii() and _FOREIGN.search(text):
        text = text.translate(_SPACES)
    return _without_margin(text)


def _unwrap_mail(text: str) -> str:
    # In mail as it is sent, each of these signs breaks a line or stands before two digits.
    if _NO_MAIL.search(text) or len(_SOFT_BREAK.findall(text)) < _MANY_BREAKS:
        return text
    from binascii import a2b_qp

    return a2b_qp(text.encode()).decode("utf-8", "replace")


def _without_margin(text: str) -> str:
    first = [line for line in text[: _FIRST_LINES * 80].splitlines()[:_FIRST_LINES] if line.strip()]
    if len(first) > 1 and _are_numbered(first):
        return "\n".join(_NUMBERED.sub("", line, count=1) for line in text.splitlines())
    strokes = sum(line[0] in _MARGINS for line in first)
    # Tables have a stroke on each line, too, and more of them within.
    is_table = any(line.count(line[0]) > 2 for line in first if line[0] in "|\u2502")
    if strokes * 10 > len(first) * 9 and not is_table:
        return "\n".join(line[1:] if line[:1] in _MARGINS else line for line in text.splitlines())
    return text


def _are_numbered(lines: list[str]) -> bool:
    # With numbers that rise, and what a dump has behind them: bus numbers rise as well.
    found = [_NUMBERED.match(line) for line in lines]
    numbers = [int(match[1]) for match in found if match is not None]
    if len(numbers) < len(lines) or numbers != sorted(set(numbers)):
        return False
    rests = (line[match.end() :] for line, match in zip(lines, found, strict=True) if match)
    return any(_BEGINS.match(rest.lstrip()) for rest in rests)
