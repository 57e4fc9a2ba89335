"""The simulated broker's order desk and the exchange behind it: one account, driven by simulated time alone.

``advance`` brings it to a moment; equal requests at equal moments give equal ids, fills and updates, however often it
is advanced in between. While anything rests, the market is looked at once each simulated second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.model_levels import generator
from sos_actors.simulator.upstox.account import Account, Money
from sos_actors.simulator.upstox.desk import Desk
from sos_actors.simulator.upstox.exchange_orders import Conduct, Order, OrderChange, OrderRow, OrderTerms, Trade
from sos_actors.simulator.upstox.gtt import GttBook
from sos_actors.simulator.upstox.gtt_rules import GttOrder
from sos_actors.simulator.upstox.kill_switch import KillSwitch
from sos_actors.simulator.upstox.market_day import MarketDay
from sos_actors.simulator.upstox.order_requests import Requests
from sos_actors.simulator.upstox.order_rules import check_listing, sliced
from sos_actors.simulator.upstox.positions import Position
from sos_actors.simulator.upstox.request_fields import refused
from sos_actors.simulator.upstox.timeline import Timeline, TradingHours
from sos_actors.simulator.view import Listing, State
from sos_actors.simulator.world import World
from sos_actors.types import NANOS_PER_SECOND

Update = OrderRow | Position | GttOrder
"""What listeners hear: copies, as things stand after a change."""
Listener = Callable[[Update], None]


class Exchange:
    """Orders, matching and account of the simulated broker. Used by one event loop only.

    Attributes:
        world: market, clock, faults and funds.
        conduct: latencies and habits.
        account: money and positions.
        gtt: good-till-triggered orders.
        kill_switch: segments closed by the user.
    """

    def __init__(self, world: World, conduct: Conduct | None = None) -> None:
        self.world, self.conduct = world, conduct or Conduct()
        self._timeline = Timeline(world.clock.now())
        self._hours = TradingHours(world.market.calendar)
        self._listeners: list[Listener] = []
        self._looked = self._timeline.now
        self.account = Account.opened(world.opening_funds, self.last_price, self.underlying_price)
        self._desk = Desk(world, self.conduct, self._timeline, self._hours, self.account, self._tell)
        self._requests = Requests(self._desk, self._timeline, self._hours)
        self.gtt = GttBook(self, self._tell)
        self.kill_switch = KillSwitch(self._has_positions, self._cancel_segment)
        self._day = MarketDay(
            self._desk, self.account, self._timeline, self._hours, self.conduct, self._tell
        )  # fmt: skip
        self._desk.is_disabled, self._desk.is_late = self.kill_switch.is_disabled, self._day.is_late
        self._day.begin()

    @property
    def now(self) -> int:
        """The moment it has reached, UnixNanos; it never goes back, also when the clock is set back."""
        return self._timeline.now

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear every update from now on; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def advance(self, now: int) -> None:
        """Let everything happen that happens up to a moment, in its order.

        Args:
            now: UnixNanos; a moment it has passed already changes nothing.
        """
        while True:
            due, look = self._timeline.next_ts, self._next_look()
            if look is not None and look <= now and (due is None or look < due):
                self._timeline.now = self._looked = look
                self._desk.sample()
                self.gtt.sample()
            elif due is not None and due <= now:
                self._timeline.run_next()
            else:
                break
        self._timeline.now = max(self._timeline.now, now)

    def place(self, terms: OrderTerms) -> list[str]:
        """Take an order, or the several it is split into; returns their ids.

        Raises:
            UpstoxRefusal: 400: not listed, no whole number of lots, too many parts.
        """
        listing = self.listing(terms.instrument_key)
        quantities = sliced(terms, listing)
        return [self._desk.place(replace(terms, quantity=each), listing).row.order_id for each in quantities]

    def modify(self, change: OrderChange) -> str:
        """Ask for a change of an order; returns its id.

        Raises:
            UpstoxRefusal: 400: no such order, it is over, or the change breaks a rule.
        """
        return self._requests.modify(change)

    def cancel(self, order_id: str) -> str:
        """Take an order back; returns its id.

        Raises:
            UpstoxRefusal: 400: no such order, or it is over.
        """
        return self._requests.cancel(order_id)

    def order(self, order_id: str) -> Order:
        """One order of today.

        Raises:
            UpstoxRefusal: 400 UDAPI100010: there is none.
        """
        order = self._requests.find(order_id)
        if not self._is_todays(order):
            raise refused("UDAPI100010", "Unknown order id | order request rejected", "order_id", order_id)
        return order

    def orders(self) -> list[Order]:
        """The orders of today, after-market orders for the next session among them, oldest first."""
        return [order for order in self._desk.orders.values() if self._is_todays(order)]

    def trades(self) -> list[Trade]:
        """The trades of today, oldest first."""
        today = indian_day(self.now)
        return [trade for trade in self._desk.trades if indian_day(trade.ts) == today]

    def money(self) -> Money:
        """The account's money, open orders counted."""
        return self.account.money(self._desk.working)

    def listing(self, key: str) -> Listing:
        """The instrument an order is about.

        Raises:
            UpstoxRefusal: 400 UDAPI100011: not listed in the next session, or an index.
        """
        day = indian_day(self.now)
        listing = check_listing(self.world.market.find(key, day), key)
        opens = self._hours.next_open(listing.segment, self.now)
        if listing.expiry is not None and listing.expiry < indian_day(self.now if opens is None else opens):
            raise refused("UDAPI100011", "Invalid Instrument key", "instrument_token", key)
        return listing

    def is_open(self, listing: Listing) -> bool:
        """Whether an instrument trades now."""
        return self._hours.is_open(listing.segment, self.now)

    def state(self, listing: Listing) -> State:
        """The market of an instrument now."""
        return self.world.market.state(listing, self.now)

    def last_price(self, listing: Listing) -> float:
        """Rupees."""
        return self.state(listing).ltp

    def underlying_price(self, listing: Listing) -> float:
        """The last price of a contract's underlying, or of the instrument itself; rupees."""
        if listing.underlying_key:
            underlying = self.world.market.find(listing.underlying_key, indian_day(self.now))
            if underlying is not None:
                return self.last_price(underlying)
        return self.last_price(listing)

    def latency_ms(self, number: int) -> int:
        """What the broker says a request took it."""
        return int(generator(self.world.seed, "upstox latency", number).integers(15, 95))

    def answers_late(self, order_id: str) -> bool:
        """Whether the stream tells of an order before the request is answered."""
        draw = generator(self.world.seed, "upstox answer", self._desk.orders[order_id].number).random()
        return bool(draw < self.conduct.early_share)

    def at(self, ts: int, action: Callable[[], None]) -> None:
        """Do something at a moment."""
        self._timeline.at(ts, action)

    def stamp(self, ts: int) -> int:
        """A moment by the broker's own clock, UnixNanos."""
        return self._desk.stamp(ts)

    def _next_look(self) -> int | None:
        """The next second at which something rests in a segment that trades."""
        segments = {order.row.listing.segment for order in self._desk.working if order.row.exchange_order_id}
        segments |= self.gtt.watched_segments()
        if not segments:
            return None
        second = max(self._looked + NANOS_PER_SECOND, self.now)
        second = -(-second // NANOS_PER_SECOND) * NANOS_PER_SECOND
        opens = (self._hours.next_open(segment, second) for segment in segments)
        return min((ts for ts in opens if ts is not None), default=None)

    def _is_todays(self, order: Order) -> bool:
        today = indian_day(self.now).toordinal()
        return order.trading_day >= today or indian_day(order.row.placed).toordinal() == today

    def _has_positions(self, segment: str) -> bool:
        return any(p.quantity and p.listing.upstox_segment == segment for p in self.account.positions.values())

    def _cancel_segment(self, segment: str) -> None:
        for order in self._desk.working:
            if order.row.listing.upstox_segment == segment:
                self.cancel(order.row.order_id)

    def _tell(self, update: Update) -> None:
        if isinstance(update, OrderRow):
            self.gtt.on_order(update)
        for listener in list(self._listeners):
            listener(update)
