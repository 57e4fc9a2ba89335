"""The clients against the simulated screener and chart socket: figures equal to the market's, faults told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import date
from random import Random
from typing import Any, cast

import numpy as np
import pytest

from sos_actors.config import Screener, Tradingview
from sos_actors.errors import UnknownSymbolError, VendorAnswerError, VendorUnreachableError
from sos_actors.market.instruments import SymbolMaster, imported_instrument
from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.server import RunningSimulator
from sos_actors.simulator.view import Listing, MarketView
from sos_actors.types import NANOS_PER_MINUTE, Segment, UnixNanos
from sos_actors.vendors.tradingview.chart import TradingViewChart
from sos_actors.vendors.tradingview.screener import TradingViewScreener
from tests.simulator.markets import model_market, moment, small_world
from tests.vendors.simulated import TIMEOUT_S, WEB_CASES, Case, fault, simulator

NIFTY, DAY = "NSE|INDEX|NIFTY", date(2026, 1, 13)
SHARES = ("RELIANCE", "TCS", "SBIN", "M&M", "ITC", "INFY")
EVERYTHING = Screener(
    min_relative_volume=0.0, min_change_percent=0.0, min_change_from_open_percent=0.0, min_adx=0.0, min_atr_percent=0.0
)


class FewShares:
    """The model's market, but of six shares: a whole one is prepared for the screener in ten seconds."""

    def __getattr__(self, name: str) -> Any:
        return getattr(model_market(), name)

    def listings(self, day: date) -> Sequence[Listing]:
        return [
            listing
            for listing in model_market().listings(day)
            if listing.segment is not Segment.EQ or listing.trading_symbol in SHARES
        ]


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSimulator]:
    world = replace(small_world(), market=cast(MarketView, FewShares()))
    with simulator(world, "tradingview") as running:
        screener(running, 60.0).scan()  # the market's history is made
        with TradingViewChart(settings(running, 60.0), clock=running.world.clock.now) as client:
            client.candles("NSE|FO|NIFTY 25600 CE 13 JAN 26", DAY, DAY)  # and that of its contracts
        yield running


def settings(served: RunningSimulator, timeout_s: float = TIMEOUT_S) -> Tradingview:
    address = served.addresses["tradingview"]
    socket = address.replace("http", "ws", 1) + "/socket.io/websocket"
    return Tradingview(scanner_url=address, chart_url=socket, timeout_s=timeout_s)


def screener(
    served: RunningSimulator, timeout_s: float = TIMEOUT_S, funnel: Screener = EVERYTHING
) -> TradingViewScreener:
    master = SymbolMaster.from_instruments(map(imported_instrument, SHARES))
    return TradingViewScreener(
        settings(served, timeout_s), funnel, master=master, clock=served.world.clock.now, rng=Random(1)
    )


@pytest.fixture
def chart(served: RunningSimulator) -> Iterator[TradingViewChart]:
    with TradingViewChart(settings(served), clock=served.world.clock.now, sleep=lambda _: None) as client:
        yield client


def test_a_scan_shows_the_markets_figures(served: RunningSimulator) -> None:
    scan = screener(served).scan()
    market, now = served.world.market, served.world.clock.now()
    one_way = {f"NSE|EQ|{name}" for name in SHARES if moves_one_way(market, f"NSE|EQ|{name}", now)}
    assert {row.symbol for row in scan.rows} == one_way
    assert len(one_way) > 2
    assert (scan.total, scan.delay_s, scan.update_modes) == (len(one_way), 0.0, ("streaming",))
    for row in scan.rows:
        listing = market.named(row.symbol, DAY)
        assert listing is not None
        state = market.state(listing, now)
        assert row.values["close"] == pytest.approx(state.ltp)
        assert row.values["volume"] == state.volume
        assert row.values["change"] == pytest.approx((state.ltp / state.previous_close - 1) * 100)
        assert 0.0 <= (row.values["momentum_score"] or 0.0) <= 100.0
    volumes = [row.values["rvol"] or 0.0 for row in scan.rows]
    assert volumes == sorted(volumes, reverse=True)


