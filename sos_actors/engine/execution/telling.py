"""What the engine is told of its orders, and of stop orders: each fill once, at its price, and the end once."""

from __future__ import annotations

from sos_actors.engine.execution.commands import Output, Severity, Trouble
from sos_actors.engine.execution.policy import UNPRICED_S
from sos_actors.engine.execution.pricing import in_paise
from sos_actors.engine.execution.working import Account, WorkingOrder
from sos_actors.messages.trading import OrderStatus, OrderUpdated, PositionCorrected
from sos_actors.types import NANOS_PER_SECOND, UnixNanos


def tell(account: Account, order: WorkingOrder, now: UnixNanos) -> list[Output]:
    """What is new of an order since it was last told.

    An exit for what a stop order has sold ends after the engine was told of that, lest it sends another.
    """
    if order.is_stop:
        return _stop(account, order, now)
    outputs = _estimates(order, now) + _corrections(order, now) + _fills(order, now)
    over = order.is_over and not (order.is_exit and account.owes_word)
    if over and not order.ended and order.told < order.submit.quantity:
        order.ended = True
        status = OrderStatus.CANCELLED if order.withdrawn or order.told else OrderStatus.REJECTED
        outputs.append(OrderUpdated(now, order.order_id, status))
    account.note_closed()
    return outputs


def note_told(order: WorkingOrder, update: OrderUpdated) -> None:
    """The engine was told this in an earlier run."""
    if update.status is OrderStatus.FILLED:
        order.told += update.fill_quantity
        order.told_paise += in_paise(update.fill_price, update.fill_quantity)
    else:
        order.ended = True


def note_corrected(account: Account, order: WorkingOrder | None, told: PositionCorrected) -> None:
    """The engine was told this in an earlier run, of a stop order or of what somebody else did."""
    units = account.believed - told.quantity
    if order is None:
        account.adjustment -= units
    else:
        order.told += units
        order.told_paise += in_paise(told.price, units)


def _stop(account: Account, order: WorkingOrder, now: UnixNanos) -> list[Output]:
    """The engine never sent a stop order: it is told what is left of the position, as far as it thinks there is."""
    outputs = _estimates(order, now) + _corrections(order, now)
    if any(one.told < one.filled for one in account.orders if not one.is_exit):
        return outputs  # it cannot hear of a sale before it has heard of what was bought
    believed = account.believed
    units, price = _new(order)
    if units and believed > 0:
        left = max(believed - units, 0)
        outputs.append(PositionCorrected(now, account.number, left, price, order.order_id))
    order.ended = order.ended or order.is_over
    account.note_closed()
    return outputs


def _new(order: WorkingOrder) -> tuple[int, float]:
    """Filled units since the last time, told by this, and their price: all increments sum up to the average."""
    priced = sum(attempt.priced for attempt in order.attempts())
    paise = sum(attempt.paise for attempt in order.attempts())
    units, cost = priced - order.told, paise - order.told_paise
    if units <= 0:
        return 0, 0.0
    order.told, order.told_paise = priced, paise
    return units, (cost / units if cost > 0 else paise / priced) / 100


def _fills(order: WorkingOrder, now: UnixNanos) -> list[Output]:
    """The increment since the last time."""
    told = order.told
    units, price = _new(order)
    if not units:
        return []
    beyond = min(max(order.told - max(order.submit.quantity, told), 0), units) if order.is_exit else 0
    parts = [part for part in (units - beyond, beyond) if part]  # what closes the position, and what is too much
    return [OrderUpdated(now, order.order_id, OrderStatus.FILLED, part, price) for part in parts]


def _estimates(order: WorkingOrder, now: UnixNanos) -> list[Output]:
    outputs: list[Output] = []
    for attempt in order.attempts():
        since = attempt.unpriced_since
        if since and now - since >= UNPRICED_S * NANOS_PER_SECOND:
            units = attempt.estimate()
            text = f"{attempt.tag}: no price of {units} filled units for {UNPRICED_S:g} s; taken at their limit."
            outputs.append(Trouble(now, f"price {attempt.tag}", text, Severity.WARNING))
    return outputs


def _corrections(order: WorkingOrder, now: UnixNanos) -> list[Output]:
    outputs: list[Output] = []
    for attempt in order.attempts():
        if attempt.correction:
            order.told_paise += attempt.correction
            text = (
                f"{attempt.tag}: its fills were taken at the limit; they cost {attempt.correction / 100:+.2f} rupees."
            )
            outputs.append(Trouble(now, f"price {attempt.tag}", text, Severity.WARNING))
            attempt.correction = 0
    return outputs
