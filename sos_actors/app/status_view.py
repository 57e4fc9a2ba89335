"""A status as blocks of lines, the important ones marked, for `sos status` and the screen of `sos live`.

Pure: a status in, lines out. Which blocks fit on a screen is decided by `fit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sos_actors.app.headline import plural
from sos_actors.app.rupees import format_count
from sos_actors.app.status_head import RUNNING, all_actors, day_line, head
from sos_actors.app.status_lines import (
    Line,
    Piece,
    Tone,
    bytes_text,
    clock_text,
    figure,
    line,
    micros_text,
    money,
    span_text,
    table,
)
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.status import ActorStatus, SystemStatus

OUTCOME_TONES = {"traded": Tone.GOOD, "denied": Tone.DOUBT, "vetoed": Tone.DOUBT}


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together.

    Attributes:
        rank: 0 is dropped from a small screen last.
        least: how many lines it must have there.
    """

    lines: list[Line]
    rank: int
    least: int = 2


def blocks(status: SystemStatus, width: int) -> list[Block]:
    """Everything worth seeing at once, in reading order; nothing that is empty but the positions."""
    top = head(status)
    found = [
        Block([*top, day_line(status)], 0, min(len(top), 5) + 1),
        Block(_positions(status, width), 1, 1 + min(len(status.positions), 4)),
        Block(_orders(status, width), 2),
        Block(_troubled(status, width), 3),
        Block(_watchlist(status, width), 5, 3),
        Block(_signals(status, width), 4, 3),
        Block(_moods(status), 6, 1),
        Block(_latencies(status, width), 7, 3),
        Block(_machinery(status), 8, 1),
        Block(_vendors(status), 10, 1),
        Block(_troubles(status), 9, 2),
    ]
    return [block for block in found if block.lines]


def fit(found: Sequence[Block], height: int) -> list[Line]:
    """The lines that fit, every block with its least first, then the most important ones with more."""
    given: dict[int, int] = {}
    room = height
    by_rank = sorted(range(len(found)), key=lambda place: found[place].rank)
    for place in by_rank:
        least = min(found[place].least, len(found[place].lines))
        if least <= room:
            given[place] = least
            room -= least
    for place in by_rank:
        if place in given:
            more = min(room, len(found[place].lines) - given[place])
            given[place] += more
            room -= more
    return [one for place in sorted(given) for one in _shortened(found[place].lines, given[place])]


def _shortened(lines: list[Line], count: int) -> list[Line]:
    if count == len(lines):
        return lines
    if count < 3:
        return lines[:count]
    return [*lines[: count - 1], line(Piece(f"  and {format_count(len(lines) - count + 1)} more", Tone.DIM))]


def _positions(status: SystemStatus, width: int) -> list[Line]:
    if not status.positions:
        return [line(Piece("No position is open.", Tone.DIM))]
    rows: list[list[str | Piece]] = [
        [
            short_name_of(held.symbol), held.side, format_count(held.quantity), figure(held.entry), figure(held.last),
            figure(held.stop), figure(held.target), money(held.net), "exiting" if held.exiting else "",
        ]
        for held in status.positions
    ]  # fmt: skip
    names = ["POSITION", "side", "qty", "entry", "last", "stop", "target", "net INR", ""]
    return table(names, rows, width, right={2, 3, 4, 5, 6, 7})


def _orders(status: SystemStatus, width: int) -> list[Line]:
    rows = [
        [
            short_name_of(order.symbol), order.purpose, order.side,
            f"{format_count(order.filled)}/{format_count(order.quantity)}", figure(order.price), order.state,
            clock_text(order.since),
        ]
        for order in status.orders
    ]  # fmt: skip
    return table(["ORDER", "for", "side", "filled", "limit", "state", "since"], rows, width, right={3, 4}) * bool(rows)


def _watchlist(status: SystemStatus, width: int) -> list[Line]:
    rows: list[list[str | Piece]] = [
        [
            short_name_of(seen.symbol), Piece(seen.state, Tone.PLAIN if seen.state == "following" else Tone.DOUBT),
            clock_text(seen.since), figure(seen.rvol), figure(seen.change), figure(seen.momentum, 0),
            _furthest(status, seen.symbol),
        ]
        for seen in status.watchlist
    ]  # fmt: skip
    names = [f"IN PLAY ({len(rows)})", "state", "since", "rvol", "chg %", "mom", "nearest pattern"]
    return table(names, rows, width, right={3, 4, 5}, flex=6) * bool(rows)


def _furthest(status: SystemStatus, symbol: str) -> str:
    """The strategy that is furthest on a symbol, of those that have begun."""
    begun = [one for one in status.patterns if one.symbol == symbol and one.number > 1]
    if not begun:
        return ""
    best = max(begun, key=lambda one: (one.number / one.phases, one.strategy))
    return f"{best.number}/{best.phases} {best.strategy}"


def _signals(status: SystemStatus, width: int) -> list[Line]:
    rows: list[list[str | Piece]] = [
        [
            clock_text(signal.ts), short_name_of(signal.symbol), signal.side, signal.strategy,
            Piece(signal.outcome, OUTCOME_TONES.get(signal.outcome, Tone.PLAIN)), signal.reason,
        ]
        for signal in reversed(status.signals)
    ]  # fmt: skip
    return table(["SIGNAL", "symbol", "side", "strategy", "outcome", "reason"], rows, width, flex=5) * bool(rows)


def _moods(status: SystemStatus) -> list[Line]:
    return [
        line(
            f"Mood of {short_name_of(mood.symbol)} ", Piece(mood.regime.replace("_", " "), Tone.LOUD),
            f", PCR {figure(mood.pcr)}, advances to declines {figure(mood.breadth)}, ",
            "never known" if mood.known is None else f"{span_text(status.at - mood.known)} old",
        )
        for mood in status.moods
    ]  # fmt: skip


