"""What happens to every order and position in the course of a day: open, square-off, close, expiry, a new day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from sos_actors.market.sessions import Session
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.upstox.account import Account
from sos_actors.simulator.upstox.desk import Desk
from sos_actors.simulator.upstox.exchange_orders import WAITING_FOR_OPEN, Conduct, OrderTerms
from sos_actors.simulator.upstox.positions import Position
from sos_actors.simulator.upstox.timeline import Timeline, TradingHours, continuous_close
from sos_actors.types import NANOS_PER_SECOND, Segment, Side

SQUARED_OFF = "RMS"
"""Who places the orders that close intraday positions."""
_SEGMENTS = (Segment.EQ, Segment.FO)


@dataclass(slots=True)
class MarketDay:
    """Does at each moment of the day what the broker and the exchange do of their own accord.

    Attributes:
        tell: hears positions that change without a trade.
    """

    desk: Desk
    account: Account
    timeline: Timeline
    hours: TradingHours
    conduct: Conduct
    tell: Callable[[Position], None]
    _late: dict[Segment, date] = field(default_factory=dict)

    def begin(self) -> None:
        """Put the coming open, square-off and close of each segment, and midnight, on the timeline."""
        for segment in _SEGMENTS:
            self._plan(segment, self.timeline.now)
        self._plan_midnight()

    def is_late(self, segment: Segment) -> bool:
        """Whether intraday positions of a segment have been squared off today."""
        return self._late.get(segment) == indian_day(self.timeline.now)

    def _plan(self, segment: Segment, ts: int) -> None:
        session = self.hours.next_session(segment, ts)
        if session is None:
            return
        close = continuous_close(session)
        square_off = close - int(self.conduct.square_off_s * NANOS_PER_SECOND)
        for start, _ in session.intervals:
            if start >= ts:
                self.timeline.at(start, lambda: self._open(segment, session))
        if square_off >= ts:
            self.timeline.at(square_off, lambda: self._square_off(segment, session))
        else:
            self._late[segment] = session.day
        self.timeline.at(close, lambda: self._close(segment, session))

    def _plan_midnight(self) -> None:
        self.timeline.at(moment_of(indian_day(self.timeline.now) + timedelta(days=1)), self._midnight)

    def _open(self, segment: Segment, session: Session) -> None:
        """After-market orders go to the exchange."""
        for order in self.desk.waiting_for_open(segment, session.day.toordinal()):
            self.desk.send(order)

    def _square_off(self, segment: Segment, session: Session) -> None:
        """Intraday orders are cancelled, intraday positions are closed at the market."""
        self._late[segment] = session.day
        for order in self.desk.working:
            row = order.row
            if row.listing.segment is segment and row.terms.product == "I" and row.exchange_order_id:
                self.desk.end(order, "Cancelled by the broker: intraday orders are closed for today.")
        for (key, product), position in list(self.account.positions.items()):
            if product == "I" and position.quantity and position.listing.segment is segment:
                self._close_position(key, position)

    def _close_position(self, key: str, position: Position) -> None:
        listing, quantity = position.listing, abs(position.quantity)
        side = Side.SELL if position.quantity > 0 else Side.BUY
        most = listing.freeze // max(listing.lot, 1) * max(listing.lot, 1) or quantity
        while quantity:
            part = min(quantity, most)
            terms = OrderTerms(
                key, part, side, "MARKET", market_protection=-1.0, placed_by=SQUARED_OFF
            )  # fmt: skip
            self.desk.place(terms, listing)
            quantity -= part

    def _close(self, segment: Segment, session: Session) -> None:
        """What still stands at the exchange is cancelled, contracts of the day expire; then the next session's plan."""
        for order in self.desk.working:
            row = order.row
            if row.listing.segment is not segment or row.status in WAITING_FOR_OPEN:
                continue
            if row.exchange_order_id:
                self.desk.end(order)
        for position in self.account.positions.values():
            if position.listing.expiry == session.day and position.listing.segment is segment and position.quantity:
                self.account.settle(position)
                self.tell(replace(position))
        self._plan(segment, self.timeline.now)

    def _midnight(self) -> None:
        self.account.roll()
        self._plan_midnight()
