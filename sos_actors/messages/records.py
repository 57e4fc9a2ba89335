"""What is kept in the store beside market data: measures of the mood, orders, trades, what happened to actors."""

from __future__ import annotations

from dataclasses import dataclass

from sos_actors.messages.market import BarClosed, QuarantineChanged, ScreenerAlert, Sentiment
from sos_actors.messages.snapshots import OptionChain
from sos_actors.types import Side, SmartTrend, UnixNanos

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class DepthRow:
    """One row of the table other programs read, at the minute at or after ``ts`` (UnixNanos). None is unknown."""

    ts: int
    symbol: str
    rvol: float | None = None
    pcr: float | None = None
    adv_dec_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class MoodMeasures:
    """What was known about one underlying at ``ts_event``; NaN is unknown. Fields and units are those of the store.

    Attributes:
        ts_event: from when on it counts: a full minute.
        symbol: canonical.
        source: who gave the figures, for example ``nse``.
        pcr: put / call open interest.
        pcr_velocity: change of pcr per minute.
        advances, declines: securities.
        oi_wall_above, oi_wall_below, max_pain: strikes.
        ce_oi_change, pe_oi_change: units since the previous session.
        total_oi: units, calls and puts.
        spot: the underlying, rupees or points.
        atm_iv, atm_delta, atm_gamma, atm_theta, atm_vega: of the call nearest to the money; percent a year, rupees for
            a point, change of delta for a point, rupees a day, rupees for a point of volatility.
    """

    ts_event: UnixNanos
    symbol: str
    source: str
    pcr: float = NAN
    pcr_velocity: float = NAN
    advances: float = NAN
    declines: float = NAN
    oi_wall_above: float = NAN
    oi_wall_below: float = NAN
    max_pain: float = NAN
    ce_oi_change: float = NAN
    pe_oi_change: float = NAN
    smart_trend: SmartTrend = SmartTrend.UNKNOWN
    total_oi: float = NAN
    spot: float = NAN
    atm_iv: float = NAN
    atm_delta: float = NAN
    atm_gamma: float = NAN
    atm_theta: float = NAN
    atm_vega: float = NAN


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order with its last known state. The tag is our own id; written again, it replaces what was there.

    Attributes:
        ts_event: when it was decided, the same in every record of one tag.
        price, average_price: rupees; None where unknown or of no meaning.
        status: in our words or the broker's.
    """

    ts_event: UnixNanos
    tag: str
    symbol: str
    side: Side
    quantity: int
    filled: int
    status: str
    price: float | None = None
    average_price: float | None = None
    broker_id: str | None = None
    strategy: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TradeRecord:
    """A closed position. Prices in rupees; money in paise, exact.

    Attributes:
        ts_event: when it was closed.
        id: unique over all days.
        symbol: whose pattern it was.
        instrument: what was traded.
    """

    ts_event: UnixNanos
    id: str
    entry_ts: UnixNanos
    symbol: str
    instrument: str
    strategy: str
    side: Side
    quantity: int
    entry_price: float
    exit_price: float
    exit_reason: str
    gross_paise: int
    charges_paise: int


@dataclass(frozen=True, slots=True)
class ActorEvent:
    """What happened to an actor: ``started``, ``failed``, ``restarted``, ``stopped``."""

    ts_event: UnixNanos
    actor: str
    event: str
    detail: str | None = None


Fact = (
    BarClosed | OptionChain | MoodMeasures | Sentiment | ScreenerAlert | QuarantineChanged | DepthRow | OrderRecord
    | TradeRecord | ActorEvent
)  # fmt: skip
"""What a ``Recorder`` takes."""
