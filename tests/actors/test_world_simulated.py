"""Mood and screener against the simulated vendors: whatever goes wrong there, what is told is of now, or nothing is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from sos_actors.actors.mood import MoodActor
from sos_actors.actors.mood_book import MoodHearers, MoodSettings
from sos_actors.actors.mood_look import MoodSources
from sos_actors.actors.price_check import watch_prices
from sos_actors.actors.screener import ScreenerActor, ScreenerHearers, ScreenerSettings
from sos_actors.actors.stocks_in_play import StocksInPlay
from sos_actors.actors.trading_hours import TradingHours
from sos_actors.config import Nse, Screener, Tradingview, Trendlyne
from sos_actors.market.calendar import Calendar
from sos_actors.market.chain import ChainSnapshot, max_pain_of, pcr_of
from sos_actors.market.mood_path import MoodPath
from sos_actors.messages.market import QuarantineChanged, ScreenerAlert, Sentiment
from sos_actors.messages.records import Fact, MoodMeasures
from sos_actors.messages.snapshots import OptionChain
from sos_actors.runtime.trading_gate import Rung
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.types import Fraction, Segment
from sos_actors.vendors.nse.client import NseSite
from sos_actors.vendors.tradingview.screener import TradingViewScreener
from sos_actors.vendors.trendlyne.client import SmartOptions
from tests.actors.staged import Stage
from tests.market.chains import BANKNIFTY, NIFTY
from tests.simulator.markets import moment, small_world
from tests.vendors.bench import SHARES, Bench, bench

START = moment("2026-01-13 10:30:20")
TIMEOUT_S = 0.5
FUNNEL = Screener(
    min_relative_volume=0.0, min_change_percent=0.0, min_change_from_open_percent=0.0, min_adx=0.0, min_atr_percent=0.0
)
"""All six shares are in play."""
FAULTS = (
    Fault("nse", FaultKind.HTML, "/api/*"), Fault("nse", FaultKind.STATUS, status=429), Fault("nse", FaultKind.DROP),
    Fault("nse", FaultKind.MUTE), Fault("nse", FaultKind.EMPTY, "/api/*"), Fault("nse", FaultKind.STATUS, status=403),
    Fault("nse", FaultKind.WRONG_JSON, "/api/*"), Fault("nse", FaultKind.REFUSE),
)  # fmt: skip


class Floor(Stage):
    """Actors over real clients; the vendors' clock goes with the actors'."""

    def __init__(self, served: Bench) -> None:
        super().__init__()
        self.served, addresses = served, served.served.addresses
        self.clock.jump_to(START)
        self.set_vendors_clock()
        self.kept: list[Fact] = []
        self.nse = NseSite(
            Nse(url=addresses["nse"], timeout_s=TIMEOUT_S, min_gap_s=0.0, rest_after_block_s=0.0), clock=self.clock
        )
        self.trendlyne = SmartOptions(
            Trendlyne(url=f"{addresses['trendlyne']}/phoenix/api", timeout_s=TIMEOUT_S, min_gap_s=0.0), clock=self.clock
        )
        settings = Tradingview(scanner_url=addresses["tradingview"], timeout_s=10.0)
        self.screener = TradingViewScreener(settings, FUNNEL, clock=self.clock, sleep=lambda _s: None)
        self.ours: dict[str, float] = {}
        self.hours = TradingHours(Calendar.default(), Segment.INDEX)

    def set_vendors_clock(self) -> None:
        self.served.served.call(lambda: self.served.world.clock.set(at=int(self.clock())))

    def mood(self) -> None:
        calendar = Calendar.default()
        self.start(MoodActor(
            MoodSettings(NIFTY, 60.0, 600.0), MoodSources([self.nse, self.trendlyne], [self.nse], self.clock),
            lambda: {one: MoodPath(one, 600, 3) for one in (NIFTY, BANKNIFTY)}, self.sink,
            MoodHearers(self.kept.append, lambda _: None), self.gate, self.timers, self.clock,
            spot=lambda _: math.nan, expiry_close=lambda day: calendar.session(day, Segment.FO).close_ns,
            is_open=self.hours, spawn=self.spawn, mailbox=self.mailbox,
        ))  # fmt: skip

    def scan(self) -> None:
        stocks, keep = StocksInPlay(200), self.kept.append
        watch = watch_prices(self.screener, Fraction(0.005), self.sink, keep)
        self.start(ScreenerActor(
            ScreenerSettings(15.0), self.screener, self.screener, stocks, watch, self.sink,
            ScreenerHearers(keep, lambda _: None, lambda _: None), self.timers, self.clock,
            ours=lambda: {symbol: (price, self.clock()) for symbol, price in self.ours.items()},
            is_open=self.hours, spawn=self.spawn, mailbox=self.mailbox,
        ))  # fmt: skip

    def minutes(self, count: int) -> None:
        for _ in range(count):
            self.pass_time(60)
            self.set_vendors_clock()

    def add(self, fault: Fault) -> None:
        self.served.add(replace(fault))

    def close(self) -> None:
        self.nse.close()
        self.trendlyne.close()
        self.served.heal()

    @property
    def sentiments(self) -> list[Sentiment]:
        return [one for one in self.sink.events if isinstance(one, Sentiment)]

    @property
    def sources(self) -> list[str]:
        return [one.source for one in self.kept if isinstance(one, MoodMeasures) and one.symbol == NIFTY]

    @property
    def alerts(self) -> list[ScreenerAlert]:
        return [one for one in self.sink.events if isinstance(one, ScreenerAlert)]


@pytest.fixture(scope="module")
def served() -> Iterator[Bench]:
    world = small_world("2026-01-13 10:30:20", rate_limits=False)
    with bench(world, ("upstox", "nse", "tradingview", "trendlyne")) as running:
        addresses = running.served.addresses
        with NseSite(Nse(url=addresses["nse"], timeout_s=30.0, min_gap_s=0.0), clock=world.clock.now) as slow:
            slow.chain(NIFTY)  # the market's day is made
            slow.chain(BANKNIFTY)
            slow.breadth()
        settings = Tradingview(scanner_url=addresses["tradingview"], timeout_s=30.0)
        TradingViewScreener(settings, FUNNEL, clock=world.clock.now).scan()
        yield running


@pytest.fixture
def floor(served: Bench) -> Iterator[Floor]:
    floor = Floor(served)
    yield floor
    floor.close()


def test_the_mood_is_that_of_the_chain_the_site_shows(floor: Floor) -> None:
    floor.mood()
    first = floor.sentiments[0]
    chain = next(one for one in floor.kept if isinstance(one, OptionChain) and one.underlying == NIFTY)
    snapshot = ChainSnapshot(chain.strike, chain.ce_oi, chain.pe_oi, chain.ce_ltp, chain.pe_ltp, chain.ce_oi_change,
                             chain.pe_oi_change, chain.spot)  # fmt: skip
    assert (first.pcr, first.max_pain) == (pcr_of(snapshot), max_pain_of(snapshot))
    assert first.ts_event == moment("2026-01-13 10:31")
    assert first.advances is not None
    row = next(one for one in floor.kept if isinstance(one, MoodMeasures))
    assert 0 < row.atm_iv < 100
    assert 0.3 < row.atm_delta < 0.7
    floor.minutes(7)
    assert np.isfinite(floor.sentiments[-1].pcr_velocity or math.nan)
    assert floor.rung() is Rung.OPEN


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}")
def test_another_vendor_stands_in_for_a_faulty_one_until_it_is_well_again(floor: Floor, fault: Fault) -> None:
    floor.mood()
    floor.add(fault)
    floor.minutes(3)
    floor.served.heal()
    floor.minutes(12)
    assert floor.sources[0] == "nse"
    assert "trendlyne" in floor.sources[1:4]
    assert floor.sources[-1] == "nse", "it was asked again"
    assert floor.rung() is Rung.OPEN
    assert len({one.ts_event for one in floor.sentiments if one.symbol == NIFTY}) == len(floor.sources)


def test_when_every_vendor_is_down_nothing_is_told_and_entries_wait_until_one_is_back(floor: Floor) -> None:
    floor.mood()
    for vendor in ("nse", "trendlyne"):
        floor.add(Fault(vendor, FaultKind.STATUS, status=503))
    told = len(floor.sentiments)
    floor.minutes(10)
    assert len(floor.sentiments) == told
    floor.minutes(2)
    assert floor.rung() is Rung.STOP_ENTRIES
    assert "nobody has answered" in floor.reasons()[0]
    floor.served.heal()
    floor.minutes(11)
    assert len(floor.sentiments) > told
    assert floor.rung() is Rung.OPEN


def test_a_site_that_repeats_itself_is_believed_for_five_minutes_and_no_longer(floor: Floor) -> None:
    floor.mood()
    floor.add(Fault("nse", FaultKind.STALE))
    floor.minutes(10)
    ages = [
        (one.ts_event - one.ts_event % 60_000_000_000 - START) / 1e9 for one in floor.kept
        if isinstance(one, MoodMeasures) and one.symbol == NIFTY and one.source == "nse"
    ]  # fmt: skip
    assert max(ages) <= 360
    assert floor.sources[-1] == "trendlyne"


def test_stocks_in_play_come_stay_over_a_bad_minute_and_go_when_the_screener_is_gone(floor: Floor) -> None:
    floor.scan()
    come = {alert.symbol for alert in floor.alerts}
    assert come
    assert come <= {f"NSE|EQ|{name}".replace("&", "_") for name in SHARES}
    floor.add(Fault("tradingview", FaultKind.HTML, times=2))
    floor.minutes(1)
    assert {alert.action for alert in floor.alerts} == {"ADD"}
    floor.add(Fault("tradingview", FaultKind.STATUS, status=429))
    floor.minutes(2)
    assert {alert.symbol for alert in floor.alerts if alert.action == "REMOVE"} == come
    floor.served.heal()


def test_a_price_of_ours_that_is_wrong_is_quarantined(floor: Floor) -> None:
    right = floor.screener.prices(["NSE|EQ|RELIANCE", "NSE|EQ|TCS"])
    floor.ours = {"NSE|EQ|RELIANCE": right["NSE|EQ|RELIANCE"][0] * 1.05, "NSE|EQ|TCS": right["NSE|EQ|TCS"][0]}
    floor.scan()
    floor.pass_time(15)
    found = [one for one in floor.sink.events if isinstance(one, QuarantineChanged)]
    assert [(one.symbol, one.quarantined) for one in found] == [("NSE|EQ|RELIANCE", True)]
    assert found[0] in floor.kept
