"""What a push feed says: quotes of instruments, states of segments, and how the connection itself is."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple

from sos_actors.types import UnixNanos


class FeedMode(StrEnum):
    """How much of an instrument is wanted, in Upstox's words."""

    LTPC = "ltpc"
    GREEKS = "option_greeks"
    FULL = "full"
    DEPTH = "full_d30"


class FeedState(StrEnum):
    """How a connection is."""

    UP = "up"
    """Connected and subscribed."""
    DOWN = "down"
    """Lost or refused; it is tried again."""
    SILENT = "silent"
    """Connected, but neither frame nor ping for too long; it is closed and tried again."""
    REFUSED = "refused"
    """The vendor does not want us (token, limit); it is tried again only with a new token."""
    STOPPED = "stopped"


class MinuteBar(NamedTuple):
    """A candle as the feed carries it. ``ts`` is its open, UnixNanos; prices in rupees; volume in units."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: int


class DepthLevel(NamedTuple):
    """One level of the book: quantities in units, prices in rupees; 0 where the level is empty."""

    bid_quantity: int
    bid_price: float
    ask_quantity: int
    ask_price: float


class Quote(NamedTuple):
    """The state of one instrument in one frame. None where the mode or the kind of instrument does not carry it.

    Attributes:
        instrument_key: the broker's key.
        ltp: last traded price, rupees; NaN where a frame that says other things carries none.
        ltt: last trade's time, UnixNanos; 0 when there was none. It may step back.
        ltq: last trade's quantity, units.
        previous_close: rupees; NaN as above.
        volume: traded today, units.
        oi: open interest, units.
        iv: implied volatility, a *fraction* a year.
        average_price: of today's trades, rupees.
        minute: the last *completed* minute.
        day: today's running candle.
        depth: best level first.
        delta, theta, gamma, vega: theta a day, vega for one point of volatility.
        snapshot: whether the frame was an initial snapshot, not an update.
    """

    instrument_key: str
    ltp: float
    ltt: int
    ltq: int
    previous_close: float
    volume: int | None = None
    oi: float | None = None
    iv: float | None = None
    average_price: float | None = None
    total_buy: float | None = None
    total_sell: float | None = None
    minute: MinuteBar | None = None
    day: MinuteBar | None = None
    depth: tuple[DepthLevel, ...] = ()
    delta: float | None = None
    theta: float | None = None
    gamma: float | None = None
    vega: float | None = None
    snapshot: bool = False


class MarketPhase(IntEnum):
    """A segment's state, in the feed's numbering; UNKNOWN is a word nobody has told us of."""

    UNKNOWN = -1
    PRE_OPEN_START = 0
    PRE_OPEN_END = 1
    NORMAL_OPEN = 2
    NORMAL_CLOSE = 3
    CLOSING_START = 4
    CLOSING_END = 5


class MarketStatus(NamedTuple):
    """One segment's state, for example ``NSE_FO`` NORMAL_OPEN."""

    ts_event: UnixNanos
    segment: str
    phase: MarketPhase
