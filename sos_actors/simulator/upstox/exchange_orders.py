"""An order at the simulated exchange: what was asked for, how it stands, and which status may follow which."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from sos_actors.simulator.view import Listing
from sos_actors.types import Side


class Status(StrEnum):
    """Upstox's order statuses, all of them. Source: its documentation's appendix on order status."""

    RECEIVED = "put order req received"
    VALIDATING = "validation pending"
    OPEN_PENDING = "open pending"
    OPEN = "open"
    COMPLETE = "complete"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    TRIGGER_PENDING = "trigger pending"
    MODIFY_VALIDATING = "modify validation pending"
    MODIFY_PENDING = "modify pending"
    MODIFIED = "modified"
    NOT_MODIFIED = "not modified"
    CANCEL_PENDING = "cancel pending"
    NOT_CANCELLED = "not cancelled"
    AMO_RECEIVED = "after market order req received"
    AMO_MODIFIED = "modify after market order req received"
    AMO_CANCELLED = "cancelled after market order"


_RESTING: Final = (Status.OPEN, Status.TRIGGER_PENDING)
_BEFORE_OPEN: Final = (Status.VALIDATING, Status.AMO_MODIFIED, Status.AMO_CANCELLED)
FOLLOWS: Final[dict[Status | None, tuple[Status, ...]]] = {
    None: (Status.RECEIVED, Status.AMO_RECEIVED),
    Status.RECEIVED: (Status.VALIDATING,),
    Status.VALIDATING: (Status.OPEN_PENDING, Status.REJECTED),
    Status.OPEN_PENDING: (*_RESTING, Status.REJECTED),
    Status.OPEN: (Status.OPEN, Status.COMPLETE, Status.CANCELLED, Status.CANCEL_PENDING, Status.MODIFY_VALIDATING),
    Status.TRIGGER_PENDING: (Status.OPEN, Status.CANCELLED, Status.CANCEL_PENDING, Status.MODIFY_VALIDATING),
    Status.MODIFY_VALIDATING: (
        Status.MODIFY_VALIDATING,
        Status.MODIFY_PENDING,
        Status.NOT_MODIFIED,
        Status.CANCELLED,
    ),
    Status.MODIFY_PENDING: (Status.MODIFY_PENDING, Status.MODIFIED, Status.NOT_MODIFIED, Status.CANCELLED),
    Status.MODIFIED: _RESTING,
    Status.NOT_MODIFIED: (*_RESTING, Status.COMPLETE),
    Status.CANCEL_PENDING: (Status.CANCEL_PENDING, Status.CANCELLED, Status.NOT_CANCELLED),
    Status.NOT_CANCELLED: (Status.OPEN, Status.COMPLETE),
    Status.AMO_RECEIVED: _BEFORE_OPEN,
    Status.AMO_MODIFIED: _BEFORE_OPEN,
    Status.COMPLETE: (),
    Status.REJECTED: (),
    Status.CANCELLED: (),
    Status.AMO_CANCELLED: (),
}
"""Which statuses may come after which; the same one again tells of a partial fill."""
TERMINAL: Final = frozenset(status for status, after in FOLLOWS.items() if not after)
WAITING_FOR_OPEN: Final = frozenset((Status.AMO_RECEIVED, Status.AMO_MODIFIED))
AT_BROKER: Final = frozenset((Status.RECEIVED, Status.VALIDATING, Status.OPEN_PENDING))
"""Sent, but not yet at the exchange."""


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What a client asks for; prices in rupees, quantities in units.

    Attributes:
        order_type: MARKET, LIMIT, SL or SL-M.
        market_protection: percent, -1 automatic; None or 0 where there is none.
        slice: whether the broker may split it at the freeze quantity.
        reference: the broker's reference, where the order comes from a good-till-triggered one.
        placed_by: who placed it, where it was not the client.
    """

    instrument_key: str
    quantity: int
    side: Side
    order_type: str
    product: str = "I"
    validity: str = "DAY"
    price: float = 0.0
    trigger_price: float = 0.0
    disclosed_quantity: int = 0
    tag: str | None = None
    market_protection: float | None = None
    slice: bool = False
    reference: str = ""
    placed_by: str = ""


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What a client wants to be different about an order; None leaves it as it is."""

    order_id: str
    order_type: str
    validity: str
    price: float
    trigger_price: float
    quantity: int | None = None
    disclosed_quantity: int | None = None
    market_protection: float | None = None


@dataclass(frozen=True, slots=True)
class OrderRow:
    """How an order stands at one moment: a row of its history.

    Attributes:
        price: the limit it has at the exchange, or what was asked for before it is there; rupees.
        average_price: of what has filled, rupees; 0.0 while nothing has.
        placed: when, UnixNanos by the broker's clock.
        exchange_ts: when the exchange last said something about it, UnixNanos; None before it did.
        message, raw_message: why it was refused, in the broker's and in the risk system's words.
    """

    order_id: str
    listing: Listing
    terms: OrderTerms
    status: Status
    order_type: str
    validity: str
    quantity: int
    price: float
    trigger_price: float
    placed: int
    request_id: int = 1
    reference: str = ""
    exchange_order_id: str = ""
    exchange_ts: int | None = None
    filled: int = 0
    average_price: float = 0.0
    is_amo: bool = False
    message: str | None = None
    raw_message: str | None = None

    @property
    def unfilled(self) -> int:
        """Units that have not filled, whatever became of them."""
        return self.quantity - self.filled

    @property
    def pending(self) -> int:
        """Units that may still fill; 0 of an order that is over."""
        return 0 if self.status in TERMINAL else self.unfilled

    @property
    def is_over(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in TERMINAL


@dataclass(slots=True)
class Order:
    """An order with its history.

    Attributes:
        row: how it stands.
        history: every row so far, the present one last.
        limit: the price beyond which it does not trade, once it is at the exchange; rupees.
        is_triggered: whether a stop order has been set off; True for all others.
        arrives: when it is at the exchange, UnixNanos.
        busy_until: when the last request about it will have been dealt with, UnixNanos.
        filled_value: rupees of all fills.
        trading_day: ordinal of the day whose session it is for.
    """

    row: OrderRow
    number: int
    trading_day: int
    protection: float | None = None
    limit: float = 0.0
    is_triggered: bool = True
    arrives: int = 0
    busy_until: int = 0
    filled_value: float = 0.0
    cancelling: bool = False
    history: list[OrderRow] = field(default_factory=list)

    def move(self, status: Status, **changes: Any) -> OrderRow:
        """Give it a status, with whatever else changes; returns the new row.

        Raises:
            ValueError: a status that cannot follow the present one.
        """
        before = self.history[-1].status if self.history else None
        if status not in FOLLOWS[before]:
            raise ValueError(f"order {self.row.order_id}: {status!r} cannot follow {before!r}")
        self.row = replace(self.row, status=status, **changes)
        self.history.append(self.row)
        return self.row


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill of an order; price in rupees."""

    trade_id: str
    ts: int
    order: OrderRow
    quantity: int
    price: float


@dataclass(frozen=True, slots=True)
class Conduct:
    """How quick and how orderly the simulated broker and exchange are.

    Attributes:
        validation_ms, risk_ms, exchange_ms: least and most simulated milliseconds an order needs from one status to the
            next; requests about an order need the first and the last of them.
        early_share: share of the answers to placed orders that wait until the stream has told of the order.
        average_lags: whether the last fill is first told without its price, as in the documentation's history sample.
        replenish_s: simulated seconds until quantity that was taken from the book is offered again.
        square_off_s: simulated seconds before the end of continuous trading at which intraday positions are closed.
    """

    validation_ms: tuple[float, float] = (2.0, 12.0)
    risk_ms: tuple[float, float] = (3.0, 15.0)
    exchange_ms: tuple[float, float] = (8.0, 40.0)
    early_share: float = 0.25
    average_lags: bool = True
    replenish_s: float = 2.5
    square_off_s: float = 300.0
