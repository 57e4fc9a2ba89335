from __future__ import annotations

import csv
import gzip
import io
import math
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upstox_client.feeder.proto import MarketDataFeedV3_pb2 as pb

from sos_actors.errors import VendorAnswerError
from sos_actors.messages.feed import DepthLevel, MarketPhase, MinuteBar, Quote
from sos_actors.types import NANOS_PER_MINUTE
from sos_actors.vendors.upstox.feed_decode import FeedDecoder
from tests.vendors.upstox.frames import (
    TICK_FILES,
    V2_FILE,
    V3_FILES,
    captured,
    encoded,
    encoded_prices,
    frame_of,
    ticks,
)
from tests.vendors.upstox.wire import Pair

KEY = "NSE_FO|51414"
INDIA = timezone(timedelta(hours=5, minutes=30))
AT = 1_765_771_372_000


@pytest.fixture(scope="module", autouse=True)
def _kernel_is_compiled() -> None:
    """So that no example of a property pays for it."""
    FeedDecoder()


def one(feed: dict[str, Any], key: str = KEY, **more: Any) -> Quote:
    (quote,) = FeedDecoder().decode(encoded({"type": "live_feed", "feeds": {key: feed}, **more})).quotes
    return quote


def number(told: dict[str, Any], name: str) -> float:
    return float(told.get(name, 0))


def assert_same(quote: Quote, full: dict[str, Any], is_share: bool) -> None:
    """Every figure of the captured JSON is in the quote."""
    last, candles = full["ltpc"], {candle.get("interval"): candle for candle in full["marketOHLC"]["ohlc"]}
    assert (quote.ltp, quote.previous_close) == (last["ltp"], last["cp"])
    assert (quote.ltt, quote.ltq) == (int(last["ltt"]) * 1_000_000, int(last.get("ltq", 0)))
    for name, bar in (("1d", quote.day), ("I1", quote.minute)):
        told = candles.get(name)
        expected = told and MinuteBar(
            int(told["ts"]) * 1_000_000, told["open"], told["high"], told["low"], told["close"], int(told.get("vol", 0))
        )
        assert bar == expected
    if "vtt" not in full:
        return
    assert quote.volume == int(full["vtt"])
    assert quote.average_price == full["atp"]
    assert (quote.total_buy, quote.total_sell) == (number(full, "tbq"), number(full, "tsq"))
    assert quote.oi == (None if is_share else number(full, "oi"))
    assert quote.iv == full.get("iv")
    assert quote.delta == (full["optionGreeks"].get("delta", 0.0) if "iv" in full else None)
    levels = full["marketLevel"]["bidAskQuote"]
    assert quote.depth == tuple(
        DepthLevel(int(x.get("bidQ", 0)), number(x, "bidP"), int(x.get("askQ", 0)), number(x, "askP")) for x in levels
    )


@pytest.mark.parametrize("name", V3_FILES)
def test_every_figure_of_every_captured_frame_arrives(shared_data: Path, name: str) -> None:
    decoder, seen = FeedDecoder(), 0
    for document in captured(shared_data, name):
        frame = decoder.decode(encoded(document))
        assert frame.sent == int(document["currentTs"]) * 1_000_000
        assert {quote.instrument_key for quote in frame.quotes} == set(document.get("feeds", {}))
        for quote in frame.quotes:
            (kind, full), *_ = document["feeds"][quote.instrument_key]["fullFeed"].items()
            assert_same(quote, full, is_share=False)
            assert (quote.volume is None) == (kind == "indexFF")
            seen += 1
        for status in frame.statuses:
            assert status.phase.name == document["marketInfo"]["segmentStatus"][status.segment]
            seen += 1
    assert seen > 30
    assert not decoder.left_out
    assert decoder.declined == sum(document["type"] == "market_info" for document in captured(shared_data, name))


