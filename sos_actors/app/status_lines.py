"""Lines of toned text, and the tables, times and figures in them: what `sos status`, the screen and the summary draw.

Pure: values in, lines out. Text is cleaned of control characters here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sos_actors.app.fitting import cell_width, fitted, printable
from sos_actors.app.rupees import format_inr
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND

UNKNOWN = "-"
"""What stands in a narrow column where a figure is unknown."""
GAP = 2


class Tone(StrEnum):
    """What a piece of text says by its colour; the value is its SGR codes."""

    PLAIN = ""
    LOUD = "1"
    DIM = "2"
    GOOD = "32"
    BAD = "31"
    DOUBT = "33"
    PAPER = "1;30;46"
    SIMULATED = "1;30;43"
    REAL_MONEY = "1;37;41"


@dataclass(frozen=True, slots=True)
class Piece:
    """Text in one tone."""

    text: str
    tone: Tone = Tone.PLAIN


Line = tuple[Piece, ...]


def line(*parts: str | Piece) -> Line:
    """A line of pieces; plain text is a piece in the plain tone."""
    return tuple(Piece(part) if isinstance(part, str) else part for part in parts)


def cut(pieces: Line, width: int) -> Line:
    """The line in at most ``width`` columns, clean of control characters; what is too long ends with ``..``."""
    kept: list[Piece] = []
    room = width
    for number, piece in enumerate(pieces):
        text = printable(piece.text)
        more = sum(cell_width(printable(other.text)) for other in pieces[number + 1 :])
        if cell_width(text) > room or (more and cell_width(text) == room):
            kept.append(Piece(fitted(text + ("..." if more else ""), room), piece.tone))
            break
        kept.append(Piece(text, piece.tone))
        room -= cell_width(text)
    return tuple(kept)


def rendered(lines: Iterable[Line], width: int, colour: bool) -> str:
    """The lines as text, each cut to ``width`` and ended by a line feed, coloured or not."""
    return "".join("".join(_painted(piece, colour) for piece in cut(one, width)).rstrip() + "\n" for one in lines)


def _painted(piece: Piece, colour: bool) -> str:
    return f"\x1b[{piece.tone}m{piece.text}\x1b[0m" if colour and piece.tone and piece.text else piece.text


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str | Piece]],
    width: int,
    *,
    right: Collection[int] = (),
    flex: int = 0,
) -> list[Line]:
    """A heading and rows in aligned columns.

    Args:
        head: a word a column.
        rows: a cell for each.
        width: columns of the terminal; where the table is wider, column ``flex`` gives way.
        right: columns of figures.
        flex: the column that shrinks, to 6 at the least; what is still too wide is cut by `rendered`.
    """
    cells = [line(*row) for row in rows]
    widths = [
        max(cell_width(word), *(cell_width(printable(row[place].text)) for row in cells)) if cells else cell_width(word)
        for place, word in enumerate(head)
    ]
    too_wide = sum(widths) + GAP * (len(widths) - 1) - width
    if too_wide > 0:
        widths[flex] = max(widths[flex] - too_wide, min(6, widths[flex]))
    titles = tuple(Piece(word, Tone.DIM) for word in head)
    return [_row(one, widths, right) for one in (titles, *cells)]


def _row(cells: Line, widths: Sequence[int], right: Collection[int]) -> Line:
    pieces: list[Piece] = []
    for place, (cell, wide) in enumerate(zip(cells, widths, strict=True)):
        text = fitted(cell.text, wide, right=place in right)
        pieces += [Piece(" " * GAP)] * bool(place) + [Piece(text, cell.tone)]
    return tuple(pieces)


def clock_text(ts: int | None) -> str:
    """A moment as the time in India, ``09:20:13``."""
    return UNKNOWN if ts is None else f"{indian_time(ts):%H:%M:%S}"


def indian_time(ts: int) -> datetime:
    """A moment in UnixNanos as date and time in India, without a zone."""
    return datetime.fromtimestamp(ts // NANOS_PER_SECOND, UTC).replace(tzinfo=None) + timedelta(seconds=IST_OFFSET_S)


def span_text(nanos: int | None) -> str:
    """A stretch of time, nanoseconds, as ``8 s``, ``3 min`` or ``2 h 05 min``; below zero counts as none."""
    if nanos is None:
        return UNKNOWN
    seconds = max(nanos, 0) // NANOS_PER_SECOND
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def micros_text(micros: float) -> str:
    """A latency given in microseconds with three digits or so: ``0.4 us``, ``191 us``, ``2.62 ms``, ``1.20 s``."""
    if micros < 1000:
        return f"{micros:.1f} us" if micros < 10 else f"{micros:.0f} us"
    return f"{micros / 1000:.2f} ms" if micros < 1_000_000 else f"{micros / 1_000_000:.2f} s"


def bytes_text(count: int | None) -> str:
    """A size as ``812 kB`` or ``1.3 MB``."""
    if count is None:
        return UNKNOWN
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def figure(value: float | None, digits: int = 2) -> str:
    """A price or ratio with so many decimals."""
    return UNKNOWN if value is None else f"{value:.{digits}f}"


def money(rupees: float | None) -> Piece:
    """A gain in green, a loss in red, sign included."""
    if rupees is None:
        return Piece(UNKNOWN)
    tone = Tone.GOOD if rupees > 0 else Tone.BAD if rupees < 0 else Tone.PLAIN
    return Piece(format_inr(rupees, plus=True), tone)
