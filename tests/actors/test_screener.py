"""Who comes into play and leaves is told to all, our prices are held against the screener's, failures cost little."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from sos_actors.actors.describing import Describe
from sos_actors.actors.price_check import watch_prices
from sos_actors.actors.screener import ScreenerActor, ScreenerHearers, ScreenerSettings
from sos_actors.actors.stocks_in_play import StocksInPlay
from sos_actors.errors import VendorAnswerError, VendorBusyError
from sos_actors.messages.market import QuarantineChanged, ScreenerAlert
from sos_actors.messages.records import DepthRow, Fact
from sos_actors.messages.snapshots import ScreenerScan
from sos_actors.types import Fraction, UnixNanos
from tests.actors.staged import Stage
from tests.actors.test_stocks_in_play import said, scan
from tests.market.chains import OPEN

A, B = "NSE|EQ|A", "NSE|EQ|B"


class Vendor:
    """A screener and its prices, or the error it meets."""

    name = "tradingview"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.names: tuple[str, ...] = ("A", "B")
        self.price = 100.0
        self.error: Exception | None = None
        self.price_error: Exception | None = None
        self.asked = 0

    def scan(self) -> ScreenerScan:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return scan(int((self._stage.clock() - OPEN) // 60_000_000_000), *self.names)

    def prices(self, symbols: Collection[str]) -> dict[str, tuple[float, UnixNanos | None]]:
        if self.price_error is not None:
            raise self.price_error
        return {symbol: (self.price, self._stage.clock()) for symbol in symbols}


class Floor(Stage):
    def __init__(self) -> None:
        super().__init__()
        self.vendor = Vendor(self)
        self.kept: list[Fact] = []
        self.shown: list[ScreenerAlert] = []
        self.funnelled: list[ScreenerAlert] = []
        self.ours: dict[str, float] = {}
        self.is_open = True
        self.stocks = StocksInPlay(200)
        self.watch = watch_prices(self.vendor, Fraction(0.005), self.sink, self.kept.append)

    def begin(self) -> ScreenerActor:
        actor = ScreenerActor(
            ScreenerSettings(60.0), self.vendor, self.vendor, self.stocks, self.watch, self.sink,
            ScreenerHearers(self.kept.append, self.shown.append, self.funnelled.append), self.timers, self.clock,
            ours=lambda: {symbol: (price, self.clock()) for symbol, price in self.ours.items()},
            is_open=lambda _: self.is_open, spawn=self.spawn, mailbox=self.mailbox,
        )  # fmt: skip
        self.start(actor)
        return actor

    @property
    def alerts(self) -> list[ScreenerAlert]:
        return [one for one in self.sink.events if isinstance(one, ScreenerAlert)]

    @property
    def quarantines(self) -> list[QuarantineChanged]:
        return [one for one in self.sink.events if isinstance(one, QuarantineChanged)]


@pytest.fixture
def floor() -> Floor:
    return Floor()


def test_an_arrival_is_told_to_engine_store_bridge_and_funnel(floor: Floor) -> None:
    floor.begin()
    assert said(floor.alerts) == ["ADD A", "ADD B"]
    assert floor.shown == floor.funnelled == floor.alerts
    assert [one for one in floor.kept if isinstance(one, ScreenerAlert)] == floor.alerts
    assert [(one.symbol, one.rvol) for one in floor.kept if isinstance(one, DepthRow)] == [("A", 2.5), ("B", 2.5)]


def test_scans_that_fail_count_as_silence_and_the_trouble_is_told(floor: Floor) -> None:
    actor = floor.begin()
    floor.vendor.error = VendorBusyError("tradingview", "429.", "429")
    floor.pass_time(180)
    assert said(floor.alerts) == ["ADD A", "ADD B"]
    assert actor.on_receive(Describe())["trouble"] == "tradingview: 429."
    floor.pass_time(60)
    assert said(floor.alerts)[2:] == ["REMOVE A", "REMOVE B"]
    floor.vendor.error = None
    floor.pass_time(60)
    assert said(floor.alerts)[4:] == ["ADD A", "ADD B"]
    assert actor.on_receive(Describe()) == {"waiting": (), "followed": (A, B), "trouble": ""}


def test_prices_that_stay_apart_quarantine_the_symbol_and_agreement_releases_it(floor: Floor) -> None:
    floor.ours = {A: 101.0, B: 100.1}
    floor.begin()
    assert floor.quarantines == []
    floor.pass_time(60)
    assert [(one.symbol, one.quarantined, one.ours, one.reference) for one in floor.quarantines] == [
        (A, True, 101.0, 100.0)
    ]
    floor.vendor.price = 101.0
    floor.ours = {A: 101.0}
    floor.pass_time(120)
    assert [(one.symbol, one.quarantined) for one in floor.quarantines] == [(A, True), (A, False)]
    assert [one for one in floor.kept if isinstance(one, QuarantineChanged)] == floor.quarantines


def test_a_restart_forgets_neither_who_is_in_play_nor_who_is_quarantined(floor: Floor) -> None:
    floor.ours = {A: 101.0}
    floor.begin().on_failure(None, None, None)
    floor.begin()
    assert said(floor.alerts) == ["ADD A", "ADD B"]
    floor.pass_time(60)
    floor.vendor.price = 101.0
    floor.pass_time(120)
    assert [one.quarantined for one in floor.quarantines] == [True, False]


def test_when_prices_cannot_be_had_the_scan_goes_on_and_nothing_is_released(floor: Floor) -> None:
    floor.ours = {A: 101.0}
    floor.begin()
    floor.pass_time(60)
    floor.vendor.price_error = VendorAnswerError("tradingview", "a page.")
    floor.pass_time(180)
    assert [one.quarantined for one in floor.quarantines] == [True]
    assert floor.vendor.asked == 5


def test_while_the_market_is_closed_it_rests(floor: Floor) -> None:
    floor.is_open = False
    floor.begin()
    floor.pass_time(600)
    assert floor.vendor.asked == 0
    assert floor.alerts == []


def test_a_scan_that_does_not_end_counts_as_failed_and_the_next_one_is_made(floor: Floor) -> None:
    floor.hold_errands = True
    actor = floor.begin()
    actor._errands._now_ns = lambda: floor.clock()
    actor._errands._out = {key: (number, floor.clock()) for key, (number, _) in actor._errands._out.items()}
    floor.pass_time(60)
    assert actor.on_receive(Describe())["trouble"] == "The scan was not answered within 25 s."
    assert len(floor.threads) == 2


def test_a_failure_that_is_nobodys_fault_but_ours_is_no_end_either(floor: Floor) -> None:
    floor.vendor.error = ZeroDivisionError()
    floor.begin()
    floor.vendor.error = None
    floor.pass_time(60)
    assert said(floor.alerts) == ["ADD A", "ADD B"]
