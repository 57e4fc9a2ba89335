"""What a broker is asked and says: orders, fills, positions, money. Quantities in units, money in rupees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sos_actors.types import Side, UnixNanos


class OrderKind(StrEnum):
    """How an order is priced, in the broker's words."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    SL = "SL"
    SL_M = "SL-M"


class OrderState(StrEnum):
    """Where an order stands; a broker's many words end in one of these."""

    PENDING = "pending"
    """Sent, not yet at the exchange."""
    OPEN = "open"
    """At the exchange, perhaps filled in part; a stop order that waits for its trigger is TRIGGER_PENDING."""
    TRIGGER_PENDING = "trigger_pending"
    COMPLETE = "complete"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    """A word nobody has told us of: treated as alive."""

    @property
    def terminal(self) -> bool:
        """Nothing will happen to the order any more."""
        return self in (OrderState.COMPLETE, OrderState.CANCELLED, OrderState.REJECTED)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order to be placed.

    Attributes:
        tag: our own id of the intent, at most 40 characters; how an order is found again after a crash.
        instrument_key: the broker's key.
        quantity: units, a whole number of lots, at most the freeze quantity.
        price: rupees on the tick; 0.0 for MARKET and SL-M.
        trigger_price: rupees on the tick; 0.0 unless SL or SL-M.
        product: ``I`` intraday, ``D`` delivery.
        market_protection: percent for MARKET and SL-M, -1 automatic.
    """

    tag: str
    instrument_key: str
    side: Side
    quantity: int
    kind: OrderKind
    price: float = 0.0
    trigger_price: float = 0.0
    product: str = "I"
    validity: str = "DAY"
    market_protection: float | None = None


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What is to be different about an open order; the broker wants all of it every time."""

    order_id: str
    quantity: int
    kind: OrderKind
    price: float
    trigger_price: float = 0.0
    validity: str = "DAY"
    market_protection: float | None = None


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order as the broker's book or stream shows it.

    Attributes:
        ts_event: the broker's order time; when it was received if the broker gives none.
        status: the broker's own words, for example ``put order req received``.
        average_price: of what has filled, rupees; None while nothing has.
        reason: why it was rejected or cancelled; empty when the broker says nothing.
    """

    ts_event: UnixNanos
    order_id: str
    tag: str
    instrument_key: str
    side: Side
    kind: OrderKind | None
    state: OrderState
    status: str
    quantity: int
    filled: int
    pending: int
    price: float
    trigger_price: float
    average_price: float | None
    exchange_order_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BrokerFill:
    """One trade of an order."""

    ts_event: UnixNanos
    trade_id: str
    order_id: str
    instrument_key: str
    side: Side
    quantity: int
    price: float


@dataclass(frozen=True, slots=True)
class BrokerPosition:
    """What the account holds of one instrument today. ``quantity`` is negative when short."""

    instrument_key: str
    product: str
    quantity: int
    average_price: float | None
    last_price: float | None
    realised: float | None
    unrealised: float | None


@dataclass(frozen=True, slots=True)
class Funds:
    """Money that can be traded with, rupees."""

    available: float
    used: float
