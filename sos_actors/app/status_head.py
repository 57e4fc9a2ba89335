"""The top of every view of the running system: whether money is real, what time it is, whether it trades, the day.

Pure: a status in, lines out.
"""

from __future__ import annotations

from collections.abc import Iterator

from sos_actors.app.headline import plural
from sos_actors.app.rupees import format_count
from sos_actors.app.status_lines import Line, Piece, Tone, clock_text, line, money, span_text
from sos_actors.messages.status import ActorStatus, RunStatus, SystemStatus

RUNNING = "running"
OPEN = "open"
REAL = "real"


def badge(run: RunStatus) -> Line:
    """What kind of money is at stake, in words nobody can mistake."""
    if run.simulated:
        orders = "paper orders" if run.mode != REAL else "orders go to a simulated broker"
        return line(Piece(" SIMULATED ", Tone.SIMULATED), f" prices are invented, {orders}")
    if run.mode == REAL:
        return line(Piece(" REAL MONEY ", Tone.REAL_MONEY), Piece(f" orders go to {run.broker}", Tone.BAD))
    return line(Piece(" PAPER ", Tone.PAPER), f" prices of {run.source}, no order leaves this machine")


def head(status: SystemStatus) -> list[Line]:
    """Badge, time and phase, and whether trading is open."""
    run = status.run
    speed = "" if run.speed == 1 else f" x{run.speed:g}"
    when = f"{status.session.day} {clock_text(status.at)}{speed}, market {status.session.phase}"
    up = span_text(status.wall - run.started_wall)
    return [
        badge(run),
        line(Piece(when, Tone.LOUD), f"   run {run.run_id}, pid {run.pid}, up {up}"),
        *_gate(status),
    ]


def _gate(status: SystemStatus) -> Iterator[Line]:
    gate, flat = status.gate, status.flat
    if flat.asked:
        told = "everything is closed" if flat.confirmed else "closing everything"
        yield line(Piece(f"FLAT: {told}", Tone.BAD), f" ({flat.reason})" if flat.reason else "")
    if gate.rung == OPEN:
        yield line("Trading ", Piece("OPEN", Tone.GOOD))
        return
    yield line("Trading ", Piece(gate.rung.upper(), Tone.BAD), ", waiting for" if gate.holds else "")
    for hold in gate.holds:
        yield line(f"  {hold.key}: {hold.reason} ", Piece(f"({span_text(status.at - hold.since)})", Tone.DIM))


def day_line(status: SystemStatus) -> Line:
    """Profit and loss: what the open positions stand at, what the day's closed trades made; both after charges."""
    day = status.day
    closed = f"{plural(day.trades, 'trade')}, {format_count(day.won)} won, {format_count(day.lost)} lost"
    pieces: list[str | Piece] = ["Day net ", money(day.net), f" INR (gross {money(day.gross).text}), {closed}"]
    if status.positions:
        nets = [position.net for position in status.positions]
        known = [net for net in nets if net is not None]
        pieces = ["Open ", money(sum(known) if len(known) == len(nets) else None), "; day net ", *pieces[1:]]
    return line(*pieces)


def all_actors(actors: tuple[ActorStatus, ...], depth: int = 0) -> Iterator[tuple[int, ActorStatus]]:
    """Every node of the tree with its depth, parents first."""
    for actor in actors:
        yield depth, actor
        yield from all_actors(actor.children, depth + 1)


def restarts(status: SystemStatus) -> int:
    """How often anything was restarted."""
    return sum(actor.restarts for _, actor in all_actors(status.actors))
