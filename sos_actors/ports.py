"""What decisions and actors need from outside, as Protocols; stores, vendors and the simulator implement them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import Protocol

from sos_actors.messages.broker import (
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Funds,
    OrderChange,
    OrderRequest,
)
from sos_actors.messages.feed import FeedMode, FeedState, MarketStatus, Quote
from sos_actors.messages.market import BarSeries
from sos_actors.messages.records import Fact
from sos_actors.messages.snapshots import Breadth, OptionChain, ScreenerScan
from sos_actors.types import UnixNanos


class ContractBoard(Protocol):
    """The option contracts of an underlying and their prices, as far as they are known."""

    def expiries(self, underlying: str, day: date) -> list[date]:
        """Expiries of ``underlying`` (short name) listed on ``day``, that day's own included, nearest first."""
        ...

    def bars(self, contract: str, day: date, known_by: int) -> BarSeries | None:
        """One-minute bars of a contract (canonical symbol) in the session of ``day``, all from one source.

        The source is the best that had a bar closed by ``known_by`` (UnixNanos); None when none had. What came later
        never changes the choice. Bars are stamped at their open; the caller must not look at one before it closed.
        """
        ...

    def source(self, contract: str, day: date, known_by: int) -> int:
        """Where ``bars`` of the same arguments come from: a ``PriceSource``."""
        ...


class CandleSource(Protocol):
    """One-minute candles of the past and of today, from one vendor."""

    @property
    def name(self) -> str:
        """What is stored beside every row, for example ``upstox``."""
        ...

    def candles(self, symbol: str, first: date, last: date) -> BarSeries:
        """Completed one-minute bars of the days ``first`` to ``last``, both included, oldest first.

        Args:
            symbol: canonical: an index, a share, or a contract, expired or not.
            first, last: days in India; today's bars are those completed so far.

        Returns:
            What the vendor has; empty when it has none. Never a bar outside the days asked for.

        Raises:
            UnknownSymbolError: the vendor does not list the symbol.
            VendorError: no answer that is data.
        """
        ...


class ContractSource(Protocol):
    """Which option contracts of an underlying were listed."""

    def expiries(self, underlying: str) -> list[date]:
        """Expiries the vendor can serve contracts and candles of, expired ones included, ascending."""
        ...

    def contracts(self, underlying: str, expiry: date) -> list[str]:
        """Canonical symbols of the options of one expiry, by strike, then CE before PE.

        Raises:
            VendorError: no answer that is data; VendorRefusedError where the plan does not include expired contracts.
        """
        ...


class ChainSource(Protocol):
    """The option chain as it is now."""

    @property
    def name(self) -> str:
        """What is stored beside every row."""
        ...

    def chain(self, underlying: str, expiry: date | None = None) -> OptionChain:
        """The chain of one expiry, the nearest unless said otherwise, as the vendor has it now.

        Raises:
            VendorError: no answer that is data.
        """
        ...


class BreadthSource(Protocol):
    """Advances and declines as they are now."""

    @property
    def name(self) -> str:
        """What is stored beside every row."""
        ...

    def breadth(self) -> Breadth:
        """The counts.

        Raises:
            VendorError: no answer that is data.
        """
        ...


class ReferencePrices(Protocol):
    """Prices of another vendor, to hold ours against."""

    @property
    def name(self) -> str:
        """Which vendor."""
        ...

    def prices(self, symbols: Collection[str]) -> dict[str, tuple[float, UnixNanos | None]]:
        """The last price of each symbol, rupees or points, and when it was updated; unknown symbols are left out.

        Raises:
            VendorError: no answer that is data.
        """
        ...


class Screener(Protocol):
    """The stocks in play."""

    def scan(self) -> ScreenerScan:
        """Ask the funnel query once.

        Raises:
            VendorError: no answer that is data.
        """
        ...


