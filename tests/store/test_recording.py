"""Facts of the running system go into the tables they belong to; the same facts again change nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sos_actors.errors import DataError
from sos_actors.messages.market import BarClosed, QuarantineChanged, ScreenerAlert, Sentiment
from sos_actors.messages.records import ActorEvent, DepthRow, Fact, MoodMeasures, OrderRecord
from sos_actors.store import Store
from sos_actors.store.recording import StoreRecorder
from sos_actors.types import NANOS_PER_MINUTE, Regime, Side, SmartTrend, UnixNanos
from tests.market.chains import chain
from tests.store.conftest import FOREVER, JAN_1_0915, NIFTY

AT = UnixNanos(JAN_1_0915 + NANOS_PER_MINUTE)
TCS = "NSE|EQ|TCS"


def bar(number: int, close: float = 101.0, symbol: str = TCS, provisional: bool = False) -> BarClosed:
    opened = JAN_1_0915 + number * NANOS_PER_MINUTE
    ts = UnixNanos(opened + NANOS_PER_MINUTE)
    return BarClosed(ts, symbol, UnixNanos(opened), 100.0, 102.0, 99.0, close, 500.0, None, provisional)


def facts() -> list[Fact]:
    return [
        bar(0), bar(0, symbol=NIFTY), bar(1), chain(AT), MoodMeasures(AT, NIFTY, "nse", pcr=0.9, atm_iv=12.5),
        Sentiment(AT, NIFTY, Regime.BEARISH, 0.9), ScreenerAlert(AT, TCS, "ADD", 2.4),
        QuarantineChanged(AT, TCS, True, 101.0, 100.0, "tradingview"), DepthRow(AT, "NIFTY", pcr=0.9),
        OrderRecord(AT, "SOSab12-1-0-0", TCS, Side.BUY, 10, 0, "sent"), ActorEvent(AT, "feed", "started"),
    ]  # fmt: skip


def test_every_kind_of_fact_is_stored_and_twice_is_once(store: Store) -> None:
    recorder = StoreRecorder(store)
    for _ in range(2):
        recorder.record(facts())
        assert store.candles(TCS, 0, FOREVER).close.tolist() == [101.0, 101.0]
        assert np.isnan(store.candles(TCS, 0, FOREVER).oi).all()
        assert store.candle_sources(TCS, 0, FOREVER) == {"upstox": 2}
        assert len(store.candles(NIFTY, 0, FOREVER)) == 1
        assert store.chain(NIFTY, 0, FOREVER).strike.tolist() == chain(AT).strike.tolist()
        stats = store.market_stats(NIFTY, 0, FOREVER)
        assert (stats.pcr.tolist(), stats.atm_iv.tolist(), stats.smart_trend.tolist()) == ([0.9], [12.5], [0])
        assert math.isnan(stats.max_pain[0])
        assert [one.regime for one in store.sentiment(0, FOREVER)] == [Regime.BEARISH]
        assert len(store.screener_alerts(0, FOREVER)) == len(store.quarantines(0, FOREVER)) == 1
        assert len(store.orders(0, FOREVER)) == len(store.actor_events(0, FOREVER)) == 1


def test_the_official_bar_replaces_the_one_made_of_ticks(store: Store) -> None:
    recorder = StoreRecorder(store)
    recorder.record([bar(0, 100.5, provisional=True), bar(0, 101.0)])
    recorder.record([bar(1, 100.5, provisional=True)])
    recorder.record([bar(1, 101.5)])
    assert store.candles(TCS, 0, FOREVER).close.tolist() == [101.0, 101.5]


def test_the_trend_of_a_row_is_kept(store: Store) -> None:
    StoreRecorder(store).record([MoodMeasures(AT, NIFTY, "nse", smart_trend=SmartTrend.SHORT_COVERING)])
    assert store.market_stats(NIFTY, 0, FOREVER).smart_trend.tolist() == [SmartTrend.SHORT_COVERING]


def test_a_bar_that_cannot_be_is_refused(store: Store) -> None:
    with pytest.raises(DataError):
        StoreRecorder(store).record([bar(0, math.nan)])
