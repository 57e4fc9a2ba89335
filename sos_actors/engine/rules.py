"""The trading rules, each written once and compiled: gate, quantity, entry, exit.

``Engine.step`` calls them for one event, the sweep for a whole history. Records are those of ``records.py``;
``book`` and ``limits`` are arrays of one record.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sos_actors.compiled import brief
from sos_actors.engine import codes
from sos_actors.strategy.arithmetic import round_half_even

Records = NDArray[np.void]
TICK_SLACK = 1e-9
"""Of a tick: what a price on the tick, or halfway, may miss by in floating point."""


@brief
def to_tick(price: float, tick: float) -> float:
    """The nearest price the exchange accepts, at least one tick; halves go up."""
    steps = math.floor(price / tick + 0.5 + TICK_SLACK)
    return round_half_even(max(steps, 1.0) * tick, 4)


@brief
def sound(side: int, entry: float, stop: float, target: float) -> bool:
    """Whether stop and target are prices and stand on their proper sides of the entry."""
    return (entry - stop) * side > 0.0 and (target - entry) * side > 0.0 and min(stop, target) > 0.0


@brief
def start_session(book: Records, number: int) -> None:
    """Reset the counters of the day when the session changes."""
    if book[0].session != number:
        book[0].session = number
        book[0].trades_today = 0
        book[0].realised_today = 0.0


@brief
def lost_today(book: Records, positions: Records) -> float:
    """Rupees lost in this session: closed trades with their estimated charges, and what is held at its last price."""
    result: float = book[0].realised_today
    for k in range(positions.shape[0]):
        held = positions[k]
        if held.state != codes.FREE:
            worth = held.last_price * (held.filled - held.closing) + held.proceeds
            result += (worth - held.entry_price * held.filled) * held.side
    return -result


@brief
def gate(book: Records, limits: Records, positions: Records, symbol: int, quantity_mod: float, ts: int,
         last_entry: int) -> int:  # fmt: skip
    """The risk gate: 0 lets an entry pass, anything else is the ``Reason`` against it."""
    if book[0].killed != 0:
        return codes.KILLED
    if ts > last_entry:
        return codes.AFTER_LAST_ENTRY
    lost = lost_today(book, positions)
    if lost > 0.0 and lost >= limits[0].max_loss:
        return codes.DAILY_LOSS
    if book[0].trades_today >= limits[0].max_trades:
        return codes.TRADES_A_DAY
    if book[0].active >= limits[0].max_open:
        return codes.OPEN_POSITIONS
    if quantity_mod <= 0.0:
        return codes.ZERO_QUANTITY
    same = 0
    for k in range(positions.shape[0]):
        if positions[k].state != codes.FREE and positions[k].symbol == symbol:
            same += 1
    return codes.PER_SYMBOL if same >= limits[0].max_per_symbol else 0


@brief
def entry_quantity(limits: Records, kind: int, lot: int, price: float, risk: float, quantity_mod: float) -> int:
    """Units to buy or sell: whole lots, never fewer than one.

    Args:
        limits: one record.
        kind: EQUITY or OPTION.
        lot: units of one lot.
        price: rupees a unit.
        risk: rupees a unit between entry and stop.
        quantity_mod: the regime's factor.
    """
    if limits[0].by_risk != 0:
        units = limits[0].risk_budget * quantity_mod / risk
    elif kind == codes.EQUITY:
        units = limits[0].equity_value * quantity_mod / price
    else:
        units = limits[0].lots * quantity_mod * lot
    return int(max(math.floor(units / lot + 1e-9), 1.0)) * lot


@brief
def enter(book: Records, positions: Records, signals: Records, signal: int, instrument: int, quantity: int,
          stop: float, target: float, stop_distance: float, target_distance: float, side: int) -> int:  # fmt: skip
    """Take a free slot for a signal that passed the gate; the order counts as sent. Returns the slot, -1 if none."""
    for k in range(positions.shape[0]):
        position = positions[k]
        if position.state != codes.FREE:
            continue
        position.state = codes.ENTRY_SENT
        position.id = book[0].next_id
        position.signal = signal
        position.symbol = signals[signal].symbol
        position.strategy = signals[signal].strategy
        position.instrument = instrument
        position.side = side
        position.quantity = quantity
        position.sent_ts = signals[signal].ts
        position.stop = stop
        position.target = target
        position.stop_distance = stop_distance
        position.target_distance = target_distance
        position.entry_ts = 0
        position.entry_price = 0.0
        position.filled = 0
        position.closing = 0
        position.leaving = 0
        position.exits = 0
        position.proceeds = 0.0
        position.exit_reason = codes.NO_EXIT
        book[0].next_id += 1
        book[0].active += 1
        book[0].trades_today += 1
        signals[signal].outcome = codes.TRADED
        signals[signal].reason = 0
        signals[signal].trade = position.id
        return k
    return -1


@brief
def fill_entry(positions: Records, k: int, ts: int, price: float, quantity: int, tick: float) -> None:
    """An entry filled, wholly or in part: the average price; an option's stop and target move with the fill."""
    position = positions[k]
    total = position.filled + quantity
    position.entry_price = (position.entry_price * position.filled + price * quantity) / total
    position.filled = total
    if position.entry_ts == 0:
        position.entry_ts = ts
    if position.state == codes.ENTRY_SENT:
        position.state = codes.OPEN
    position.last_price = price
    position.last_ts = ts
    if position.stop_distance == position.stop_distance:
        position.stop = to_tick(position.entry_price - position.side * position.stop_distance, tick)
        position.target = to_tick(position.entry_price + position.side * position.target_distance, tick)


