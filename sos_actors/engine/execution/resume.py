"""The desk after a crash: made again from the journal and the broker's book, so that nothing is sent twice.

Every attempt whose intent is in the journal may be at the broker: it is in doubt until the book, or the search of the
policy, says. What was never sent is dropped (entries) or sent (exits). The broker is right where it differs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sos_actors.config.running import Orders
from sos_actors.engine.execution.attempts import AttemptState
from sos_actors.engine.execution.commands import Cancel, Intent, Outcome, Output
from sos_actors.engine.execution.desk import ExecutionDesk
from sos_actors.engine.execution.policy import Fate
from sos_actors.engine.execution.tags import is_ours, parse_tag
from sos_actors.engine.execution.telling import note_corrected, note_told
from sos_actors.engine.execution.terms import NameOf, TermsOf, slices
from sos_actors.engine.execution.working import WorkingOrder, is_own
from sos_actors.engine.positions import ORDERS_EACH
from sos_actors.messages.broker import BrokerFill, BrokerOrder, BrokerPosition
from sos_actors.messages.trading import OrderUpdated, PositionCorrected, PositionOpened, Purpose, SubmitOrder
from sos_actors.types import Side, UnixNanos

_NOT_PLACED = frozenset((Fate.REFUSED, Fate.THROTTLED, Fate.LOCKED, Fate.UNSENT))


@dataclass(frozen=True, slots=True)
class Difference:
    """Something the broker knows otherwise than we do.

    Attributes:
        instrument_key: the broker's.
        what: in words.
        ours, brokers: units held by our account and by the broker's; positive when bought.
    """

    ts_event: UnixNanos
    instrument_key: str
    what: str
    ours: int
    brokers: int


@dataclass(frozen=True, slots=True)
class Journaled:
    """What the journal of today says of orders.

    Attributes:
        orders: those the engine decided on, in their order.
        cancelled: numbers of those it took back.
        intents: of everything that was sent or about to be.
        told: every update and correction the engine was given, in their order.
        outcomes: of requests, where they are known: what was refused then need not be searched now.
        opened: what the engine said of its positions, in its order.
    """

    orders: Sequence[SubmitOrder]
    cancelled: Collection[int]
    intents: Sequence[Intent]
    told: Iterable[OrderUpdated | PositionCorrected]
    outcomes: Iterable[Outcome] = ()
    opened: Iterable[PositionOpened] = ()


@dataclass(frozen=True, slots=True)
class AtBroker:
    """What the broker says now; ``asked_at`` is when the first of it was asked for."""

    orders: Sequence[BrokerOrder]
    fills: Sequence[BrokerFill]
    positions: Sequence[BrokerPosition]
    asked_at: UnixNanos


@dataclass(frozen=True, slots=True)
class Resumed:
    """A desk that goes on, what it has to do and say first, and what the broker knows otherwise."""

    desk: ExecutionDesk
    outputs: list[Output]
    differences: list[Difference]


def resume(
    config: Orders, nonce: str, terms_of: TermsOf, name_of: NameOf, journaled: Journaled, broker: AtBroker,
    now: UnixNanos,
) -> Resumed:  # fmt: skip
    """Make the desk again.

    Args:
        config: as of the desk.
        nonce: of the journal that goes on.
        terms_of, name_of: as of the desk.
        journaled: what was decided, sent and told.
        broker: what the broker says.
        now: UnixNanos.
    """
    desk = ExecutionDesk(config, nonce, terms_of, name_of)
    for at in sorted(intent.ts_event for intent in journaled.intents):
        desk.sent_before(at)
    _take_orders(desk, journaled)
    for update in journaled.told:
        order = desk.ledger.orders.get(update.order_id)
        if isinstance(update, PositionCorrected):
            _note_corrected(desk, order, update)
        elif order is not None:
            note_told(order, update)
            desk.ledger.account_of(order).note_closed()  # after each: what closed a position once did so for good
    for account in desk.ledger.accounts():
        account.closed = account.closed or any(is_own(one.order_id) and not one.is_stop for one in account.orders)
    for opened in journaled.opened:
        desk.stops.opened(opened)
    for position in broker.positions:
        symbol = name_of(position.instrument_key)
        if symbol is not None and position.last_price is not None:
            desk.last_price(symbol, position.last_price)
    outputs, differences = _strangers(desk, broker, now)
    outputs += desk.book(broker.orders, broker.fills, broker.asked_at, now)
    return Resumed(desk, outputs, differences + _positions(desk, broker, now))


def _note_corrected(desk: ExecutionDesk, order: WorkingOrder | None, told: PositionCorrected) -> None:
    """Units were gone. The stop order that sold them may have been sent without being journaled."""
    account = desk.ledger.of_position(told.position_id)
    if account is None:
        return
    if order is None and told.order_id:
        submit = SubmitOrder(
            told.ts_event, told.order_id, account.number, account.symbol, Side(-account.side), 0, Purpose.EXIT,
            told.price, "own",
        )  # fmt: skip
        order = desk.ledger.add(submit, [])
        desk.ledger.note_own(told.order_id)
    note_corrected(account, order, told)
    account.note_closed()


def _take_orders(desk: ExecutionDesk, journaled: Journaled) -> None:
    """Orders as they were divided, every attempt in doubt; entries that were not sent will not be."""
    sent: dict[int, list[Intent]] = defaultdict(list)
    for intent in journaled.intents:
        sent[intent.order_id].append(intent)
    refused = {each.tag for each in journaled.outcomes if each.what == "place" and each.fate in _NOT_PLACED}
    submits = {submit.order_id: submit for submit in journaled.orders}
    for order_id, intents in sent.items():
        if order_id not in submits:
            submits[order_id] = _submit_of(intents)
            desk.ledger.note_own(order_id)
    for order_id, submit in submits.items():
        order = desk.ledger.add(submit, _pieces(desk, submit, sent[order_id]))
        for intent in sorted(sent[order_id], key=lambda each: (each.piece, each.attempt)):
            attempt = desk.ledger.attempt(order, order.slices[intent.piece], intent)
            attempt.doubt()
            if attempt.tag in refused:
                attempt.state = AttemptState.REFUSED
        if order.is_stop:
            order.trigger = sent[order_id][-1].request.trigger_price
        order.withdrawn = order_id in journaled.cancelled
        _drop(order)


def _pieces(desk: ExecutionDesk, submit: SubmitOrder, intents: Sequence[Intent]) -> list[int] | None:
    """How an order was divided: as its intents say, the rest as it would be today."""
    first = {intent.piece: intent.request.quantity for intent in intents if intent.attempt == 0}
    if not first:
        return None
    known = [first.get(piece, 0) for piece in range(max(first) + 1)]
    terms, rest = desk.ledger.terms_of(submit.symbol), submit.quantity - sum(known)
    if rest <= 0:
        return known
    return known + ([rest] if terms is None else slices(rest, terms))


def _submit_of(intents: Sequence[Intent]) -> SubmitOrder:
    """The order of intents that no engine decided on: the desk's own."""
    first = intents[0]
    quantity = sum(intent.request.quantity for intent in intents if intent.attempt == 0)
    side, price = first.request.side, first.request.price
    return SubmitOrder(
        first.ts_event, first.order_id, first.position_id, first.symbol, side, quantity, first.purpose, price, "own"
    )  # fmt: skip