def _troubled(status: SystemStatus, width: int) -> list[Line]:
    """A count of the actors, then those that do not run."""
    everyone = [actor for _, actor in all_actors(status.actors)]
    if not everyone:
        return []
    ill = [actor for actor in everyone if actor.state != RUNNING]
    restarted = sum(actor.restarts for actor in everyone)
    told = f"Actors: {format_count(len(everyone) - len(ill))} of {format_count(len(everyone))} run"
    first = line(Piece(told, Tone.BAD if ill else Tone.PLAIN), f", {plural(restarted, 'restart')}")
    return [first, *(_actor(actor, 1, status, width) for actor in ill)]


def _actor(actor: ActorStatus, depth: int, status: SystemStatus, width: int) -> Line:
    well = actor.state == RUNNING
    name = "  " * depth + actor.name
    since = "" if actor.since is None else f" for {span_text(status.at - actor.since)}"
    again = f", {plural(actor.restarts, 'restart')}" if actor.restarts else ""
    reason = f": {actor.last_reason}" if actor.last_reason else ""
    state = Piece(actor.state, Tone.PLAIN if well else Tone.BAD)
    return line(f"{name:<{min(32, width // 3)}} ", state, f"{since}{again}{reason}")


def tree(status: SystemStatus, width: int) -> list[Line]:
    """Every actor under its supervisor, with state, restarts and the last reason."""
    return [_actor(actor, depth, status, width) for depth, actor in all_actors(status.actors)]


def patterns(status: SystemStatus, symbol: str, width: int) -> list[Line]:
    """How far each strategy is on a symbol, given by its canonical or short name; empty where none looks at it."""
    wanted = symbol.upper()
    rows = [
        [one.strategy, f"{one.number}/{one.phases}", one.phase, format_count(one.bars)]
        for one in status.patterns
        if wanted in (one.symbol.upper(), short_name_of(one.symbol).upper())
    ]
    return table(["STRATEGY", "phase", "waits in", "bars"], rows, width, right={3}) * bool(rows)


def _latencies(status: SystemStatus, width: int) -> list[Line]:
    rows = [
        [
            one.stage, format_count(one.count), micros_text(one.p50_us), micros_text(one.p99_us),
            micros_text(one.p999_us), micros_text(one.max_us),
        ]
        for one in status.latencies
        if one.count
    ]  # fmt: skip
    return table(["LATENCY", "count", "p50", "p99", "p99.9", "max"], rows, width, right=range(1, 6)) * bool(rows)


def _machinery(status: SystemStatus) -> list[Line]:
    feed, ring, kept, bridge, process = status.feed, status.ring, status.kept, status.bridge, status.process
    price = "none yet" if feed.last_price is None else f"{span_text(status.at - feed.last_price)} ago"
    lost = Piece(f", {format_count(kept.store_dropped)} dropped", Tone.BAD) if kept.store_dropped else ""
    lines = [
        line(
            "Feed ", Piece(feed.state, Tone.PLAIN if feed.state == "up" else Tone.BAD), f", last price {price}, "
            f"{feed.frames_per_s:.1f} frames/s, {plural(feed.instruments, 'instrument')}",
        ),
        line(
            f"Ring {format_count(ring.published)} events, {format_count(ring.ticks)} ticks "
            f"({format_count(ring.conflated)} conflated), waited {format_count(ring.waited)} times, at most "
            f"{format_count(ring.most_behind)} of {format_count(ring.slots)} behind"
        ),
        line(
            f"Journal {plural(kept.records, 'record')}, {bytes_text(kept.journal_bytes)}; store "
            f"{format_count(kept.store_pending)} pending", lost,
        ),
        line(
            f"Bridge {bridge.address}, {plural(bridge.engines, 'engine')}, {format_count(bridge.sent)} sent"
            if bridge.address else "Bridge off"
        ),
        line(
            f"Process {bytes_text(process.memory_bytes)}, {_count(process.threads)} threads, "
            f"{_count(process.descriptors)} descriptors"
        ),
    ]  # fmt: skip
    if status.stalls:
        worst = max(status.stalls, key=lambda stall: stall.worst_us)
        last = status.stalls[-1]
        lines.insert(
            2,
            line(
                f"Dispatcher's worst delay {micros_text(last.worst_us)} in the last minute, "
                f"{micros_text(worst.worst_us)} at {clock_text(worst.minute)}"
            ),
        )
    return lines


def _count(number: int | None) -> str:
    return "?" if number is None else format_count(number)


def _vendors(status: SystemStatus) -> list[Line]:
    """Who does not answer, a line each; then the others."""
    resting = [
        line(
            f"{vendor.name} ({vendor.asked_for}) ", Piece(vendor.state, Tone.DOUBT),
            "" if vendor.resting_until is None else f", left alone until {clock_text(vendor.resting_until)}",
        )
        for vendor in status.vendors
        if vendor.state != "up"
    ]  # fmt: skip
    well = [f"{vendor.name} ({vendor.asked_for})" for vendor in status.vendors if vendor.state == "up"]
    return [*resting, line(f"Vendors up: {', '.join(well)}")] if well else resting


def _troubles(status: SystemStatus) -> list[Line]:
    lines = []
    for trouble in reversed(status.troubles):
        tone = Tone.BAD if trouble.level in ("ERROR", "CRITICAL") else Tone.DOUBT
        times = f" ({format_count(trouble.times)} times)" if trouble.times > 1 else ""
        lines.append(line(f"{clock_text(trouble.ts)} ", Piece(trouble.level, tone), f" {trouble.text}{times}"))
    return [line(Piece("RECENT TROUBLE", Tone.DIM)), *lines] if lines else []
