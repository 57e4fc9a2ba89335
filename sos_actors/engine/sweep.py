"""Runs the rules over stored history, minute by minute, with fills taken from bars.

Signals come ready made from the matcher (patterns do not depend on positions). Where nothing is held and nothing waits,
the sweep jumps to the next signal. An option needs a contract chosen: the sweep stops with NEED_CONTRACT, the caller
writes ``choice`` and calls again. How an order fills is written in ``fill_price`` and ``_on_bar``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.compiled import brief, compiled, inlined
from sos_actors.engine import codes
from sos_actors.engine.rules import (
    close_position,
    drop_entry,
    enter,
    entry_quantity,
    exit_touch,
    fill_entry,
    gate,
    sound,
    start_session,
    to_tick,
)
from sos_actors.strategy.arithmetic import round_half_even

Records = NDArray[np.void]
NEVER = 2**63 - 1
DONE, NEED_CONTRACT, TRADES_FULL = 0, 1, 2

CURSOR = np.dtype([("minute", np.int64), ("signal", np.int64)])
CHOICE = np.dtype(
    [
        ("ready", np.int64),
        ("reason", np.int64),
        ("instrument", np.int64),
        ("price", np.float64),
        ("stop_distance", np.float64),
        ("target_distance", np.float64),
    ]
)
"""The caller's answer to NEED_CONTRACT: a ``Reason`` against it, or the instrument with its price and distances."""


class Account(NamedTuple):
    """State that lives across calls; every field is written.

    Attributes:
        book: BOOK (1,).
        positions: POSITION (slots,).
        signals: SIGNAL (n,), ordered by ts, symbol, strategy.
        trades: TRADE (capacity,).
    """

    book: Records
    positions: Records
    signals: Records
    trades: Records


class Grounds(NamedTuple):
    """What the rules stand on; read only.

    Attributes:
        limits: LIMITS (1,).
        sessions: SESSION (n_sessions,).
        veto: int64 (n_strategies, 8): 1 where an entry in that regime is vetoed.
        symbol_instrument: int64 (n_symbols,): the instrument that a symbol is itself, -1 for an index.
        minutes: int64 (n_minutes,), bar open times, increasing.
        minute_session: int64 (n_minutes,), row of ``sessions``.
    """

    limits: Records
    sessions: Records
    veto: NDArray[np.int64]
    symbol_instrument: NDArray[np.int64]
    minutes: NDArray[np.int64]
    minute_session: NDArray[np.int64]


class Bars(NamedTuple):
    """Bars of everything that can be held, one instrument after the other; rows are ``ts open high low close volume``.

    Attributes:
        ts: int64 (n,).
        prices: float64 (n, 5): open, high, low, close, volume (0 did not trade, NaN unknown).
    """

    ts: NDArray[np.int64]
    prices: NDArray[np.float64]


@brief
def fill_price(price: float, side: int, slippage_ticks: int, tick: float) -> float:
    """A market-like fill: the price moved against us by the slippage. ``side`` 1 buys, -1 sells."""
    return max(round_half_even(price + side * slippage_ticks * tick, 4), tick)


@brief
def judge(account: Account, grounds: Grounds, i: int) -> int:
    """Veto, soundness, quarantine and gate for signal ``i``; writes the outcome on failure.

    Returns:
        0 when an entry may follow, otherwise the reason.
    """
    signal = account.signals[i]
    session = grounds.sessions[signal.session]
    start_session(account.book, session.number)
    instrument = grounds.symbol_instrument[signal.symbol]
    last_entry = session.last_entry_option if instrument < 0 else session.last_entry_equity
    if grounds.veto[signal.strategy, signal.regime] != 0:
        signal.outcome, signal.reason = codes.VETOED, codes.REGIME_VETO
        return codes.REGIME_VETO
    if not sound(signal.side, signal.entry, signal.stop, signal.target):
        return refuse(account.signals, i)
    if signal.quarantined != 0:
        reason = codes.QUARANTINED
    else:
        reason = gate(account.book, grounds.limits, account.positions, signal.symbol, signal.quantity_mod, signal.ts,
                      last_entry)  # fmt: skip
    if reason != 0:
        signal.outcome, signal.reason = codes.DENIED, reason
    return reason


@brief
def refuse(signals: Records, i: int) -> int:
    """A signal whose levels make no trade; returns the reason."""
    signals[i].outcome, signals[i].reason = codes.REFUSED, codes.RISK_NOT_POSITIVE
    return codes.RISK_NOT_POSITIVE


@brief
def enter_equity(account: Account, grounds: Grounds, instruments: Records, i: int) -> int:
    """Trade the symbol itself: levels are the signal's own, on the tick. Returns the slot, -1 when refused."""
    signal = account.signals[i]
    k = grounds.symbol_instrument[signal.symbol]
    tick = instruments[k].tick
    stop, target = to_tick(signal.stop, tick), to_tick(signal.target, tick)
    if not sound(signal.side, signal.entry, stop, target):
        refuse(account.signals, i)
        return -1
    risk = max(abs(signal.entry - stop), tick)
    quantity = entry_quantity(grounds.limits, codes.EQUITY, instruments[k].lot, signal.entry, risk, signal.quantity_mod)
    return enter(account.book, account.positions, account.signals, i, k, quantity, stop, target, math.nan, math.nan,
                 signal.side)  # fmt: skip