def moves_one_way(market: MarketView, symbol: str, now: int) -> bool:
    """Whether a share has gone the same way since yesterday and since the open."""
    listing = market.named(symbol, DAY)
    assert listing is not None
    state = market.state(listing, now)
    assert state.day is not None
    return (state.ltp - state.previous_close) * (state.ltp - state.day.open) >= 0


def test_the_funnel_lets_moves_either_way_through_and_nothing_else(served: RunningSimulator) -> None:
    everything = screener(served).scan().rows
    bounds = replace(EVERYTHING, min_change_percent=0.5, min_change_from_open_percent=0.2, min_atr_percent=1.5)
    found = {row.symbol for row in screener(served, funnel=bounds).scan().rows}

    def passes(values: Any) -> bool:
        moves = values["change"], values["change_from_open"]
        up, down = moves[0] >= 0.5 and moves[1] >= 0.2, moves[0] <= -0.5 and moves[1] <= -0.2
        return bool((up or down) and values["atr_percent"] >= 1.5)

    assert found == {row.symbol for row in everything if passes(row.values)}


def test_delayed_data_is_measured_by_the_clock(served: RunningSimulator) -> None:
    served.call(lambda: setattr(served.world.strictness, "delayed_s", 900.0))
    try:
        scan = screener(served, 30.0).scan()
    finally:
        served.call(lambda: setattr(served.world.strictness, "delayed_s", 0.0))
    assert scan.delay_s is not None
    assert scan.delay_s >= 900.0
    assert scan.update_modes == ("delayed_streaming_900",)


def test_prices_and_breadth_are_the_markets(served: RunningSimulator) -> None:
    client, market, now = screener(served), served.world.market, served.world.clock.now()
    symbols = [NIFTY, "NSE|EQ|M&M", "NSE|EQ|BOGUS"]
    found = client.prices(symbols)
    assert set(found) == set(symbols[:2])
    for symbol, (close, updated) in found.items():
        listing = market.named(symbol, DAY)
        assert listing is not None
        assert close == pytest.approx(market.state(listing, now).ltp)
        assert updated == now
    breadth = client.breadth()
    assert breadth.advances + breadth.declines + breadth.unchanged == len(SHARES)


@pytest.mark.parametrize("case", WEB_CASES, ids=str)
def test_a_fault_of_the_screener_is_an_error_that_says_so(served: RunningSimulator, case: Case) -> None:
    client = screener(served)
    before = client.scan().rows
    with fault(served, "tradingview", case, "*"), pytest.raises(case.outcomes):
        client.scan()
    assert screener(served).scan().rows == before


@pytest.mark.parametrize("symbol", [NIFTY, "NSE|EQ|M&M", "NSE|FO|NIFTY 25600 CE 13 JAN 26"])
def test_candles_are_the_markets_completed_bars(served: RunningSimulator, chart: TradingViewChart, symbol: str) -> None:
    market, now = served.world.market, served.world.clock.now()
    found = chart.candles(symbol, date(2026, 1, 12), DAY)
    listing = market.named(symbol, DAY)
    assert listing is not None
    wanted = [market.candles(listing, day) for day in (date(2026, 1, 12), DAY)]
    ts = np.concatenate([bars.ts for bars in wanted])
    complete = ts <= now - 2 * NANOS_PER_MINUTE  # the minute that has just ended may still change
    np.testing.assert_array_equal(found.ts, ts[complete])
    for name in ("open", "high", "low", "close"):
        whole = np.concatenate([getattr(bars, name) for bars in wanted])
        np.testing.assert_allclose(getattr(found, name), whole[complete], atol=0.005)
    if symbol == NIFTY:
        assert np.isnan(found.volume).all()
    else:
        np.testing.assert_array_equal(found.volume, np.concatenate([bars.volume for bars in wanted])[complete])


def test_the_volume_of_an_index_is_that_of_its_front_future(served: RunningSimulator, chart: TradingViewChart) -> None:
    market = served.world.market
    found = chart.candles(NIFTY, DAY, DAY, volume_from_future=True)
    future = market.named("NSE|FO|NIFTY FUT 27 JAN 26", DAY)
    assert future is not None
    bars = market.candles(future, DAY)
    known = ~np.isnan(found.volume)
    assert known.mean() > 0.9
    np.testing.assert_array_equal(found.volume[known], bars.volume[np.isin(bars.ts, found.ts[known])])