@brief
def drop_entry(book: Records, positions: Records, signals: Records, k: int, reason: int) -> None:
    """An entry that never filled: the slot is free again and the signal says why."""
    signals[positions[k].signal].outcome = codes.SKIPPED
    signals[positions[k].signal].reason = reason
    signals[positions[k].signal].trade = -1
    positions[k].state = codes.FREE
    book[0].active -= 1
    if book[0].trades_today > 0:
        book[0].trades_today -= 1


@brief
def exit_touch(side: int, stop: float, target: float, open_: float, high: float, low: float) -> tuple[int, float]:
    """Whether a stretch of prices reaches stop or target: the ``ExitReason`` (0 none) and the price it exits at.

    A tick is a stretch of one price. The open comes first, so a gap fills at the open; after it the stop is taken to be
    reached before the target.
    """
    if (stop - open_) * side >= 0.0:
        return codes.STOP, open_
    if (open_ - target) * side >= 0.0:
        return codes.TARGET, open_
    against, along = (low, high) if side > 0 else (high, low)
    if (stop - against) * side >= 0.0:
        return codes.STOP, stop
    if (along - target) * side >= 0.0:
        return codes.TARGET, target
    return codes.NO_EXIT, 0.0


@brief
def close_position(book: Records, positions: Records, k: int, instruments: Records, ts: int, price: float,
                   reason: int, trades: Records) -> None:  # fmt: skip
    """An exit filled: write the trade, free the slot, count the result (less estimated charges) against the limit.

    Args:
        book, positions, trades: records; ``trades`` has room for one more.
        k: slot.
        instruments: INSTRUMENT (n,).
        ts: UnixNanos of the fill.
        price: average price of the exit, rupees.
        reason: ``ExitReason``.
    """
    position = positions[k]
    trade = trades[book[0].n_trades]
    trade.id = position.id
    trade.signal = position.signal
    trade.symbol = position.symbol
    trade.strategy = position.strategy
    trade.instrument = position.instrument
    trade.side = position.side
    trade.quantity = position.filled
    trade.entry_ts = position.entry_ts
    trade.entry_price = position.entry_price
    trade.exit_ts = ts
    trade.exit_price = price
    trade.stop = position.stop
    trade.target = position.target
    trade.reason = reason
    bought, sold = (position.entry_price, price) if position.side > 0 else (price, position.entry_price)
    instrument = instruments[position.instrument]
    charges = (bought * instrument.buy_rate + sold * instrument.sell_rate) * position.filled
    slices = 2.0 * math.ceil(position.filled / max(instrument.freeze, 1))
    book[0].realised_today += (sold - bought) * position.filled - charges - slices * instrument.order_fee
    book[0].n_trades += 1
    book[0].active -= 1
    position.state = codes.FREE
