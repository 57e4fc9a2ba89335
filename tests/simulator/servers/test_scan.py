from __future__ import annotations

import asyncio
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestServer
from tradingview_screener.column import Column as col  # noqa: N813 - the library's own short name
from tradingview_screener.query import Query

from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.servers import columns, tradingview
from sos_actors.simulator.world import World
from sos_actors.types import Segment
from tests.simulator.markets import moment
from tests.simulator.servers.serving import SHARES, Client, few_shares, real_answer, served
from tests.simulator.shapes import differences, shape_of

DAY = date(2026, 1, 13)
STOCKS = [{"left": "type", "operation": "equal", "right": "stock"}]


def scan(query: dict[str, Any], world: World | None = None) -> dict[str, Any]:
    async def talk(client: Client) -> dict[str, Any]:
        body = json.dumps(query)
        async with client.post("/india/scan", data=body, headers={"Content-Type": "text/plain"}) as response:
            told: dict[str, Any] = json.loads(await response.read())
            assert (response.status == 200) == (told["data"] is not None)
            return told

    return served(tradingview.make_app(world or few_shares()), talk)


def by_ticker(told: dict[str, Any]) -> dict[str, list[Any]]:
    return {row["s"]: row["d"] for row in told["data"]}


def library_answer(query: Any, world: World) -> dict[str, Any]:
    """What the unmodified library makes of the simulator."""

    async def run() -> dict[str, Any]:
        async with TestServer(tradingview.make_app(world)) as server:
            query.url = f"http://127.0.0.1:{server.port}/india/scan"
            told: dict[str, Any] = await asyncio.to_thread(query.get_scanner_data_raw, proxies={"http": ""})
            return told

    return asyncio.run(run())


def test_the_unmodified_library_is_answered() -> None:
    query = (
        Query()
        .set_markets("india")
        .select("name", "close", "relative_volume_10d_calc", "ADX", "ATR", "MACD.macd|5", "volume")
        .where(col("exchange") == "NSE", col("close") > 50, col("relative_volume_10d_calc") > 0)
        .order_by("relative_volume_10d_calc", ascending=False)
        .limit(4)
    )
    told = library_answer(query, few_shares())
    assert told["totalCount"] == len(SHARES)
    assert len(told["data"]) == 4
    relative = [row["d"][2] for row in told["data"]]
    assert relative == sorted(relative, reverse=True)
    assert {row["s"] for row in told["data"]} <= {"NSE:" + name.replace("&", "_").replace("-", "_") for name in SHARES}


def test_the_librarys_own_default_query_drops_indices_and_futures() -> None:
    tickers: Any = {"tickers": ["NSE:RELIANCE", "NSE:NIFTY", "NSE:BANKNIFTY1!"]}
    query = Query().set_markets("india").select("name", "type")
    query.query["symbols"] = tickers
    assert [row["s"] for row in library_answer(query, few_shares())["data"]] == ["NSE:RELIANCE"]
    told = scan({"symbols": tickers, "columns": ["name", "type", "volume"]})
    assert [row["s"] for row in told["data"]] == tickers["tickers"]
    assert [row["d"][:2] for row in told["data"]] == [
        ["RELIANCE", "stock"],
        ["NIFTY", "index"],
        ["BANKNIFTY1!", "futures"],
    ]
    assert [row["d"][2] is None for row in told["data"]] == [False, True, False]


def test_an_unknown_column_fails_the_whole_query_and_the_library_says_which() -> None:
    refused = {"totalCount": 0, "error": 'Unknown field "change.5"', "data": None}
    assert scan({"columns": ["name", "change.5"]}) == refused
    assert scan({"columns": ["name"], "filter": [{"left": "change.5", "operation": "nempty"}]}) == refused
    assert scan({"columns": ["name"], "sort": {"sortBy": "change.5", "sortOrder": "asc"}}) == refused
    lenient = scan({"columns": ["name", "change.5"], "ignore_unknown_fields": True, "filter": STOCKS})
    assert {row["d"][1] for row in lenient["data"]} == {None}
    with pytest.raises(Exception, match=r'Unknown field \\?"change.5'):
        library_answer(Query().set_markets("india").select("change.5"), few_shares())


def test_prices_and_volumes_are_those_of_the_market() -> None:
    world = few_shares("2026-01-13 10:30:40")
    names = ["close", "open", "high", "low", "volume", "change", "close|1", "volume|1", "open|5", "volume|5", "time|5"]
    told = by_ticker(scan({"columns": names, "filter": STOCKS}, world))
    for listing in [one for one in world.market.listings(DAY) if one.segment is Segment.EQ]:
        ticker = "NSE:" + listing.trading_symbol.replace("&", "_").replace("-", "_")
        values = dict(zip(names, told[ticker], strict=True))
        state = world.market.state(listing, world.clock.now())
        bars = world.market.candles(listing, DAY)
        done = bars[bars.ts + 60 * 10**9 <= world.clock.now()]
        assert values["close"] == values["close|1"] == state.ltp
        assert values["open"] == bars.open[0]
        assert values["high"] == max(done.high.max(), state.ltp, bars.open[len(done)])
        assert values["volume"] == state.volume
        assert values["volume|1"] == state.volume - done.volume.sum()
        assert values["volume|5"] == values["volume|1"]
        assert values["open|5"] == bars.open[len(done)]
        assert values["time|5"] == moment("2026-01-13 10:30") // 10**9
        assert values["change"] == pytest.approx((state.ltp / state.previous_close - 1) * 100)