def test_weeks_are_served_by_one_connection_in_several_pieces(chart: TradingViewChart) -> None:
    found = chart.candles(NIFTY, date(2025, 12, 15), date(2025, 12, 31))
    days = model_market().calendar.sessions(date(2025, 12, 15), date(2025, 12, 31))
    assert len(found) == 375 * len(days)
    assert (np.diff(found.ts) > 0).all()


def test_a_symbol_nobody_lists_is_unknown(chart: TradingViewChart) -> None:
    with pytest.raises(UnknownSymbolError, match="lists no NSE:BOGUS"):
        chart.candles("NSE|EQ|BOGUS", DAY, DAY)
    assert len(chart.candles("NSE|EQ|TCS", DAY, DAY)) > 0


def test_delayed_bars_that_still_form_are_left_out(served: RunningSimulator) -> None:
    served.call(lambda: setattr(served.world.strictness, "delayed_s", 900.0))
    try:
        with TradingViewChart(settings(served), clock=served.world.clock.now) as client:
            found = client.candles(NIFTY, DAY, DAY)
    finally:
        served.call(lambda: setattr(served.world.strictness, "delayed_s", 0.0))
    assert found.ts[-1] <= moment("2026-01-13 10:14")


SOCKET_CASES = (
    Case(FaultKind.REFUSE, (VendorUnreachableError,)),
    Case(FaultKind.DROP, (VendorUnreachableError,)),
    Case(FaultKind.MUTE, (VendorUnreachableError,)),
    Case(FaultKind.DELAY, (VendorUnreachableError,), seconds=5 * TIMEOUT_S),
    Case(FaultKind.CORRUPT, (VendorAnswerError, VendorUnreachableError)),
    Case(FaultKind.CLOSE, (VendorUnreachableError,), status=1001),
    Case(FaultKind.HTML, (VendorAnswerError, VendorUnreachableError)),
)


@pytest.mark.parametrize("case", SOCKET_CASES, ids=str)
def test_a_fault_of_the_socket_is_an_error_that_says_so(
    served: RunningSimulator, chart: TradingViewChart, case: Case
) -> None:
    whole = chart.candles("NSE|EQ|TCS", DAY, DAY)
    chart.close()
    path = "*" if case.kind is FaultKind.REFUSE else "chart"
    with fault(served, "tradingview", case, path), pytest.raises(case.outcomes):
        chart.candles("NSE|EQ|TCS", DAY, DAY)
    np.testing.assert_array_equal(chart.candles("NSE|EQ|TCS", DAY, DAY).close, whole.close)


@pytest.mark.parametrize("kind", [FaultKind.DUPLICATE, FaultKind.REORDER])
def test_frames_twice_or_in_another_order_change_nothing(
    served: RunningSimulator, chart: TradingViewChart, kind: FaultKind
) -> None:
    whole = chart.candles("NSE|EQ|TCS", DAY, DAY)
    # A frame kept back to swap places with the next one may come too late.
    late = suppress(VendorUnreachableError) if kind is FaultKind.REORDER else nullcontext()
    with fault(served, "tradingview", Case(kind, ()), "chart", times=2), late:
        np.testing.assert_array_equal(chart.candles("NSE|EQ|TCS", DAY, DAY).close, whole.close)


@pytest.mark.parametrize("case", [case for case in WEB_CASES if case.kind is FaultKind.STATUS], ids=str)
def test_a_refused_handshake_is_told(served: RunningSimulator, chart: TradingViewChart, case: Case) -> None:
    with fault(served, "tradingview", case, "/socket.io/*"), pytest.raises(case.outcomes, match=f"HTTP {case.status}"):
        chart.candles("NSE|EQ|TCS", DAY, DAY)


def test_bars_of_a_clock_ahead_are_not_complete_yet(served: RunningSimulator, chart: TradingViewChart) -> None:
    with fault(served, "tradingview", Case(FaultKind.CLOCK_SKEW, (), seconds=600.0)):
        found = chart.candles("NSE|EQ|TCS", DAY, DAY)
    assert found.ts[-1] <= UnixNanos(served.world.clock.now() - NANOS_PER_MINUTE)
