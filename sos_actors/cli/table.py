"""The summary of a run as text for a terminal: plain ASCII layout, aligned, colour only where it is wanted."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from sos_actors.app.fitting import cell_width, fitted, printable
from sos_actors.app.headline import ordered_notes, period, plural, why_no_trades
from sos_actors.app.rupees import UNKNOWN, format_count, format_inr

Record = Mapping[str, Any]
MIN_WIDTH = 60
TWO_COLUMNS = 76
MOST_REASONS = 12
GREEN, RED, YELLOW, BOLD, DIM = "32", "31", "33", "1", "2"
CHARGE_WORDS = (
    ("brokerage", "brokerage"), ("stt", "STT"), ("exchange", "exchange"), ("ipft", "IPFT"), ("sebi", "SEBI"),
    ("stamp", "stamp duty"), ("gst", "GST"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paint:
    """Adds colour, or nothing."""

    on: bool

    def __call__(self, text: str, *codes: str) -> str:
        """The text in the given SGR codes."""
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self.on and codes else text

    def money(self, text: str, rupees: float | None) -> str:
        """Green above zero, red below; the sign is in the text already."""
        return self(text, GREEN if rupees > 0 else RED) if rupees else text


def wants_colour(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether to colour what goes to ``stream``: a terminal that is not dumb, and NO_COLOR unset or empty."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def render_summary(document: Record, width: int, colour: bool) -> str:
    """Write the summary of a run.

    Args:
        document: the run's document; candles are not read.
        width: columns to use; below 60 the lines stay 60 wide.
        colour: see `wants_colour`.

    Returns:
        Lines, each ended by a line feed; none is wider than ``width``.
    """
    width, paint = max(width, MIN_WIDTH), Paint(colour)
    summary = document["summary"]
    blocks = [_head(document, width, paint), _figures(summary, width, paint)]
    if summary["trades"]:
        blocks += [
            _groups(summary["by_strategy"], "strategy", "Strategy", width, paint),
            _groups(summary["by_regime"], "regime", "Regime", width, paint),
        ]
    blocks += [_charges(summary, width), _reasons(summary, width, paint), _doubts(document, width, paint)]
    blocks.append(_unknowns(summary, width, paint))
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks if block)


def _wrapped(text: object, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(printable(text), width - 1, subsequent_indent=indent, break_on_hyphens=False)


def _head(document: Record, width: int, paint: Paint) -> list[str]:
    run, summary = document["run"], document["summary"]
    lines: list[str] = []
    for place, note in enumerate(ordered_notes(run)):
        loud = (BOLD, YELLOW) if place == 0 and run.get("simulated") else ()
        lines += [paint(line, *loud) for line in _wrapped(note, width)]
    if lines:
        lines.append("")
    days = len({session["date"] for session in document["sessions"]})
    lines += [paint(line, BOLD) for line in _wrapped(", ".join(map(str, run["symbols"])) or "no symbols", width)]
    lines.append(f"{period(run)}, {plural(days, 'session')}, {plural(len(run['strategies']), 'strategy')}")
    reason = why_no_trades(document)
    if reason:
        lines += ["", *(paint(line, BOLD) for line in _wrapped(reason, width))]
    elif summary["trades"]:
        net = summary["net_inr"]
        text = paint.money(paint(f"{format_inr(net, plus=True)} INR", BOLD), net)
        lines.append(f"Net {text} after charges, from {plural(summary['trades'], 'trade')}")
    return lines


def _figures(summary: Record, width: int, paint: Paint) -> list[str]:
    rate = summary["win_rate"]
    drawdown = summary["max_drawdown_inr"]
    left = [
        ("Gross INR", format_inr(summary["gross_inr"], plus=True), summary["gross_inr"]),
        ("Charges INR", format_inr(-summary["charges_inr"]), None),
        ("Net INR", format_inr(summary["net_inr"], plus=True), summary["net_inr"]),
        ("Per trade INR", format_inr(summary["expectancy_inr"], plus=True), summary["expectancy_inr"]),
        ("Largest drawdown", format_inr(-drawdown), -drawdown),
    ]
    right = [
        ("Trades won / lost", f"{format_count(summary['wins'])} / {format_count(summary['losses'])}"),
        ("Win rate", UNKNOWN if rate is None else f"{rate * 100:.1f} %"),
        ("Profit factor", _ratio(summary["profit_factor"])),
        ("Daily Sharpe", _ratio(summary["sharpe_daily"])),
        ("Signals / traded", f"{format_count(summary['signals'])} / {format_count(summary['traded'])}"),
    ]
    amounts = [f"{name:<17}{paint.money(f'{text:>15}', value)}" for name, text, value in left]
    if width < TWO_COLUMNS:
        return amounts + [f"{name:<17}{figure:>15}" for name, figure in right]
    pairs = zip(amounts, right, strict=True)
    return [f"{amount}    {name:<19}{figure}" for amount, (name, figure) in pairs]


def _ratio(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"


def _groups(rows: Sequence[Record], key: str, title: str, width: int, paint: Paint) -> list[str]:
    room = width - 1 - 44
    longest = max([len(title), *(cell_width(printable(row[key])) for row in rows)])
    name_width = min(longest, max(room, 14))
    head = f"{title:<{name_width}} {'trades':>7} {'win %':>6} {'net INR':>14} {'per trade':>11}"
    return [paint(head, DIM), paint("-" * len(head), DIM), *(_group(row, row[key], name_width, paint) for row in rows)]


def _group(row: Record, name: object, name_width: int, paint: Paint) -> str:
    rate = "-" if row["win_rate"] is None else f"{row['win_rate'] * 100:.1f}"
    net = paint.money(f"{format_inr(row['net_inr'], plus=True):>14}", row["net_inr"])
    each = "-" if row["expectancy_inr"] is None else format_inr(row["expectancy_inr"], plus=True)
    return f"{fitted(name, name_width)} {format_count(row['trades']):>7} {rate:>6} {net} {each:>11}"


def _charges(summary: Record, width: int) -> list[str]:
    charges = summary["charges"]
    if not charges["total"]:
        return []
    items = ", ".join(f"{words} {format_inr(charges[line])}" for line, words in CHARGE_WORDS if charges[line])
    return _wrapped(f"Charges {format_inr(charges['total'])} INR: {items}", width, "  ")


def _reasons(summary: Record, width: int, paint: Paint) -> list[str]:
    reasons = summary["skipped_reasons"]
    if not reasons:
        return []
    total = sum(row["count"] for row in reasons)
    title = f"Not traded: {format_count(total)} of {plural(summary['signals'], 'signal')}"
    lines = [paint(title, DIM), paint("-" * len(title), DIM)]
    for row in reasons[:MOST_REASONS]:
        start = f"{format_count(row['count']):>7}  {fitted(row['outcome'], 8)} "
        text = _wrapped(row["reason"] or "no reason given", width - len(start))
        lines += [start + text[0], *(" " * len(start) + line for line in text[1:])]
    more = reasons[MOST_REASONS:]
    if more:
        hidden = format_count(sum(row["count"] for row in more))
        lines.append(f"{hidden:>7}  for {plural(len(more), 'other reason')}: see the report")
    return lines


def _doubts(document: Record, width: int, paint: Paint) -> list[str]:
    """What lessens the figures: missing bars, prices that no market made."""
    summary = document["summary"]
    short = [session for session in document["sessions"] if session["bars"] < session["expected"]]
    texts = []
    if short:
        bars = sum(session["expected"] - session["bars"] for session in short)
        texts.append(f"{plural(bars, 'bar')} missing in {plural(len(short), 'session')} (counted by symbol).")
    priced = summary["priced_from"]
    guessed = " and ".join(f"{plural(priced[name], 'trade')} from the {name}" for name in priced if name != "candles")
    if guessed:
        texts.append(f"Not priced from the contract's own candles: {guessed}.")
    return [paint(line, YELLOW) for text in texts for line in _wrapped(text, width, "  ")]


def _unknowns(summary: Record, width: int, paint: Paint) -> list[str]:
    """Expressions that met a value nobody knew yet, so that the pattern did not go on."""
    errors = summary["expression_errors"]
    if not errors:
        return []
    title = "Conditions that met an unknown value"
    lines = [paint(title, DIM), paint("-" * len(title), DIM)]
    for error in errors[:MOST_REASONS]:
        times = "once" if error["count"] == 1 else f"{format_count(error['count'])} times"
        text = f"{error['strategy']}: could not be evaluated {times}: {error['expression']}"
        lines += _wrapped(text, width, "  ")
    more = errors[MOST_REASONS:]
    return lines + ([f"and {plural(len(more), 'other expression')}: see the report"] if more else [])
