"""The engine's state and results as numbers, and the codes that stand in them.

One layout serves the event-by-event engine and the sweep over stored history, so both run the same compiled rules on
the same records. Codes are part of stored results: never renumber.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Outcome(IntEnum):
    """What became of a signal."""

    PENDING = 0
    TRADED = 1
    VETOED = 2
    """The market's mood forbids it."""
    DENIED = 3
    """The risk gate refused it."""
    SKIPPED = 4
    """It could not be priced or filled."""
    REFUSED = 5
    """The strategy's own numbers make no sense."""


class Reason(IntEnum):
    """Why a signal was not traded; the text for people is ``REASON_TEXT``."""

    NONE = 0
    REGIME_VETO = 1
    KILLED = 10
    AFTER_LAST_ENTRY = 11
    DAILY_LOSS = 12
    TRADES_A_DAY = 13
    OPEN_POSITIONS = 14
    PER_SYMBOL = 15
    ZERO_QUANTITY = 16
    RISK_NOT_POSITIVE = 20
    NO_CONTRACT = 30
    NO_PRICE = 31
    NO_DELTA = 32
    STALE_PRICE = 33
    NOT_FILLED = 34
    NO_INSTRUMENT = 35
    QUARANTINED = 40


REASON_TEXT = {
    Reason.NONE: "",
    Reason.REGIME_VETO: "the regime is vetoed",
    Reason.KILLED: "entries are stopped",
    Reason.AFTER_LAST_ENTRY: "after the last entry time",
    Reason.DAILY_LOSS: "the daily loss limit is reached",
    Reason.TRADES_A_DAY: "the trades of the day are used up",
    Reason.OPEN_POSITIONS: "too many open positions",
    Reason.PER_SYMBOL: "a position in this symbol is open",
    Reason.ZERO_QUANTITY: "quantity_mod is zero or negative",
    Reason.RISK_NOT_POSITIVE: "stop or target on the wrong side of the entry",
    Reason.NO_CONTRACT: "no option contract of that strike and expiry",
    Reason.NO_PRICE: "the contract has no price yet in this session",
    Reason.NO_DELTA: "the contract's price explains no volatility",
    Reason.STALE_PRICE: "the contract's last price is too old",
    Reason.NOT_FILLED: "the order did not fill in time",
    Reason.NO_INSTRUMENT: "an index is traded through options, and the strategy asks for none",
    Reason.QUARANTINED: "prices disagree",
}


class ExitReason(IntEnum):
    """Why a position was closed."""

    NONE = 0
    STOP = 1
    TARGET = 2
    SQUARE_OFF = 3
    SESSION_END = 4
    """The contract did not trade again before the close; valued at its last price."""
    FLAT = 5
    """The operator or the supervisor ordered it."""
    CORRECTED = 6
    """The broker holds less than we thought: somebody else sold it."""


class PositionState(IntEnum):
    """Where a slot stands."""

    FREE = 0
    ENTRY_SENT = 1
    OPEN = 2
    EXIT_SENT = 3


class InstrumentKind(IntEnum):
    """What can be followed or held."""

    EQUITY = 0
    OPTION = 1
    INDEX = 2
    """Cannot be traded itself."""


class PriceSource(IntEnum):
    """Where the prices of a trade came from."""

    CANDLES = 0
    CHAIN = 1
    """Last prices of option-chain snapshots: one a minute, no high and low between them."""
    MODEL = 2


def _record(**fields: type) -> np.dtype[np.void]:
    return np.dtype([(name, np.int64 if kind is int else np.float64) for name, kind in fields.items()])


SIGNAL = _record(
    ts=int, session=int, symbol=int, strategy=int, side=int, regime=int, entry=float, stop=float, target=float,
    quantity_mod=float, outcome=int, reason=int, trade=int, late=int, spot=float,
    quarantined=int,
)  # fmt: skip
"""A pattern that fired; ``ts`` is when its bar closed, ``spot`` at what price, prices are those of the bar's own symbol
(``entry`` is what the strategy says, which may be elsewhere). ``late`` is 1 when the bar's last minute never came, so
that only the clock could close it: after the others of that moment. ``quarantined`` is 1 when the symbol's prices
disagreed between two sources as the bar closed."""

INSTRUMENT = _record(
    kind=int, symbol=int, tick=float, lot=int, freeze=int, buy_rate=float, sell_rate=float, order_fee=float,
    first=int, last=int, cursor=int, priced=int,
)  # fmt: skip
"""Something that can be held; ``first:last`` are its bars in the bar store, ``cursor`` the sweep's place in them."""

POSITION = _record(
    state=int, id=int, signal=int, symbol=int, strategy=int, instrument=int, side=int, quantity=int, sent_ts=int,
    entry_ts=int, entry_price=float, stop=float, target=float, stop_distance=float, target_distance=float,
    exit_reason=int, last_price=float, last_ts=int, filled=int, closing=int, proceeds=float,
    leaving=int, exits=int,
)  # fmt: skip
"""``stop_distance`` and ``target_distance`` are NaN for a stock (levels are absolute), and for an option the distances
from the fill. Units: ``quantity`` wanted, ``filled`` of the entry, ``leaving`` in the exit order that works,
``closing`` (for ``proceeds`` rupees) of all exits so far; ``exits`` counts exit orders."""

TRADE = _record(
    id=int, signal=int, symbol=int, strategy=int, instrument=int, side=int, quantity=int, entry_ts=int,
    entry_price=float, exit_ts=int, exit_price=float, stop=float, target=float, reason=int,
)  # fmt: skip

BOOK = _record(
    session=int, killed=int, trades_today=int, realised_today=float, active=int, next_id=int, n_trades=int,
)  # fmt: skip
"""Counters of the risk gate; ``active`` counts positions that are not FREE."""

LIMITS = _record(
    max_open=int, max_per_symbol=int, max_trades=int, max_loss=float, by_risk=int, lots=int, risk_budget=float,
    equity_value=float, slippage_ticks=int, entry_valid_ns=int,
)  # fmt: skip

SESSION = _record(number=int, last_entry_equity=int, last_entry_option=int, square_off_equity=int,
                  square_off_option=int, close_equity=int, close_option=int)  # fmt: skip
"""Times in UnixNanos; ``number`` counts exchange sessions."""
