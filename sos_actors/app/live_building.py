"""Builds a trading system in a place: connects the broker, reads the instruments, opens the journal, makes parts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from sos_actors.actors.feed_messages import NewToken
from sos_actors.app.backtest import charge_table
from sos_actors.app.filling import INSTRUMENTS
from sos_actors.app.histories_today import StoredPast
from sos_actors.app.journaling import journal_path, make_header, new_nonce
from sos_actors.app.live_bridge import BridgePart
from sos_actors.app.live_instruments import Instruments
from sos_actors.app.live_journal import JournaledDay, open_day
from sos_actors.app.live_login import EVERY_S as LOGIN_S
from sos_actors.app.live_login import LoginWatch
from sos_actors.app.live_machine import Machine
from sos_actors.app.live_market import Market, MarketHearers
from sos_actors.app.live_place import Place
from sos_actors.app.live_system import TradingSystem
from sos_actors.app.live_trading import Trading
from sos_actors.app.paper import PaperBroker, PaperOrderStream
from sos_actors.app.paper_account import PaperAccount
from sos_actors.app.paper_market import PaperMarket
from sos_actors.app.remote_sources import remote_sources
from sos_actors.app.replay import changes_since
from sos_actors.app.session_header import SessionHeader, StrategyText
from sos_actors.app.vendors import Vendors, connect_vendors
from sos_actors.app.worker_vendors import VendorDesk, Worker, WorkerVendors
from sos_actors.engine.following import SymbolPast
from sos_actors.engine.positions import Decision
from sos_actors.errors import UsageError
from sos_actors.market.calendar import Calendar
from sos_actors.messages.market import ScreenerAlert, Sentiment
from sos_actors.messages.snapshots import OptionChain
from sos_actors.ports import Broker, FeedListener, OrderStream
from sos_actors.runtime.workers import WorkerProcess
from sos_actors.store.database import Store
from sos_actors.types import Secret, Segment
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.feed import UpstoxFeed
from sos_actors.vendors.upstox.feed_addresses import feed_address, order_stream_address
from sos_actors.vendors.upstox.portfolio import UpstoxOrderStream

_log = logging.getLogger(__name__)
PAPER_FUNDS = 1_000_000.0
"""Rupees a paper account begins with."""
PATIENCE_S = 15.0
"""No reading call to Upstox waits longer for its turn."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the trader asked for.

    Attributes:
        broker: ``paper`` or ``upstox``.
        strategies: the files, checked.
        run: id of this run.
    """

    broker: str
    strategies: Sequence[StrategyText]
    run: str


@dataclass(frozen=True, slots=True)
class Onlookers:
    """Who looks on beside store and bridge; they only pass on."""

    decided: Callable[[Decision], object]
    mood: Callable[[Sentiment], object]


@contextmanager
def built(
    place: Place, wishes: Wishes, calendar: Calendar, onlookers: Onlookers,
    make_worker: Callable[[str, VendorDesk], Worker] = WorkerProcess,
) -> Iterator[TradingSystem]:  # fmt: skip
    """A system that is whole and not started; its connections and processes end with it.

    Args:
        place: where it trades.
        wishes: what it trades.
        calendar: sessions.
        onlookers: who looks on.
        make_worker: makes what answers for the vendors with big answers, by its name.

    Raises:
        SosError: something is missing that trading cannot begin without; the message says what.
    """
    with ExitStack() as stack:
        vendors = stack.enter_context(
            connect_vendors(place.config, place.token, place.folder / INSTRUMENTS, place.clock, PATIENCE_S)
        )
        instruments = Instruments.of(vendors.master, place.config.trading.indices)
        journal = open_day(journal_path(place.folder, place.day), partial(_header, place, wishes, instruments))
        stack.callback(journal.writer.close)
        _check_same(journal, place, wishes)
        workers = WorkerVendors(
            place.config, place.token, place.folder / INSTRUMENTS, place.clock, make_worker
        )  # fmt: skip
        stack.callback(workers.stop)
        workers.start()
        system = _system(place, wishes, calendar, onlookers, vendors, instruments, journal, workers, stack)
        if place.source == "upstox":
            _watch_login(system, place, vendors.upstox.connection, workers)
        yield system


def _check_same(journal: JournaledDay, place: Place, wishes: Wishes) -> None:
    """A session goes on as what it was begun: positions of paper are none of the account's, and the other way round.

    Raises:
        UsageError: it was begun with another broker or another market.
    """
    if not journal.restarted:
        return
    header = journal.header
    begun, asked = (header.broker, header.source, header.origin), (wishes.broker, place.source, place.origin)
    if begun != asked:
        raise UsageError(
            f"Today's session was begun with {' '.join(begun)}, and goes on as that, not with {' '.join(asked)}. "
            f"To begin another one, close what is held, then move {journal.path} away."
        )
    for change in changes_since(header, place.config):
        _log.warning("The session goes on as it was begun today: %s", change)
    if header.strategies != tuple(wishes.strategies):
        _log.warning("The session goes on with the strategies it was begun with today: they have changed since.")


def _watch_login(system: TradingSystem, place: Place, connection: UpstoxConnection, workers: WorkerVendors) -> None:
    """A login that is made while the system runs reaches everybody who shows the token."""

    def tell(token: Secret) -> None:
        for name in ("feed", "orders"):
            system.trading.refs[name].tell(NewToken())
        workers.new_token(token)

    watch = LoginWatch(connection, place.token, system.machine.gate, tell)
    system.machine.real_timers.every(LOGIN_S, system.soon(watch.look), name="login")


def _system(
    place: Place, wishes: Wishes, calendar: Calendar, onlookers: Onlookers, vendors: Vendors, instruments: Instruments,
    journal: JournaledDay, workers: WorkerVendors, stack: ExitStack,
) -> TradingSystem:  # fmt: skip
    config = place.config
    machine = Machine.of(place.clock, config.runtime.ring_slots, config.runtime.wait)
    sources = remote_sources(workers, config.trust)
    open_store = partial(_store, place)
    trendlyne = next((chain for chain in sources.chains if chain.name == "trendlyne"), None)
    past = StoredPast(config, open_store, calendar, sources.candles, trendlyne, instruments.followed, place.clock)
    connection = vendors.upstox.connection
    broker, make_stream, ears = _broker(place, wishes, calendar, vendors, stack)
    bridge = BridgePart(machine, config, calendar, instruments.known)
    parts: list[TradingSystem] = []

    def mood(told: Sentiment | OptionChain) -> None:
        bridge.mood(told)
        if isinstance(told, Sentiment):
            onlookers.mood(told)

    def funnel(alert: ScreenerAlert) -> None:
        parts[0].funnel.alert(alert)
        if alert.action == "ADD":
            bridge.follow(alert.symbol)

    def past_came(symbol: str, found: SymbolPast) -> None:
        bridge.past(symbol, found)
        parts[0].trading.past_came(symbol, found)

    hearers = MarketHearers(funnel, bridge.bar, mood, bridge.alert, bridge.history, past_came, ears)
    market = Market(
        machine, config, calendar, instruments, place.day, sources, past,
        lambda listener: UpstoxFeed(config.upstox, feed_address(connection), listener, clock=place.clock, levels=5),
        open_store, hearers, lambda symbol: parts[0].trading.last_bar(symbol), _alerts(place, calendar),
    )  # fmt: skip
    trading = Trading(
        machine, config, instruments, journal, broker, make_stream, charge_table(config), market.record,
        onlookers.decided, market.last_price, market.refs,
    )  # fmt: skip
    parts.append(TradingSystem(machine, config.runtime, market, trading, bridge))
    return parts[0]


def _broker(
    place: Place, wishes: Wishes, calendar: Calendar, vendors: Vendors, stack: ExitStack
) -> tuple[Broker, Callable[[], OrderStream], FeedListener | None]:
    """Whose orders; the paper account over real quotes must hear the feed as well."""
    if wishes.broker == "paper" and place.source != "simulator":
        market = PaperMarket(vendors.master, calendar)
        path = place.folder / "paper" / f"{place.day}.sosj"
        account = PaperAccount.opened(path, market, place.clock, PAPER_FUNDS)
        stack.callback(account.close)
        return PaperBroker(account, market, place.clock), lambda: PaperOrderStream(account, place.clock), market
    connection: UpstoxConnection = vendors.upstox.connection
    address = order_stream_address(connection)
    return (
        vendors.upstox.broker,
        lambda: UpstoxOrderStream(place.config.upstox, address, clock=place.clock),
        None,
    )


def _header(place: Place, wishes: Wishes, instruments: Instruments) -> SessionHeader:
    return make_header(
        place.config, wishes.strategies, instruments.indices, instruments.listed(place.day), run=wishes.run,
        day=place.day, origin=place.origin, broker=wishes.broker, source=place.source, speed=place.speed,
        nonce=new_nonce(),
    )  # fmt: skip


def _store(place: Place) -> Store:
    return Store.open(place.folder, origin=place.origin, commit_rows=place.config.store.commit_rows)


def _alerts(place: Place, calendar: Calendar) -> list[ScreenerAlert]:
    """What the screener said earlier today."""
    first = int(calendar.session(place.day, Segment.EQ).open_ns)
    with _store(place) as store:
        return store.screener_alerts(first, place.clock() + 1)
