"""The end of a run in words: what was traded and why, what it brought, what went wrong, and what to type next.

Pure: the last status in, lines out; `sos live` prints them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from sos_actors.app.fitting import printable
from sos_actors.app.headline import OUTCOME_WORDS, format_day, plural
from sos_actors.app.rupees import format_count, format_inr
from sos_actors.app.seeing import is_gone_with_its_run
from sos_actors.app.status_head import all_actors, badge
from sos_actors.app.status_lines import (
    Line,
    Piece,
    Tone,
    figure,
    indian_time,
    line,
    micros_text,
    money,
    span_text,
    table,
)
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.status import SystemStatus

WIDE = 100


def day_summary(status: SystemStatus, width: int) -> list[Line]:
    """The summary of a run.

    Args:
        status: the last one.
        width: columns of the terminal.

    Returns:
        Lines; `status_lines.rendered` cuts them to the width.
    """
    parts = [
        _top(status),
        _held(status),
        _trades(status, width),
        _signals(status),
        _machinery(status, width),
    ]
    return [one for part in parts if part for one in (*part, line())][:-1]


def _top(status: SystemStatus) -> list[Line]:
    day = status.day
    hours = f"{indian_time(status.run.started):%H:%M} to {indian_time(status.at):%H:%M}"
    took = span_text(status.wall - status.run.started_wall)
    first = f"{format_day(status.session.day)}, {hours}, run {status.run.run_id}, took {took}"
    lines = [badge(status.run), line(Piece(first, Tone.LOUD))]
    if not day.trades:
        return [*lines, line(Piece(_why_no_trades(status), Tone.LOUD))]
    charges = None if day.charges is None else -day.charges
    lines.append(line("Net ", money(day.net), f" INR after charges, from {plural(day.trades, 'trade')}"))
    won = f"{format_count(day.won)} won, {format_count(day.lost)} lost"
    lines.append(line("Gross ", money(day.gross), f", charges {format_inr(charges)}, {won}"))
    return lines


def _why_no_trades(status: SystemStatus) -> str:
    total = sum(one.count for one in status.day.signals)
    return f"No trades, from {plural(total, 'signal')}." if total else "No trades: no strategy gave a signal."


def _held(status: SystemStatus) -> list[Line]:
    """What the run leaves behind; it must not be overlooked."""
    if status.holds_nothing:
        return []
    held = [
        f"{short_name_of(one.symbol)}: {one.side} {one.quantity} at {figure(one.entry)}" for one in status.positions
    ]
    orders = [f"{short_name_of(one.symbol)}: {one.purpose} order, {one.state}" for one in status.orders]
    gone = is_gone_with_its_run(status)
    told = "Still held; gone with the simulated market:" if gone else "STILL HELD, and nobody guards it:"
    return [line(Piece(told, Tone.BAD)), *(line(f"  {text}") for text in held + orders)]


def _trades(status: SystemStatus, width: int) -> list[Line]:
    """A line a trade; a narrow terminal gets the side as the sign of the quantity, and no strategy."""
    wide = width >= WIDE
    rows: list[list[str | Piece]] = []
    for one in status.trades:
        quantity = format_count(one.quantity if wide or one.side == "buy" else -one.quantity)
        rows.append([
            f"{indian_time(one.opened):%H:%M}", f"{indian_time(one.closed):%H:%M}", short_name_of(one.symbol), quantity,
            figure(one.entry), figure(one.exit), money(one.net), one.reason, *([one.side, one.strategy] * wide),
        ])  # fmt: skip
    names = ["In", "out", "instrument", "qty", "entry", "exit", "net INR", "reason", *(["side", "strategy"] * wide)]
    return table(names, rows, width, right={3, 4, 5, 6}, flex=2) * bool(rows)


def _signals(status: SystemStatus) -> list[Line]:
    counts = sorted(status.day.signals, key=lambda one: -one.count)
    total = sum(one.count for one in counts)
    if not total:
        return []
    words = [f"{format_count(one.count)} {OUTCOME_WORDS.get(one.outcome, one.outcome)}" for one in counts]
    return [line(f"{plural(total, 'signal')}: {', '.join(words)}")]


def _machinery(status: SystemStatus, width: int) -> list[Line]:
    again = [actor for _, actor in all_actors(status.actors) if actor.restarts]
    lines = [line("No actor had to be restarted.")]
    if again:
        lines = [line(f"{plural(sum(actor.restarts for actor in again), 'restart')} of actors:")]
        lines += [line(f"  {one.name} {format_count(one.restarts)}, the last: {one.last_reason}") for one in again]
    if status.kept.store_dropped:
        lost = f"{plural(status.kept.store_dropped, 'row')} could not be stored; the journal has everything."
        lines.append(line(Piece(lost, Tone.BAD)))
    rows: list[Sequence[str | Piece]] = [
        [one.stage, format_count(one.count), micros_text(one.p50_us), micros_text(one.p99_us), micros_text(one.p999_us)]
        for one in status.latencies
        if one.count
    ]
    if rows:
        lines += table(["Latency", "count", "p50", "p99", "p99.9"], rows, width, right=range(1, 5))
    return lines


def what_next(status: SystemStatus, config_file: str = "") -> list[str]:
    """Where the journal is and what to type next: lines that are to be copied, so never cut.

    Args:
        status: the last one.
        config_file: what was given with ``--config``; the commands repeat it.
    """
    journal = printable(status.kept.journal)
    if not journal:
        return []
    sos = f"sos --config {shlex.quote(printable(config_file))}" if config_file else "sos"
    return [
        f"Journal {journal} ({plural(status.kept.records, 'record')})",
        "The same decisions again?",
        f"  {sos} replay {shlex.quote(journal)}",
        "What a backtest of the day does otherwise:",
        f"  {sos} parity {printable(status.session.day)}",
    ]
