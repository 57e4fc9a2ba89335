"""A paper account on a market that shows what a test says, on a clock set by hand; and one on the simulated market."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sos_actors.app.paper import PaperBroker
from sos_actors.app.paper_account import PaperAccount
from sos_actors.app.paper_market import PaperMarket
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import SymbolMaster, default_master
from sos_actors.market.symbols import Instrument, contract_symbol
from sos_actors.messages.broker import BrokerOrder, OrderKind, OrderRequest
from sos_actors.messages.feed import DepthLevel, FeedState, Quote
from sos_actors.runtime.clock import ManualClock
from sos_actors.types import OptionType, Segment, Side
from tests.simulator.markets import model_market, moment

TODAY = EXPIRY = date(2026, 1, 13)
NIFTY, CALL, RELIANCE = "NSE_INDEX|Nifty 50", "NSE_FO|50001", "NSE_EQ|INE002A01018"
FUNDS = 1_000_000.0


def master() -> SymbolMaster:
    """The built-in list and one call."""
    symbol = contract_symbol("NIFTY", 25_600.0, OptionType.CE, EXPIRY)
    call = Instrument(
        symbol, symbol.rpartition("|")[2], Segment.FO, 65, 0.05, 1755, CALL, "50001", None, "NSE|INDEX|NIFTY", EXPIRY,
        25_600.0, OptionType.CE,
    )  # fmt: skip
    return default_master().added(call)


@dataclass(slots=True)
class Paper:
    """One run of the program on a paper account."""

    clock: ManualClock
    market: PaperMarket
    account: PaperAccount
    broker: PaperBroker
    traded: int = 0

    def show(self, price: float, size: int = 650, key: str = CALL) -> None:
        """The feed says a price, with offers a tick away on each side."""
        self.traded += size
        depth = (DepthLevel(size, round(price - 0.05, 2), size, round(price + 0.05, 2)),)
        told = Quote(key, price, self.clock(), 65, 90.0, self.traded, 1_000.0, 0.2, depth=depth)
        self.market.on_quotes(self.clock(), [told])

    def order(self, tag: str) -> BrokerOrder:
        [found] = self.broker.orders_by_tag(tag)
        return found

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.account.move()


def request(
    tag: str, side: Side = Side.BUY, price: float = 100.05, quantity: int = 65, kind: OrderKind = OrderKind.LIMIT,
    key: str = CALL,
) -> OrderRequest:  # fmt: skip
    protection = -1.0 if kind in (OrderKind.MARKET, OrderKind.SL_M) else None
    return OrderRequest(tag, key, side, quantity, kind, price, market_protection=protection)


@contextmanager
def paper(path: Path, clock: ManualClock | None = None, priced: bool = True) -> Iterator[Paper]:
    """A run at 10:30 unless told otherwise; the call costs 100."""
    clock = clock or ManualClock(moment("2026-01-13 10:30"))
    market = PaperMarket(master(), Calendar.default())
    account = PaperAccount.opened(path, market, clock, FUNDS)
    here = Paper(clock, market, account, PaperBroker(account, market, clock))
    if priced:
        market.on_feed_state(clock(), FeedState.UP, "")
        here.show(25_600.0, key=NIFTY)
        here.show(100.0)
    try:
        yield here
    finally:
        account.close()


def model_quote(key: str, now: int) -> Quote:
    """What the feed would say of the simulated market."""
    market = model_market()
    listing = market.find(key, TODAY)
    assert listing is not None
    state = market.state(listing, now)
    depth = tuple(DepthLevel(*level) for level in state.depth[:5])
    return Quote(key, state.ltp, state.ltt, state.ltq, state.previous_close, state.volume, state.oi, depth=depth)
