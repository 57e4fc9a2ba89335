"""The actors that look at the market: store, feed, backfill, mood, screener. Only puts them together."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pykka

from sos_actors.actors.backfill import BackfillActor
from sos_actors.actors.backfill_queue import BackfillQueue
from sos_actors.actors.backfill_words import BackfillHearers, GapFound, OiWanted, PastSource
from sos_actors.actors.feed import FeedActor
from sos_actors.actors.feed_health import FeedHealth
from sos_actors.actors.feed_intake import FeedIntake
from sos_actors.actors.feed_roster import FeedRoster
from sos_actors.actors.mood import MoodActor, hold_entries
from sos_actors.actors.mood_book import MoodHearers, MoodSettings
from sos_actors.actors.mood_look import MoodSources
from sos_actors.actors.screener import ScreenerActor, ScreenerHearers, ScreenerSettings
from sos_actors.actors.stocks_in_play import StocksInPlay
from sos_actors.actors.store import StoreActor
from sos_actors.actors.store_queue import Keep, StoreQueue
from sos_actors.actors.trading_hours import TradingHours
from sos_actors.app.histories_today import moods_so_far
from sos_actors.app.live_instruments import Instruments
from sos_actors.app.live_machine import Machine
from sos_actors.app.remote_sources import RemoteSources
from sos_actors.config import Config
from sos_actors.engine.following import SymbolPast
from sos_actors.engine.minutes import MinuteBuilder
from sos_actors.market.calendar import Calendar
from sos_actors.market.mood_path import MoodPath
from sos_actors.market.price_watch import PriceWatch
from sos_actors.market.symbols import canonical_for
from sos_actors.messages.engines import OiHistoryRow
from sos_actors.messages.market import BarClosed, QuarantineChanged, ScreenerAlert, Sentiment
from sos_actors.messages.records import Fact
from sos_actors.messages.snapshots import OptionChain
from sos_actors.ports import EventSink, FeedListener, MarketFeed
from sos_actors.runtime.child import ChildRef, ChildSpec
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.supervisor import Supervisor
from sos_actors.store.database import Store
from sos_actors.store.recording import StoreRecorder
from sos_actors.types import NANOS_PER_SECOND, Fraction, Segment

_log = logging.getLogger(__name__)
GRACE_REAL_S = 0.5
"""Real seconds a minute's candle may need on its way; more of the market's time the faster that runs."""
MOST_GRACE_S = 55.0
"""Market seconds; a bar must be there before the next one closes, however fast the market runs."""


@dataclass(frozen=True, slots=True)
class MarketHearers:
    """Who hears of the market beside the engine and the store.

    Attributes:
        funnel: stocks come into play and leave.
        bar, sentiment, chain, alert, history: the bridge.
        past: a symbol's history is there.
        ears: hears the feed as well, first: the paper account.
    """

    funnel: Callable[[ScreenerAlert], object]
    bar: Callable[[BarClosed], object]
    mood: Callable[[Sentiment | OptionChain], object]
    alert: Callable[[ScreenerAlert], object]
    history: Callable[[str, Sequence[OiHistoryRow]], object]
    past: Callable[[str, SymbolPast], object]
    ears: FeedListener | None = None


@dataclass(slots=True)
class Market:
    """The looking part of the system; what must outlive its actors lies here.

    Attributes:
        machine, config, calendar, instruments, day: what it stands on.
        sources: the vendors, in processes of their own.
        past: where histories come from.
        make_feed: the broker's feed for a listener.
        open_store: opens the store.
        hearers: who hears.
        last_bar: open of the last bar the engine has of a symbol, -1 when it has none.
        alerts: what the screener said earlier today.
    """

    machine: Machine
    config: Config
    calendar: Calendar
    instruments: Instruments
    day: date
    sources: RemoteSources
    past: PastSource
    make_feed: Callable[[FeedListener], MarketFeed]
    open_store: Callable[[], Store]
    hearers: MarketHearers
    last_bar: Callable[[str], int]
    alerts: Sequence[ScreenerAlert] = ()
    store_queue: StoreQueue = field(default_factory=StoreQueue)
    backfill_queue: BackfillQueue = field(default_factory=BackfillQueue)
    refs: dict[str, ChildRef] = field(default_factory=dict)
    intake: FeedIntake = field(init=False)
    roster: FeedRoster = field(init=False)
    stocks: StocksInPlay = field(init=False)
    mood_sources: MoodSources = field(init=False)
    bar_grace_s: float = field(init=False)

    def __post_init__(self) -> None:
        feed, trading, machine = self.config.feed, self.config.trading, self.machine
        self.bar_grace_s = min(feed.bar_grace_s + GRACE_REAL_S * float(machine.clock.speed), MOST_GRACE_S)
        names = [one.symbol for one in self.instruments.indices]
        still_s = feed.still_after_s + 2 * GRACE_REAL_S * float(machine.clock.speed)
        blind_s = feed.blind_after_s - feed.still_after_s + still_s
        health = FeedHealth(
            names, self.calendar, int(still_s * NANOS_PER_SECOND), int(blind_s * NANOS_PER_SECOND)
        )
        self.intake = FeedIntake(
            MinuteBuilder(self.calendar, int(self.bar_grace_s * NANOS_PER_SECOND)), health, machine.sink, machine.gate,
            record=self._bar, on_gap=self._gap, all_ticks=self.config.runtime.all_ticks, also=self.hearers.ears,
        )  # fmt: skip
        windows = self.instruments.windows(
            self.day, self.config.options.min_days_to_expiry, trading.strikes_each_side, trading.recentre_after
        )
        self.roster = FeedRoster(names, windows)
        self.stocks = StocksInPlay(trading.max_stocks, past=self.alerts)
        self.watch = PriceWatch(self.sources.prices, Fraction(self.config.trust.price_tolerance), self._quarantine)
        self.mood_sources = MoodSources(self.sources.chains, self.sources.breadth, machine.clock)

    watch: PriceWatch = field(init=False)

    def record(self, fact: Fact) -> None:
        """Keep a fact in the store; never waits."""
        if (store := self.refs.get("store")) is not None:
            store.tell(Keep(fact))

    def begin_store(self, group: Supervisor) -> None:
        """The store comes first and goes last."""
        machine = self.machine

        def start(mailbox: Mailbox) -> pykka.ActorRef[Any]:
            return StoreActor.start(
                lambda: StoreRecorder(self.open_store()), self.store_queue, machine.gate, machine.timers,
                mailbox=mailbox,
            )  # fmt: skip

        self.refs["store"] = group.add(ChildSpec("store", start), wait=False)

    def begin_backfill(self, group: Supervisor) -> None:
        """Who brings histories; asked by the patterns as they start."""
        machine = self.machine
        hearers = BackfillHearers(self.hearers.past, self.hearers.history)
        missed = _MissedBars(machine.sink, self.hearers.bar)

        def start(mailbox: Mailbox) -> pykka.ActorRef[Any]:
            return BackfillActor.start(
                self.past, missed, hearers, machine.timers, machine.clock, last_bar=self.last_bar,
                queue=self.backfill_queue, mailbox=mailbox,
            )  # fmt: skip

        self.refs["backfill"] = group.add(ChildSpec("backfill", start), wait=False)
        for index in self.instruments.indices:
            self.refs["backfill"].tell(OiWanted(index.symbol))

    def begin_feed(self, group: Supervisor) -> None:
        """The feed of prices; entries wait for it."""
        machine = self.machine
        self.intake.judge(machine.clock())

        def start(mailbox: Mailbox) -> pykka.ActorRef[Any]:
            return FeedActor.start(
                mailbox, make_feed=self.make_feed, intake=self.intake, roster=self.roster,
                key_of=self.instruments.key_of, timers=machine.timers, bar_grace_s=self.bar_grace_s,
            )  # fmt: skip

        self.refs["feed"] = group.add(ChildSpec("feed", start, stop_within_s=3.0), wait=False)

    def begin_looking(self, group: Supervisor) -> None:
        """Mood and screener; entries wait for the first mood."""
        machine, config = self.machine, self.config
        hold_entries(machine.gate)
        is_open = TradingHours(self.calendar)
        mood = MoodSettings(canonical_for(config.mood.market_symbol), config.mood.period_s, config.mood.stale_after_s)
        mood_hearers = MoodHearers(self.record, self.hearers.mood)

        def start_mood(mailbox: Mailbox) -> pykka.ActorRef[Any]:
            return MoodActor.start(
                mood, self.mood_sources, self._moods, machine.sink, mood_hearers, machine.gate, machine.timers,
                machine.clock, spot=self.spot, expiry_close=self._expiry_close, is_open=is_open, mailbox=mailbox,
            )  # fmt: skip

        self.refs["mood"] = group.add(ChildSpec("mood", start_mood), wait=False)
        if config.trading.max_stocks == 0:
            return
        settings = ScreenerSettings(config.screener.period_s)
        hearers = ScreenerHearers(self.record, self.hearers.alert, self.hearers.funnel)

        def start_screener(mailbox: Mailbox) -> pykka.ActorRef[Any]:
            return ScreenerActor.start(
                settings, self.sources.screener, self.sources.prices, self.stocks, self.watch, machine.sink, hearers,
                machine.timers, machine.clock, ours=self._followed_prices, is_open=is_open, mailbox=mailbox,
            )  # fmt: skip

        self.refs["screener"] = group.add(ChildSpec("screener", start_screener), wait=False)

    def spot(self, symbol: str) -> float:
        """Our last price of a symbol; NaN unknown."""
        last = self.intake.last_price(symbol)
        return math.nan if last is None else last.price

    def last_price(self, symbol: str) -> float | None:
        """The same, None unknown."""
        last = self.intake.last_price(symbol)
        return None if last is None else last.price

    def _moods(self) -> Mapping[str, MoodPath]:
        market = canonical_for(self.config.mood.market_symbol)
        names = [one.symbol for one in self.instruments.indices]
        ordered = [market, *(name for name in names if name != market)]
        with self.open_store() as store:
            return moods_so_far(store, ordered, self.config.mood, self.machine.clock())

    def _expiry_close(self, day: date) -> int:
        return int(self.calendar.session(day, Segment.FO).close_ns)

    def _followed_prices(self) -> dict[str, tuple[float, int]]:
        followed = {*(one.symbol for one in self.instruments.indices), *self.stocks.followed}
        prices = self.intake.last_prices()
        return {symbol: (prices[symbol].price, int(prices[symbol].ts)) for symbol in followed if symbol in prices}

    def _bar(self, bar: BarClosed, _official: bool) -> None:
        """A bar made of ticks is kept too, until the exchange's own comes."""
        self.record(bar)
        self.hearers.bar(bar)

    def _gap(self, symbol: str, first: int, last: int) -> None:
        if (backfill := self.refs.get("backfill")) is not None:
            backfill.tell(GapFound(symbol, first, last))

    def _quarantine(self, change: QuarantineChanged) -> None:
        _log.warning("%s: %s", change.symbol, "prices disagree" if change.quarantined else "prices agree again")
        self.machine.sink.publish(change)
        self.record(change)


@dataclass(frozen=True, slots=True)
class _MissedBars:
    """Implements ``ports.EventSink`` for who brings what the feed missed: the bridge hears of it too."""

    sink: EventSink
    heard: Callable[[BarClosed], object]

    def publish(self, event: object, received_ns: int = 0) -> None:
        """To the engine, and a bar to the bridge."""
        self.sink.publish(event, received_ns)
        if isinstance(event, BarClosed):
            self.heard(event)

    def publish_ticks(self, told: Sequence[tuple[str, int, float]], received_ns: int = 0) -> None:
        """To the engine."""
        self.sink.publish_ticks(told, received_ns)
