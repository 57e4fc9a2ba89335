"""One attempt at one slice: an order of ours at the broker, as far as it is known, and what it has filled.

Fills only ever grow, whatever order the broker's words come in; a final state is never left again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sos_actors.engine.execution.pricing import in_paise, is_price
from sos_actors.messages.broker import BrokerFill, BrokerOrder, OrderKind, OrderState
from sos_actors.types import Side


class AttemptState(StrEnum):
    """What is known of an attempt."""

    PLACING = "placing"
    """On its way to the broker."""
    ALIVE = "alive"
    """The broker has it, and it may fill."""
    DOUBT = "doubt"
    """It may be there or not; it is searched."""
    ABSENT = "absent"
    """It was searched and is not there."""
    REFUSED = "refused"
    """It was not placed."""
    OVER = "over"
    """Filled, cancelled or rejected at the broker."""


_MAY_FILL = frozenset((AttemptState.PLACING, AttemptState.ALIVE, AttemptState.DOUBT))
_GONE = frozenset((AttemptState.ABSENT, AttemptState.REFUSED))


class Request(StrEnum):
    """What of an attempt is on the way besides itself."""

    NONE = "none"
    MODIFY = "modify"
    CANCEL = "cancel"


@dataclass(slots=True)
class Attempt:
    """An attempt.

    Attributes:
        tag: as sent; a second order the broker has under the same tag gets its id behind it.
        price: the limit it has, as far as known; rupees.
        since: when it was sent, UnixNanos.
        priced: how many of the filled units have a known price, and ``paise`` what they cost.
        estimated: whether a part of ``paise`` is the limit instead of a price, and ``correction`` the paise by which
            estimates proved wrong that nobody has dealt with yet.
        settled: its final row told the price, which stands.
        surfaced: it was held for not there, and is.
        acted_at: when its price was last set, or its cancel last sent; UnixNanos.
        unpriced_since: when it first had filled units without a price; UnixNanos.
        looked_at: when its search last asked, UnixNanos, and ``looks`` how often it did not find it.
        missing: in how many whole books in a row it was not listed.
        waits: it is a stop order that waits for its trigger, as far as the broker has said.
    """

    tag: str
    side: Side
    quantity: int
    price: float
    since: int
    state: AttemptState = AttemptState.PLACING
    broker_id: str = ""
    filled: int = 0
    priced: int = 0
    paise: int = 0
    average: float | None = None
    rejected: bool = False
    estimated: bool = False
    correction: int = 0
    settled: bool = False
    surfaced: bool = False
    request: Request = Request.NONE
    acted_at: int = 0
    asked_price: float = 0.0
    reprices: int = 0
    stalled: bool = False
    cancels: int = 0
    unpriced_since: int = 0
    looks: int = 0
    looking: bool = False
    looked_at: int = 0
    missing: int = 0
    waits: bool = False
    reason: str = ""
    trades: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def is_copy(self) -> bool:
        """Whether it is a second order the broker has under one tag."""
        return "#" in self.tag

    @property
    def may_fill(self) -> bool:
        """Whether more of it can fill, or nobody knows."""
        return self.state in _MAY_FILL

    @property
    def outstanding(self) -> int:
        """Units that may still fill."""
        return max(self.quantity - self.filled, 0) if self.may_fill else 0

    @property
    def unpriced(self) -> int:
        """Filled units whose price nobody has told."""
        return self.filled - self.priced

    def take(self, row: BrokerOrder, now: int, *, whole: bool) -> None:
        """The broker says how it stands.

        Args:
            row: of this order.
            now: UnixNanos.
            whole: the row is of a book or a look-up, asked for, and not of a stream.
        """
        self.broker_id = self.broker_id or row.order_id
        if self.state is not AttemptState.OVER:
            self.surfaced = self.surfaced or (self.state in _GONE and not row.state.terminal)
            over = row.state.terminal and (row.filled >= row.quantity or row.status.lower() != "complete" or whole)
            self.state = AttemptState.OVER if over else AttemptState.ALIVE
            self.rejected = over and row.state.value == "rejected"
            self.looking, self.missing, self.looks = False, 0, 0
            self.waits = row.state is OrderState.TRIGGER_PENDING
            if over:
                self.request, self.reason = Request.NONE, row.reason
            elif self.request is Request.NONE and row.kind is OrderKind.LIMIT and is_price(row.price):
                self.price = row.price
        self._fill(row, whole=whole)
        self._mark(now)

    def trade(self, fill: BrokerFill, now: int) -> None:
        """One trade of it; known ones change nothing."""
        self.trades[fill.trade_id] = (fill.quantity, in_paise(fill.price, fill.quantity))
        self.filled = max(self.filled, sum(quantity for quantity, _ in self.trades.values()))
        self._price_by_trades()
        self._mark(now)

    def estimate(self) -> int:
        """Take the limit for the price of what has none; returns how many units that were."""
        units = self.unpriced
        self.paise += in_paise(self.price, units)
        self.priced, self.unpriced_since = self.filled, 0
        self.estimated = self.estimated or units > 0
        return units

    def doubt(self) -> None:
        """Nobody knows any more whether it is there."""
        self.state, self.looks, self.looking, self.looked_at, self.missing = AttemptState.DOUBT, 0, False, 0, 0
        self.request = Request.NONE

    def _fill(self, row: BrokerOrder, *, whole: bool) -> None:
        """Believe an average only where it can be that of all that has filled.

        A broker may tell of more filled units before it tells their price, with no average or that of the units before.
        """
        if row.filled < self.filled:
            return
        grown = row.filled > self.filled
        self.settled = self.settled and not grown
        self.filled = row.filled
        if self._price_by_trades() or row.average_price is None or not is_price(row.average_price):
            return
        final = row.state.terminal
        told_early = not whole and (row.filled >= row.quantity or (grown and row.average_price == self.average))
        if final or (not self.settled and not told_early):
            self.settled = self.settled or final
            self.average = row.average_price
            self._price(in_paise(row.average_price, row.filled))

    def _price_by_trades(self) -> bool:
        """Whether the trades are all there is, which makes what they cost exact."""
        if not self.filled or sum(quantity for quantity, _ in self.trades.values()) != self.filled:
            return False
        self._price(sum(paise for _, paise in self.trades.values()))
        return True

    def _price(self, paise: int) -> None:
        """All that has filled cost so much. What an estimate was wrong by is kept apart: it is told already."""
        if self.estimated:
            self.correction += round(paise * self.priced / self.filled) - self.paise
            self.estimated = False
        self.priced, self.paise = self.filled, paise

    def _mark(self, now: int) -> None:
        if self.unpriced <= 0:
            self.unpriced_since = 0
        elif not self.unpriced_since:
            self.unpriced_since = now
