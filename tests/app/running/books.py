"""What the broker's book must never show, and where in the life of an order a kill fell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from sos_actors.engine.execution.commands import Intent, Outcome
from sos_actors.engine.execution.tags import parse_tag
from sos_actors.engine.positions import ORDERS_EACH
from sos_actors.messages.broker import BrokerOrder
from sos_actors.runtime.journal_records import JournalReader, RecordKind


def doubled(orders: Sequence[BrokerOrder]) -> list[str]:
    """What must never be: two live orders for one piece, more filled than was meant, a tag used twice."""
    wrong = []
    live: dict[tuple[str, int, int], int] = defaultdict(int)
    filled: dict[tuple[str, int, int], int] = defaultdict(int)
    meant: dict[tuple[str, int, int], int] = {}
    net: dict[tuple[str, int], int] = defaultdict(int)
    ways: dict[tuple[str, int], int] = defaultdict(int)
    seen: set[str] = set()
    for row in orders:
        tag = parse_tag(row.tag)
        if tag is None:
            wrong.append(f"{row.tag} is no tag")
            continue
        if row.tag in seen:
            wrong.append(f"{row.tag} was sent twice")
        seen.add(row.tag)
        piece = (tag.nonce, tag.order_id, tag.piece)
        live[piece] += not row.state.terminal
        filled[piece] += row.filled
        meant[piece] = max(meant.get(piece, 0), row.quantity)
        way = int(row.side) if tag.order_id % ORDERS_EACH == 0 else 0
        position = (tag.nonce, tag.order_id // ORDERS_EACH)
        ways[position] = ways[position] or way
        net[position] += int(row.side) * row.filled
    wrong += [f"{piece}: {count} live orders" for piece, count in live.items() if count > 1]
    wrong += [f"{piece}: {filled[piece]} of {meant[piece]}" for piece in meant if filled[piece] > meant[piece]]
    wrong += [f"position {one}: {units} units" for one, units in net.items() if one[1] and units * ways[one] < 0]
    return wrong


def where_killed(journal: Path, orders: Sequence[BrokerOrder]) -> str:
    """Where the kill fell, by the last order that was meant: before it was sent, before it was heard of, or neither."""
    last: Intent | None = None
    done: set[str] = set()
    for record in JournalReader(journal).records():
        if record.kind is RecordKind.INTENT:
            last = msgspec.msgpack.decode(record.payload, type=Intent)
        elif record.kind is RecordKind.OUTCOME:
            done.add(msgspec.msgpack.decode(record.payload, type=Outcome).tag)
    if last is None:
        return "before any order"
    if last.request.tag in done:
        return "between orders"
    sent = any(row.tag == last.request.tag for row in orders)
    return "between send and ack" if sent else "between intent and send"
