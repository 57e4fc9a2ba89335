"""What must be so after every fault: asked of the simulated exchange, the journal and the engine, each for itself."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sos_actors.actors.describing import Describe
from sos_actors.app.live_reconcile import holdings
from sos_actors.app.replay import Made, replay
from sos_actors.engine.events import Event
from sos_actors.engine.execution.tags import parse_tag
from sos_actors.engine.following import SymbolDropped, SymbolFollowed
from sos_actors.engine.recording import decode_decision, decode_document, decode_event
from sos_actors.messages.broker import BrokerOrder
from sos_actors.messages.market import BarClosed
from sos_actors.messages.trading import EntriesStopped, PositionCorrected, Purpose, SubmitOrder
from sos_actors.runtime.journal import JournalReader, RecordKind
from sos_actors.types import NANOS_PER_MINUTE
from tests.app.running.systems import Whole


@dataclass(slots=True)
class Written:
    """What a journal says."""

    events: list[Event] = field(default_factory=list)
    orders: list[SubmitOrder] = field(default_factory=list)
    skipped: set[int] = field(default_factory=set)


def written(path: Path) -> Written:
    """A journal as it is now; it must be whole up to its end."""
    reader, found = JournalReader(path), Written()
    for record in reader.records():
        if record.kind is RecordKind.EVENT:
            found.events.append(decode_event(record.payload))
        elif record.kind is RecordKind.DECISION:
            decision = decode_decision(record.payload)
            found.orders += [decision] if isinstance(decision, SubmitOrder) else []
        elif record.kind is RecordKind.NOTE and (note := decode_document(record.payload)).get("what") == "skipped":
            found.skipped.add(int(note["event"]))
    assert reader.torn == ""
    return found


def copied(whole: Whole) -> Path:
    """The journal as it is on the disk, out of the writer's way."""
    copy = whole.journal.with_suffix(".copy")
    shutil.copyfile(whole.journal, copy)
    return copy


def check(whole: Whole, seconds: float = 15.0) -> Written:
    """All of it, with the system running on; entries wait meanwhile only as far as they do anyway."""
    whole.until(lambda: agree(whole), "engine, orders and exchange hold the same", seconds)
    book = whole.system.trading.broker.orders()
    path = copied(whole)
    found = written(path)
    nothing_twice(book, found)
    entries_obey(path, found)
    return found


def agree(whole: Whole) -> bool:
    """Whether engine, execution desk and exchange hold the same at this moment."""
    system = whole.system
    key_of = system.trading.instruments.key_of
    ours, desk = Counter[str | None](), Counter[str | None]()
    for one in system.machine.ask(holdings):
        ours[key_of(one.symbol)] += one.units
    for symbol, units in system.trading.refs["orders"].ask(Describe(), 5.0)["held"].values():
        desk[key_of(symbol)] += units
    exchange = Counter({one.instrument_key: one.quantity for one in system.trading.broker.positions()})
    return _some(ours) == _some(desk) == _some(exchange)


def _some(units: Counter[Any]) -> dict[Any, int]:
    return {key: count for key, count in units.items() if count}


def nothing_twice(book: list[BrokerOrder], found: Written) -> None:
    """One order at the exchange for an intent, and never more filled than was decided."""
    alive: Counter[tuple[int, int]] = Counter()
    filled: Counter[int] = Counter()
    tags = Counter(one.tag for one in book)
    assert [tag for tag, count in tags.items() if count > 1] == []
    for one in book:
        tag = parse_tag(one.tag)
        assert tag is not None, one
        alive[tag.order_id, tag.piece] += not one.state.terminal
        filled[tag.order_id] += one.filled
    assert [place for place, count in alive.items() if count > 1] == []
    wanted = {order.order_id: order.quantity for order in found.orders}
    assert [number for number, units in filled.items() if units > wanted.get(number, units)] == []


def entries_obey(path: Path, found: Written) -> None:
    """The journal replays bit for bit, and while entries were stopped none was decided."""
    stopped, is_stopped = [False], False
    for number, event in enumerate(found.events, 1):
        if isinstance(event, EntriesStopped) and number not in found.skipped:
            is_stopped = event.stopped
        stopped.append(is_stopped)
    made: list[Made] = []
    result = replay(path, show=made.append)
    assert result.divergence is None, result.divergence
    entries = [
        one for one in made if isinstance(one.decision, SubmitOrder) and one.decision.purpose is Purpose.ENTRY
    ]  # fmt: skip
    assert [one for one in entries if stopped[one.number]] == []


def minutes_are_whole(whole: Whole, seconds: float = 15.0) -> None:
    """No followed symbol has a minute twice, and none lacks one for good: missed ones come, or it begins anew."""
    whole.until(lambda: not missing(written(copied(whole))), "the missed minutes are there", seconds)


def missing(found: Written) -> dict[str, list[int]]:
    """Open times of the minutes that symbols lack since they were last followed, by symbol.

    What a symbol's past has may come once more, from a feed that is behind; the engine passes over it.
    """
    last: dict[str, int] = {}
    past: dict[str, int] = {}
    lacking: dict[str, list[int]] = {}
    for event in found.events:
        if isinstance(event, SymbolFollowed):
            symbol, bars = event.followed.symbol, event.past.bars
            last[symbol] = past[symbol] = int(bars.ts[-1]) if len(bars) else -1
            lacking.pop(symbol, None)
        elif isinstance(event, SymbolDropped):
            last.pop(event.symbol, None)
            lacking.pop(event.symbol, None)
        elif isinstance(event, BarClosed) and event.symbol in last:
            before = last[event.symbol]
            if event.ts_open <= past[event.symbol]:
                continue
            assert event.ts_open > before, (event, before)
            last[event.symbol] = int(event.ts_open)
            if 0 <= before != event.ts_open - NANOS_PER_MINUTE:
                lacking.setdefault(event.symbol, []).append(before + NANOS_PER_MINUTE)
    return lacking


def held(whole: Whole) -> bool:
    """Whether the exchange holds anything for us."""
    return any(one.quantity for one in whole.system.trading.broker.positions())


def flat(whole: Whole, seconds: float = 30.0) -> None:
    """Everything is closed: every exit was sent until it had filled, and nobody holds anything."""
    whole.until(lambda: not held(whole), "the exchange holds nothing", seconds)
    found = check(whole)
    filled: dict[int, int] = defaultdict(int)
    for one in whole.system.trading.broker.orders():
        tag = parse_tag(one.tag)
        filled[tag.order_id if tag is not None else -1] += one.filled
    corrected = {event.position_id for event in found.events if isinstance(event, PositionCorrected)}
    exits = [one for one in found.orders if one.purpose is Purpose.EXIT and one.position_id not in corrected]
    assert [one for one in exits if filled[one.order_id] != one.quantity] == []