@pytest.mark.parametrize("name", TICK_FILES)
def test_the_recorded_updates_of_a_day_arrive_and_their_minutes_are_the_recorded_candles(
    shared_data: Path, name: str
) -> None:
    decoder, bars, told = FeedDecoder(), dict[int, MinuteBar](), dict[str, Any]()
    for place, row in enumerate(ticks(shared_data, name)):
        full = row["fullFeed"]["marketFF"]
        minute = full["marketOHLC"]["ohlc"][1]
        first = minute["ts"] not in told
        assert told.setdefault(minute["ts"], minute) == minute, "one value a minute"
        if first or place % 40 == 0:  # all 126,000 take a minute
            (quote,) = decoder.decode(frame_of([row])).quotes
            assert_same(quote, full, name.startswith("NSE_EQ"))
            assert quote.minute is not None
            bars[quote.minute.ts] = quote.minute
    assert not decoder.left_out
    assert decoder.declined == 0
    file = "stocks_1min/4stocks_1min" if name.startswith("NSE_EQ") else "options_1min/BANKNIFTY_9contracts_1min_oi"
    rows = recorded_candles(shared_data / f"{file}_20251215_upstoxI1.csv.gz", f"{name[:6]}|{name[7:]}")
    assert len(rows) > 300
    assert {ts: bar for ts, bar in bars.items() if ts in rows} == rows


def recorded_candles(path: Path, key: str) -> dict[int, MinuteBar]:
    rows = csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode()))
    bars = (
        MinuteBar(
            int(datetime.fromisoformat(row["timestamp"]).replace(tzinfo=INDIA).timestamp()) * 1_000_000_000,
            float(row["open"]), float(row["high"]), float(row["low"]), float(row["close"]), int(row["volume"]),
        )
        for row in rows if row["instrument_key"] == key
    )  # fmt: skip
    return {bar.ts: bar for bar in bars}


def test_the_real_stream_of_last_prices_makes_minutes_that_follow_each_other(shared_data: Path) -> None:
    decoder, minutes = FeedDecoder(), dict[str, dict[int, list[float]]]()
    left_out = 0
    for document in captured(shared_data, V2_FILE):
        quotes = decoder.decode(encoded_prices(document)).quotes
        left_out += sum(not feed["ltpc"] for feed in document["feeds"].values())
        for quote in quotes:
            assert quote.volume is None
            assert quote.depth == ()
            assert quote.snapshot == ("type" not in document)
            minutes.setdefault(quote.instrument_key, {}).setdefault(
                quote.ltt // NANOS_PER_MINUTE, []
            ).append(quote.ltp)  # fmt: skip
    assert decoder.left_out == {"no price": left_out}
    nifty = minutes["NSE_INDEX|Nifty 50"]
    assert sorted(nifty) == list(range(min(nifty), max(nifty) + 1)), "no minute is missing"
    bars = [nifty[minute] for minute in sorted(nifty)]
    assert all(abs(after[0] / before[-1] - 1) < 0.0004 for before, after in pairwise(bars))


def test_a_share_has_no_open_interest_and_no_greeks_but_a_volume_of_nothing_is_nothing() -> None:
    told = {"fullFeed": {"marketFF": {"ltpc": {"ltp": 10.0, "ltt": AT, "cp": 9.0}, "optionGreeks": {}}}}
    share = one(told, "NSE_EQ|INE027H01010")
    assert (share.oi, share.iv, share.delta, share.volume, share.average_price) == (None, None, None, 0, None)
    assert (share.minute, share.day, share.depth, share.total_buy) == (None, None, (), 0.0)
    assert one(told).oi == 0.0, "a contract nobody holds"


def test_the_mode_with_greeks_carries_one_level_and_no_candles() -> None:
    quote = one({
        "firstLevelWithGreeks": {
            "ltpc": {"ltp": 10.0, "ltt": AT, "ltq": 65, "cp": 9.0}, "firstDepth": {"bidQ": 65, "bidP": 9.95},
            "optionGreeks": {"delta": 0.5}, "vtt": 130, "oi": 6500, "iv": 0.125,
        },
        "requestMode": "option_greeks",
    })  # fmt: skip
    assert quote.depth == (DepthLevel(65, 9.95, 0, 0.0),)
    assert (quote.volume, quote.oi, quote.iv, quote.delta, quote.theta) == (130, 6500.0, 0.125, 0.5, 0.0)
    assert (quote.minute, quote.day, quote.total_buy, quote.average_price) == (None, None, None, None)