def _drop(order: WorkingOrder) -> None:
    """Nothing more is sent of an entry, nor of what was taken back; what was sent before may still be there.

    What is missing of a stop order is sent as another one: nobody knows any more why it was not all there.
    """
    if order.withdrawn or order.is_stop or not order.is_exit:
        order.drop_unsent()


def _strangers(desk: ExecutionDesk, broker: AtBroker, now: UnixNanos) -> tuple[list[Output], list[Difference]]:
    """Orders with a tag of ours from another journal: what they left open is ours to close, and nobody else's is.

    What is left of such a position is at most what the broker holds beyond the orders of this journal. This journal's
    own orders for position 0 have closed a part of it, perhaps.
    """
    outputs: list[Output] = []
    differences: list[Difference] = []
    theirs, ours, closed = (defaultdict[str, int](int) for _ in range(3))
    for row in broker.orders:
        tag, units = parse_tag(row.tag), int(row.side) * row.filled
        if tag is not None and tag.nonce == desk.ledger.nonce:
            ours[row.instrument_key] += units
            closed[row.instrument_key] += units if tag.order_id < ORDERS_EACH else 0
        elif is_ours(row.tag):
            theirs[row.instrument_key] += units
            if not row.state.terminal:
                what = f"the order {row.order_id} of an earlier journal ({row.tag}) was still open: it is cancelled"
                differences.append(Difference(now, row.instrument_key, what, 0, int(row.side) * row.pending))
                outputs.append(Cancel(row.tag, row.order_id))
    held = _held_by_broker(broker)
    for key in sorted({*theirs, *(key for key in closed if closed[key])}):
        side = Side.BUY if theirs[key] >= 0 else Side.SELL
        there = max(min(int(side) * theirs[key], int(side) * (held[key] - ours[key])), -int(side) * closed[key], 0)
        left = there + int(side) * closed[key]
        symbol = desk.ledger.name_of(key)
        if left:
            what = f"{left} units ({side.name}) are left of an earlier journal's orders; " + (
                "nobody knows the instrument: close them at the broker" if symbol is None else "they are closed"
            )
            differences.append(Difference(now, key, what, int(side) * left, held[key]))
        if symbol is not None and (left or closed[key]):
            account = desk.ledger.account(0, symbol, side)
            account.closed, account.adjustment = True, there * int(side) * int(account.side)
    return outputs, differences


def _held_by_broker(broker: AtBroker) -> dict[str, int]:
    held: dict[str, int] = defaultdict(int)
    for position in broker.positions:
        held[position.instrument_key] += position.quantity
    return held


def _positions(desk: ExecutionDesk, broker: AtBroker, now: UnixNanos) -> list[Difference]:
    """Instruments of which the broker holds other than our fills say."""
    ours: dict[str, int] = defaultdict(int)
    for account in desk.ledger.accounts():
        terms = desk.ledger.terms_of(account.symbol)
        if terms is not None:
            ours[terms.instrument_key] += account.held * int(account.side)
    held = _held_by_broker(broker)
    return [
        Difference(now, key, "the broker holds another quantity than our orders explain", ours[key], held[key])
        for key in sorted({*ours, *held})
        if ours[key] != held[key]
    ]
