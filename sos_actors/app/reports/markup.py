"""Small pieces of HTML, every text escaped: cells, amounts, tables. What a document says never becomes markup here."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

from sos_actors.app.rupees import UNKNOWN, format_count, format_inr

MINUS = "\N{MINUS SIGN}"
NUMERIC = "num"


def esc(value: object) -> str:
    """Text safe inside an element and inside a quoted attribute."""
    return html.escape(str(value), quote=True)


def breakable(value: object) -> str:
    """A name that may break after its underscores."""
    return esc(value).replace("_", "_<wbr>")


def amount(rupees: float | None, *, plus: bool = True) -> str:
    """An amount with sign and colour class."""
    if rupees is None:
        return unknown("undefined for this run")
    kind = "pos" if rupees > 0 else "neg" if rupees < 0 else "flat"
    return f'<span class="{kind}">{format_inr(rupees, plus=plus, minus=MINUS)}</span>'


def unknown(why: str) -> str:
    """A figure that is not known, with the reason for whoever points at it."""
    return f'<span class="na" title="{esc(why)}">{UNKNOWN}</span>'


def ratio(value: float | None, why: str, digits: int = 2) -> str:
    """A plain ratio, or the mark for unknown with its reason."""
    return unknown(why) if value is None else f"{value:.{digits}f}".replace("-", MINUS)


def percent(value: float | None) -> str:
    """A fraction as per cent."""
    return unknown("no trades") if value is None else f"{value * 100:.1f}%"


def count(value: int) -> str:
    """A whole number; zero is dimmed."""
    return format_count(value) if value else '<span class="flat">0</span>'


def table(
    headers: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], caption: str, *, empty: str, css: str = ""
) -> str:
    """A table inside its own scrolling box.

    Args:
        headers: label and class of each column (``num`` aligns right, ``lo`` is dropped on a phone).
        rows: cells as HTML, already escaped; the first of each row is its header.
        caption: what a screen reader announces.
        empty: the sentence shown instead of a table without rows.
        css: more classes of the table.
    """
    body = [_row(headers, row) for row in rows]
    if not body:
        return f'<p class="quiet">{esc(empty)}</p>'
    head = "".join(f'<th scope="col" class="{css_class}">{esc(label)}</th>' for label, css_class in headers)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{esc(caption)}"><table class="{css}">'
        f'<caption class="sr">{esc(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{chr(10).join(body)}\n</tbody></table></div>"
    )


def _row(headers: Sequence[tuple[str, str]], cells: Sequence[str]) -> str:
    first, rest = cells[0], cells[1:]
    others = "".join(f'<td class="{css}">{cell}</td>' for (_, css), cell in zip(headers[1:], rest, strict=True))
    return f'<tr><th scope="row" class="{headers[0][1]}">{first}</th>{others}</tr>'


def definition_list(pairs: Iterable[tuple[str, Any]]) -> str:
    """Names and values, both escaped."""
    items = "".join(f"<div><dt>{esc(name)}</dt><dd>{esc(value)}</dd></div>" for name, value in pairs)
    return f"<dl>{items}</dl>"