class Broker(Protocol):
    """An account at a broker. Every call has a bound; whoever calls decides what an unknown outcome means.

    All methods raise VendorError; ``place`` and ``modify`` raise OrderRefusedError where the broker says no at once.
    After VendorUnreachableError, VendorAnswerError, or VendorBusyError of another code than ``429``, an order may
    exist: look it up by tag before anything else.
    """

    def place(self, order: OrderRequest) -> str:
        """Place one order, once; returns the broker's order id."""
        ...

    def modify(self, change: OrderChange) -> None:
        """Change an open order."""
        ...

    def cancel(self, order_id: str) -> None:
        """Take an open order back."""
        ...

    def orders(self) -> list[BrokerOrder]:
        """Every order of today."""
        ...

    def orders_by_tag(self, tag: str) -> list[BrokerOrder]:
        """Orders of today that carry the tag, each in its last state; empty when there is none."""
        ...

    def fills(self) -> list[BrokerFill]:
        """Every trade of today."""
        ...

    def positions(self) -> list[BrokerPosition]:
        """What is held of today's trading."""
        ...

    def funds(self) -> Funds:
        """Money available for trading."""
        ...

    def exit_all(self, tag: str | None = None) -> None:
        """Ask the broker to close every intraday position, or those of a tag."""
        ...


class FeedListener(Protocol):
    """Who hears a market feed; called on the feed's own thread, one call at a time, and must return quickly."""

    def on_quotes(self, received: UnixNanos, quotes: Sequence[Quote]) -> None:
        """One frame's updates, in its order."""
        ...

    def on_market_status(self, received: UnixNanos, statuses: Sequence[MarketStatus]) -> None:
        """The segments' states."""
        ...

    def on_feed_state(self, at: UnixNanos, state: FeedState, reason: str) -> None:
        """The connection came up, went, is silent, or was given up."""
        ...


class MarketFeed(Protocol):
    """A push feed of quotes. Subscriptions are remembered and renewed at every reconnect."""

    def start(self) -> None:
        """Connect and keep connected, on a thread of its own."""
        ...

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Disconnect and end the thread; whether it ended in time."""
        ...

    def subscribe(self, instrument_keys: Collection[str], mode: FeedMode) -> None:
        """Add instruments, or change their mode.

        Raises:
            VendorRefusedError: more than the vendor's limit; nothing was added.
        """
        ...

    def unsubscribe(self, instrument_keys: Collection[str]) -> None:
        """Remove instruments; unknown ones are ignored."""
        ...

    def retry_now(self) -> None:
        """There is a new token: do not wait out the pause after a refusal."""


class EventSink(Protocol):
    """Where the engine's events go, from any thread. ``received_ns``: ``monotonic_ns`` of what they are made of."""

    def publish(self, event: object, received_ns: int = 0) -> None:
        """An ``engine.Event``; never lost, waits while there is no room."""
        ...

    def publish_ticks(self, told: Sequence[tuple[str, int, float]], received_ns: int = 0) -> None:
        """Trade prices (canonical symbol, UnixNanos, rupees); later ones may overtake them."""
        ...


class OrderStream(Protocol):
    """A push stream of order updates of the account; what it misses while it is down must be asked for."""

    def start(self, on_order: Callable[[UnixNanos, BrokerOrder], None],
              on_state: Callable[[UnixNanos, FeedState, str], None]) -> None:  # fmt: skip
        """Connect and keep connected, on a thread of its own."""
        ...

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Disconnect and end the thread; whether it ended in time."""
        ...

    def retry_now(self) -> None:
        """There is a new token: do not wait out the pause after a refusal."""


class Recorder(Protocol):
    """Keeps facts of the running system. One thread uses it; recording a fact again changes nothing."""

    def record(self, facts: Sequence[Fact]) -> None:
        """Keep facts.

        Raises:
            StoreError: the database refuses; some of them may have been kept.
            DataError: one of them cannot be kept as it is.
        """
        ...

    def close(self) -> None:
        """No more is recorded."""
        ...


class EngineSocket(Protocol):
    """The connection of one external engine, as its session sees it; any thread, nothing blocks or raises."""

    @property
    def name(self) -> str:
        """Whose it is, for logs and names: ``engine-3``."""
        ...

    def recover(self) -> None:
        """Send the recovery sequence, and whatever happens from there on; also answers a request for it."""
        ...

    def refuse(self, code: str, message: str) -> None:
        """Answer a message of the engine with an ERROR."""
        ...

    def close(self, code: int, reason: str) -> None:
        """End the connection; ``code`` as RFC 6455 has them."""
        ...
