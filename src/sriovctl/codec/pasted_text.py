"""Undo what terminals, mail programs and web pages do to text before it is pasted.  Pure."""

from __future__ import annotations

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]{0,16}[mK]")
_SPACES = {ord(space): " " for space in "\xa0\u2007\u202f"} | dict.fromkeys(
    map(ord, "\u200b\u200c\u200d\u2060\ufeff")
)
_FOREIGN = re.compile("[\xa0\u2007\u202f\u200b-\u200d\u2060\ufeff]")
_ENTITY = re.compile(r"&(?:[lg]t|amp|nbsp|quot|#\d{2,4});")
_SOFT_BREAK = re.compile(r"=[ \t]{0,8}\r?\n")  # of quoted-printable mail
_MANY_BREAKS = 2


def unwrap_pasted(text: str) -> str:
    """Return a text without colours, entities of HTML and soft line breaks of mail.

    Pure; takes any text.  Spaces that typographers know become plain ones.
    """
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    if "=\n" in text or "=\r\n" in text or "= \n" in text:
        text = _unwrap_mail(text)
    if "&" in text and _ENTITY.search(text):
        from html import unescape

        text = unescape(text)
    if not text.isascii() and _FOREIGN.search(text):
        text = text.translate(_SPACES)
    return text


def _unwrap_mail(text: str) -> str:
    # No line of lspci or of a kernel ends so; several do only in mail as it is sent.
    if len(_SOFT_BREAK.findall(text)) < _MANY_BREAKS:
        return text
    from binascii import a2b_qp

    return a2b_qp(text.encode()).decode("utf-8", "replace")