def test_a_price_that_is_absent_is_no_zero() -> None:
    quote = one({"fullFeed": {"marketFF": {"ltpc": {}, "vtt": 5}}})
    assert math.isnan(quote.ltp)
    assert math.isnan(quote.previous_close)
    assert quote.ltt == 0


def test_what_nobody_told_us_of_is_counted_and_left_out() -> None:
    decoder = FeedDecoder()
    frame = pb.FeedResponse(type=pb.market_info, currentTs=AT)
    frame.marketInfo.segmentStatus["NSE_EQ"] = 17
    assert decoder.decode(frame.SerializeToString()).statuses[0].phase is MarketPhase.UNKNOWN
    decoder.decode(pb.FeedResponse(type=9).SerializeToString())
    frame = pb.FeedResponse(type=1)
    frame.feeds["A|1"].SetInParent()
    frame.feeds["B|2"].fullFeed.SetInParent()
    for key, price in (("C|3", -1.0), ("D|4", math.inf), ("E|5", math.nan)):
        frame.feeds[key].ltpc.ltp, frame.feeds[key].ltpc.cp = price, 1.0
    frame.feeds["F|6"].fullFeed.indexFF.ltpc.ltp = 5.0
    frame.feeds["F|6"].fullFeed.indexFF.marketOHLC.ohlc.add(interval="I30", low=1.0, ts=AT)
    (quote,) = decoder.decode(frame.SerializeToString()).quotes
    assert (quote.instrument_key, quote.minute) == ("F|6", None)
    assert decoder.left_out == {
        "segment state 17": 1, "frame type 9": 1, "no part we know": 2, "impossible price or time": 3,
        "candle 'I30'": 1,
    }  # fmt: skip


@given(st.binary(max_size=200))
def test_bytes_that_are_no_frame_are_an_error_or_nothing_but_never_a_crash(content: bytes) -> None:
    with suppress(VendorAnswerError):
        frame = FeedDecoder().decode(content)
        assert all(quote.ltp > 0 or math.isnan(quote.ltp) for quote in frame.quotes)


def test_an_unreadable_frame_is_an_error_that_says_how_long_it_was() -> None:
    with pytest.raises(VendorAnswerError, match="3 bytes"):
        FeedDecoder().decode(b"\xff\xff\xff")


def test_the_depth_is_cut_where_it_is_not_wanted() -> None:
    frame = pb.FeedResponse(type=1)
    told = frame.feeds[KEY].fullFeed.marketFF
    told.ltpc.ltp = told.ltpc.cp = 1.0
    for _ in range(30):
        told.marketLevel.bidAskQuote.add(bidQ=1, bidP=1.0)
    assert [len(FeedDecoder(n).decode(frame.SerializeToString()).quotes[0].depth) for n in (30, 1)] == [30, 1]


def test_a_frame_of_more_instruments_than_ever_before_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, pair = pb.FeedResponse(type=1), Pair()
    for number in range(300):
        told = frame.feeds[f"NSE_FO|{number}"].fullFeed.marketFF
        told.ltpc.ltp = told.ltpc.cp = told.marketLevel.bidAskQuote.add().bidP = 1.0 + number
    pair.agree(frame.SerializeToString())
    assert pair.decoder.declined == 0
    monkeypatch.setattr("sos_actors.vendors.upstox.feed_decode._MOST_ROOM", 64)
    late = Pair()
    late.agree(frame.SerializeToString())
    assert late.decoder.declined == 1, "beyond a bound protobuf makes the room"


def test_the_texts_of_keys_are_not_kept_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sos_actors.vendors.upstox.feed_decode._MOST_KEYS", 3)
    pair = Pair()
    for number in (*range(9), 8, 0):
        frame = pb.FeedResponse(type=1)
        frame.feeds[f"NSE_EQ|{number}"].ltpc.ltp = 1.0
        pair.agree(frame.SerializeToString())
    assert len(pair.decoder._keys) <= 3
