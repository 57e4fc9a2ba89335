"""The simulated stream beside the recorded one: what can be measured of either lies in the same ranges."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from google.protobuf import json_format
from upstox_client.feeder.proto import MarketDataFeedV3_pb2 as pb

from sos_actors.messages.market import BarSeries
from sos_actors.simulator.upstox.feed_schedule import SLOT_NS, SLOTS_A_MINUTE, FeedSchedule
from sos_actors.simulator.view import Listing
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND
from tests.simulator.markets import model_market, moment
from tests.simulator.upstox.feeds import figures, stream
from tests.vendors.upstox.frames import TICK_FILES, ticks

START = moment("2026-01-13 10:00")
DAY = date(2026, 1, 13)
RANGES = {
    "a second": (0.5, 1.8), "same ltt": (0.28, 0.89), "repeats": (0.03, 0.15), "jumps": (0.05, 0.52),
    "median gap": (0.5, 2.0),
}  # fmt: skip
"""Of 13 instruments over 15 December 2025, a little wider because half an hour is not a day."""


def listing(symbol: str) -> Listing:
    found = model_market().named(symbol, DAY)
    assert found is not None
    return found


@pytest.mark.parametrize("symbol", [
    "NSE|EQ|RELIANCE", "NSE|EQ|TCS", "NSE|FO|NIFTY 25000 PE 13 JAN 26", "NSE|FO|NIFTY 25300 CE 13 JAN 26",
    "NSE|FO|NIFTY FUT 27 JAN 26",
])  # fmt: skip
def test_a_busy_instrument_is_told_of_as_the_real_feed_does(symbol: str) -> None:
    rows = [(at / 1000, feed.fullFeed.marketFF) for at, feed in stream(model_market(), listing(symbol), START, 30)]
    measured = figures(rows, 1800.0)
    for name, (least, most) in RANGES.items():
        assert least <= measured[name] <= most, (name, measured)
    assert measured["steps back"] <= 2


@pytest.mark.parametrize("name", TICK_FILES)
def test_the_recorded_streams_lie_in_these_ranges_themselves(shared_data: Path, name: str) -> None:
    rows = ticks(shared_data, name)
    rows = rows[len(rows) // 2 :][:2000]
    told = []
    for row in rows:
        full = {part: row["fullFeed"]["marketFF"].get(part, {}) for part in ("ltpc", "marketLevel")}
        full |= {part: row["fullFeed"]["marketFF"].get(part, 0) for part in ("vtt", "tbq", "tsq")}
        told.append((_seconds(row["_insertion_time"]), json_format.ParseDict(full, pb.MarketFullFeed())))
    measured = figures(told, told[-1][0] - told[0][0])
    for measure, (least, most) in RANGES.items():
        if measure != "repeats":  # only some parts were compared here
            assert least <= measured[measure] <= most, (measure, measured)


def _seconds(text: str) -> float:
    clock = text.partition(" ")[2].split(":")
    return int(clock[0]) * 3600 + int(clock[1]) * 60 + float(clock[2])


def test_a_contract_nobody_trades_is_seldom_told_of() -> None:
    market = model_market()
    quiet = min(
        (one for one in market.listings(DAY) if one.option_type),
        key=lambda one: _volume(market.candles(one, DAY)),
    )
    assert len(stream(market, quiet, START, 10)) < 40


def _volume(bars: BarSeries) -> float:
    return float(bars.volume.sum())


def test_an_index_is_told_of_about_once_a_second_at_whole_seconds() -> None:
    rows = stream(model_market(), listing("NSE|INDEX|NIFTY"), START, 10)
    assert 0.7 * 600 < len(rows) < 1.3 * 600
    assert all(feed.fullFeed.indexFF.ltpc.ltt % 1000 == 0 for _, feed in rows)


def test_the_last_minute_is_complete_and_appears_a_little_after_its_end() -> None:
    one = listing("NSE|EQ|RELIANCE")
    bars = model_market().candles(one, DAY)
    closes = dict(zip((bars.ts // 1_000_000).tolist(), bars.close.tolist(), strict=True))
    rows = stream(model_market(), one, START, 15)
    waits: dict[int, int] = {}
    for at, feed in rows:
        day, minute = feed.fullFeed.marketFF.marketOHLC.ohlc
        assert (day.interval, minute.interval) == ("1d", "I1")
        assert minute.close == closes[minute.ts]
        assert day.close == feed.fullFeed.marketFF.ltpc.ltp
        waits.setdefault(minute.ts, at - minute.ts - 60_000)
    del waits[min(waits)]
    assert all(300 <= wait < 6_000 for wait in waits.values())
    assert sum(wait < 2_500 for wait in waits.values()) > len(waits) / 2


def test_a_minute_is_the_same_whoever_asks_and_there_is_none_outside_the_session() -> None:
    schedule, other = FeedSchedule(model_market(), 7), FeedSchedule(model_market(), 7)
    one = listing("NSE|EQ|TCS")
    other.updates(one, START + NANOS_PER_MINUTE)
    updates = schedule.updates(one, START)
    assert updates == other.updates(one, START)
    assert [update.slot for update in updates] == sorted({update.slot for update in updates})
    assert all(START <= update.slot * SLOT_NS < START + NANOS_PER_MINUTE for update in updates)
    assert updates != FeedSchedule(model_market(), 8).updates(one, START)
    for closed in ("2026-01-13 09:14", "2026-01-13 15:30", "2026-01-18 11:00"):
        assert schedule.updates(one, moment(closed)) == []
    assert SLOTS_A_MINUTE * SLOT_NS == 60 * NANOS_PER_SECOND