def test_relative_volume_is_todays_over_the_mean_of_ten_sessions() -> None:
    world = few_shares()
    names = ["relative_volume_10d_calc", "average_volume_10d_calc", "volume", "relative_volume_intraday|5"]
    relative, average, volume, by_time = by_ticker(scan({"columns": names, "filter": STOCKS}, world))["NSE:TCS"]
    listing = world.market.named("NSE|EQ|TCS", DAY)
    assert listing is not None
    days = world.market.daily(listing, world.market.calendar.previous_session(DAY), 10)
    assert average == pytest.approx(days.volume.mean())
    assert relative == pytest.approx(volume / average)
    assert by_time > relative


def test_the_screeners_data_moves_every_ten_seconds() -> None:
    world = few_shares("2026-01-13 10:30:41")
    query = {"columns": ["close", "volume", "last_bar_update_time"], "filter": STOCKS}
    first = scan(query, world)
    world.clock.step(8)
    assert scan(query, world) == first
    world.clock.step(1)
    assert scan(query, world) != first


def test_delayed_data_says_so_and_is_that_of_then() -> None:
    names = ["close", "update_mode", "last_bar_update_time"]
    now = by_ticker(scan({"columns": names, "filter": STOCKS}, few_shares("2026-01-13 10:15")))
    late = by_ticker(scan({"columns": names, "filter": STOCKS}, few_shares("2026-01-13 10:30", delayed_s=900.0)))
    assert {row[1] for row in now.values()} == {"streaming"}
    assert {row[1] for row in late.values()} == {"delayed_streaming_900"}
    assert {t: [r[0], r[2]] for t, r in late.items()} == {t: [r[0], r[2]] for t, r in now.items()}
    assert late["NSE:TCS"][2] == moment("2026-01-13 10:15") // 10**9


@pytest.mark.parametrize("at", ["2026-01-13 15:31", "2026-01-14 08:00", "2026-01-14 09:15"])
def test_outside_the_session_the_last_one_is_shown_with_its_volume(at: str) -> None:
    close = by_ticker(scan({"columns": ["close", "volume", "last_bar_update_time"], "filter": STOCKS}, few_shares(at)))
    world = few_shares("2026-01-13 15:30")
    listing = world.market.named("NSE|EQ|TCS", DAY)
    assert listing is not None
    bars = world.market.candles(listing, DAY)
    assert close["NSE:TCS"] == [bars.close[-1], bars.volume.sum(), moment("2026-01-13 15:30") // 10**9]


def test_a_stale_screener_repeats_itself_and_a_skewed_one_moves_its_times_only() -> None:
    world = few_shares()
    query = {"columns": ["close", "last_bar_update_time"], "filter": STOCKS}
    before = scan(query, world)
    stale = world.faults.add(Fault("tradingview", FaultKind.STALE), world.clock.now())
    world.clock.step(600)
    assert scan(query, world) == before
    world.faults.remove(stale.id)
    world.clock.set(world.clock.now() - 600 * 10**9)
    world.faults.add(Fault("tradingview", FaultKind.CLOCK_SKEW, seconds=60.0))
    after = scan(query, world)
    for old, new in zip(before["data"], after["data"], strict=True):
        assert new["d"] == [old["d"][0], old["d"][1] + 60]


def test_a_scan_has_the_shape_of_the_reconstructed_one(shared_data: Path) -> None:
    real = real_answer(shared_data / "tradingview", "india_scan_reconstructed_20250929.json.gz")
    wanted = [name for name in real["columns"] if columns.read(name) is not None]
    assert wanted == real["columns"]
    ours = scan({"columns": wanted, "filter": STOCKS, "range": [0, 100]})
    assert ours.keys() == real.keys() - {"_note", "columns"}
    for place, name in enumerate(wanted):
        values = [row["d"][place] for row in ours["data"]]
        long = name.endswith(("|1W", "|1M"))
        if long:
            assert set(values) == {None}
        else:
            assert differences(shape_of([row["d"][place] for row in real["data"]]), shape_of(values), at=name) == []
            assert np.isfinite([value for value in values if isinstance(value, float)]).all()


def test_every_column_we_know_is_one_of_tradingviews(shared_data: Path) -> None:
    fields = real_answer(shared_data / "tradingview", "tv_screener_stock_fields_20260822.json.gz")
    names = {variant for known in fields.values() for variant in known["variants"]}
    beyond = {name for name in columns.TIMED | columns.SINGLE if name not in names}
    assert beyond <= {"Value.Traded"}  # in the scan of 2025, no longer among the fields of 2026


def test_a_simple_filter_changes_which_rows_are_computed_and_none_of_their_values() -> None:
    names = ["name", "close", "ADX", "RSI|15", "MACD.macd|5", "relative_volume_intraday|5"]
    every = by_ticker(scan({"columns": names, "filter": STOCKS}))
    dear = [*STOCKS, {"left": "close", "operation": "greater", "right": 1500}]
    told = scan({"columns": names, "filter": dear})
    assert 0 < told["totalCount"] < len(every)
    assert by_ticker(told) == {ticker: row for ticker, row in every.items() if row[1] > 1500}


def test_equal_moments_give_equal_answers() -> None:
    query = {"columns": sorted(columns.TIMED), "filter": STOCKS}
    assert scan(query) == scan(query)
