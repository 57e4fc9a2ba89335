"""Text for a terminal: without control characters, measured in columns, cut to a width."""

from __future__ import annotations

import unicodedata


def printable(text: object) -> str:
    """Text without control characters: names come from files and must not steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))


def cell_width(text: str) -> int:
    """Columns a terminal gives to ``text``: wide letters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def fitted(text: object, width: int, *, right: bool = False) -> str:
    """Printable text in exactly ``width`` columns, cut with ``..`` when too long."""
    clean = printable(text)
    if cell_width(clean) > width:
        while clean and cell_width(clean) > width - 2:
            clean = clean[:-1]
        clean += ".."
    padding = " " * (width - cell_width(clean))
    return padding + clean if right else clean + padding