@brief
def enter_option(account: Account, grounds: Grounds, instruments: Records, i: int, choice: Records) -> int:
    """Buy the chosen contract: levels are distances from the fill. Returns the slot, -1 when refused."""
    k = choice[0].instrument
    tick = instruments[k].tick
    stop = to_tick(choice[0].price - choice[0].stop_distance, tick)
    target = to_tick(choice[0].price + choice[0].target_distance, tick)
    if not sound(1, choice[0].price, stop, target):
        refuse(account.signals, i)
        return -1
    risk = max(choice[0].price - stop, tick)
    quantity = entry_quantity(grounds.limits, codes.OPTION, instruments[k].lot, choice[0].price, risk,
                              account.signals[i].quantity_mod)  # fmt: skip
    return enter(account.book, account.positions, account.signals, i, k, quantity, stop, target,
                 choice[0].stop_distance, choice[0].target_distance, 1)  # fmt: skip


@inlined
def _on_bar(account: Account, grounds: Grounds, instruments: Records, k: int, now: int, square_off: int,
            bars: Bars, row: int) -> None:  # fmt: skip
    """One slot meets a bar of its instrument that traded."""
    position = account.positions[k]
    tick, slippage = instruments[position.instrument].tick, grounds.limits[0].slippage_ticks
    open_ = bars.prices[row, 0]
    if position.state == codes.ENTRY_SENT:
        price = fill_price(open_, position.side, slippage, tick)
        fill_entry(account.positions, k, now, price, position.quantity, tick)
    position.last_price, position.last_ts = bars.prices[row, 3], now
    if now >= square_off:
        price = fill_price(open_, -position.side, slippage, tick)
        close_position(account.book, account.positions, k, instruments, now, price, codes.SQUARE_OFF, account.trades)
        return
    reason, price = exit_touch(position.side, position.stop, position.target, open_, bars.prices[row, 1],
                               bars.prices[row, 2])  # fmt: skip
    if reason != codes.NO_EXIT:
        if reason == codes.STOP:
            price = fill_price(price, -position.side, slippage, tick)
        elif instruments[position.instrument].priced == codes.CHAIN:
            price = position.target  # a snapshot beyond the target is no gap: the resting limit filled on the way
        close_position(account.book, account.positions, k, instruments, now, price, reason, account.trades)


@inlined
def _minute(account: Account, grounds: Grounds, instruments: Records, bars: Bars, m: int) -> None:
    """Fills and exits of one minute for every slot in use."""
    now = grounds.minutes[m]
    session = grounds.sessions[grounds.minute_session[m]]
    entry_valid = grounds.limits[0].entry_valid_ns
    last = m + 1 == grounds.minutes.shape[0] or grounds.minute_session[m + 1] != grounds.minute_session[m]
    for k in range(account.positions.shape[0]):
        position = account.positions[k]
        if position.state == codes.FREE:
            continue
        instrument = instruments[position.instrument]
        option = instrument.kind == codes.OPTION
        end = session.close_option if option else session.close_equity
        if position.state == codes.ENTRY_SENT and (now - position.sent_ts >= entry_valid or now >= end):
            drop_entry(account.book, account.positions, account.signals, k, codes.NOT_FILLED)
            continue
        row = instrument.cursor
        while row < instrument.last and bars.ts[row] < now:
            row += 1
        instrument.cursor = row
        if row < instrument.last and bars.ts[row] == now and bars.prices[row, 4] != 0.0:
            square_off = session.square_off_option if option else session.square_off_equity
            _on_bar(account, grounds, instruments, k, now, square_off, bars, row)
        over = last or now >= end
        if over and position.state == codes.ENTRY_SENT:
            drop_entry(account.book, account.positions, account.signals, k, codes.NOT_FILLED)
        elif over and position.state == codes.OPEN:
            close_position(account.book, account.positions, k, instruments, end, position.last_price, codes.SESSION_END,
                           account.trades)  # fmt: skip


@compiled
def sweep(account: Account, grounds: Grounds, instruments: Records, bars: Bars, cursor: Records,
          choice: Records) -> int:  # fmt: skip
    """Run until the signals are used up and everything is closed, or the caller is needed.

    Args:
        account: written.
        grounds: read.
        instruments: INSTRUMENT (n,); cursors are written.
        bars: their bars.
        cursor: CURSOR (1,); where the run stands.
        choice: CHOICE (1,); consumed.

    Returns:
        DONE, NEED_CONTRACT (for signal ``cursor.signal``) or TRADES_FULL (make room, call again).
    """
    minutes, n_signals = grounds.minutes, account.signals.shape[0]
    while True:
        if account.book[0].n_trades + account.positions.shape[0] > account.trades.shape[0]:
            return TRADES_FULL
        m = cursor[0].minute
        if account.book[0].active == 0:
            if cursor[0].signal == n_signals:
                return DONE
            while m < minutes.shape[0] and minutes[m] < account.signals[cursor[0].signal].ts:
                m += 1
            cursor[0].minute = m
        now = minutes[m] if m < minutes.shape[0] else NEVER
        while cursor[0].signal < n_signals and account.signals[cursor[0].signal].ts <= now:
            i = cursor[0].signal
            if choice[0].ready != 0 or judge(account, grounds, i) == 0:
                symbol = account.signals[i].symbol
                if grounds.symbol_instrument[symbol] >= 0:
                    enter_equity(account, grounds, instruments, i)
                elif choice[0].ready == 0:
                    return NEED_CONTRACT
                elif choice[0].reason != 0:
                    account.signals[i].outcome = codes.SKIPPED
                    account.signals[i].reason = choice[0].reason
                else:
                    enter_option(account, grounds, instruments, i, choice)
                choice[0].ready = 0
            cursor[0].signal += 1
        if m >= minutes.shape[0]:
            return DONE
        if account.book[0].active > 0:
            _minute(account, grounds, instruments, bars, m)
        cursor[0].minute = m + 1
