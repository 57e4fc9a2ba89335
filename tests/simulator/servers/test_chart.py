from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from sos_actors.simulator.servers.chart import ChartOptions
from tests.simulator.markets import moment
from tests.simulator.servers.chart_client import Chart, Message, bars_of, charted
from tests.simulator.servers.serving import few_shares

DAY = date(2026, 1, 13)


def series(
    symbol: str, resolution: str, *request: Any, at: str = "2026-01-13 10:30:25", **options: Any
) -> list[Message]:
    async def talk(chart: Chart) -> list[Message]:
        return await chart.series(symbol, resolution, *request)

    return charted(few_shares(at, **options.pop("strictness", {})), talk, **options)


def test_a_series_is_answered_with_symbol_bars_and_completion_in_one_message() -> None:
    async def talk(chart: Chart) -> None:
        told = await chart.series("NSE:RELIANCE", "1", 20, "")
        assert [name for name, _ in told] == [
            "series_loading",
            "symbol_resolved",
            "timescale_update",
            "series_completed",
        ]
        assert len(chart.batches) == 2  # the greeting, and one message with everything
        assert chart.batches[1][0] == "~h~1"
        symbol = told[1][1][2]
        assert (symbol["name"], symbol["full_name"], symbol["type"]) == ("RELIANCE", "NSE:RELIANCE", "stock")
        assert (symbol["timezone"], symbol["visible_plots_set"], symbol["pricescale"]) == ("Asia/Kolkata", "ohlcv", 100)
        assert "20260115" in symbol["session_holidays"].split(",")
        assert told[3][1] == ["cs_a", "sds_1", "streaming", "s1", {"rt_update_period": 5}]
        part = told[2][1][1]["sds_1"]
        assert [bar["i"] for bar in part["s"]] == list(range(20))
        assert part["t"] == "s1"
        assert part["lbs"]["bar_close_time"] == part["s"][-1]["v"][0] + 60

    charted(few_shares("2026-01-13 10:30:25"), talk)


def test_minutes_are_the_markets_and_the_last_one_is_forming() -> None:
    world = few_shares("2026-01-13 10:30:25")
    listing = world.market.named("NSE|EQ|TCS", DAY)
    assert listing is not None
    bars = world.market.candles(listing, DAY)
    done = bars[bars.ts + 60 * 10**9 <= world.clock.now()]
    told = bars_of(series("NSE:TCS", "1", 30))
    columns = np.column_stack([done.ts / 1e9, done.open, done.high, done.low, done.close, done.volume])
    assert told[:-1] == columns[-29:].tolist()
    state = world.market.state(listing, world.clock.now())
    at, opened, high, low, close, volume = told[-1]
    assert at == moment("2026-01-13 10:30") // 10**9
    assert (opened, close, volume) == (bars.open[len(done)], state.ltp, state.volume - done.volume.sum())
    assert bars.low[len(done)] <= low <= min(opened, close) <= max(opened, close) <= high <= bars.high[len(done)]


def test_an_index_has_no_volume_unless_the_server_is_told_so() -> None:
    told = series("NSE:NIFTY", "1", 5)
    assert {len(bar) for bar in bars_of(told)} == {5}
    assert told[1][1][2]["visible_plots_set"] == "ohlc"
    told = series("NSE:NIFTY", "1", 5, options=ChartOptions(index_volume=True))
    assert {len(bar) for bar in bars_of(told)} == {6}
    assert all(bar[5] > 0 for bar in bars_of(told))


def test_futures_and_dated_options_have_volume() -> None:
    world = few_shares("2026-01-13 10:30:25")
    future = world.market.named("NSE|FO|NIFTY FUT 27 JAN 26", DAY)
    option = world.market.named("NSE|FO|NIFTY 25000 CE 27 JAN 26", DAY)
    assert future is not None and option is not None  # noqa: PT018 - one setting
    for symbol, listing, kind in (("NSE:NIFTY1!", future, "futures"), ("NSE:NIFTY260127C25000", option, "option")):
        told = series(symbol, "1", 10)
        assert told[1][1][2]["type"] == kind
        last = bars_of(told)[-1]
        assert last[4] == world.market.state(listing, world.clock.now()).ltp
        assert len(last) == 6


@pytest.mark.parametrize(
    ("resolution", "minutes"), [("3", 3), ("5", 5), ("15", 15), ("30", 30), ("60", 60), ("1H", 60)]
)
def test_longer_bars_count_from_the_sessions_open_and_cross_days(resolution: str, minutes: int) -> None:
    ones, longer = bars_of(series("NSE:NIFTY1!", "1", 800)), bars_of(series("NSE:NIFTY1!", resolution, 12))
    assert len(longer) == 12
    opened = moment("2026-01-13 09:15") // 10**9
    for bar in longer[-3:]:
        if bar[0] >= opened:
            assert (bar[0] - opened) % (minutes * 60) == 0
        inside = [one for one in ones if bar[0] <= one[0] < bar[0] + minutes * 60]
        inside = [one for one in inside if (one[0] < opened) == (bar[0] < opened)]
        assert bar[1:5] == [
            inside[0][1], max(one[2] for one in inside), min(one[3] for one in inside), inside[-1][4],
        ]  # fmt: skip
        assert bar[5] == sum(one[5] for one in inside)


def test_daily_bars_are_stamped_at_the_sessions_open() -> None:
    told = series("NSE:RELIANCE", "1D", 3)
    bars = bars_of(told)
    opens = ["2026-01-09 09:15", "2026-01-12 09:15", "2026-01-13 09:15"]
    assert [bar[0] for bar in bars] == [moment(text) // 10**9 for text in opens]
    assert told[2][1][1]["sds_1"]["lbs"]["bar_close_time"] == moment("2026-01-13 15:30") // 10**9 - 1
    world = few_shares("2026-01-13 10:30:25")
    listing = world.market.named("NSE|EQ|RELIANCE", DAY)
    assert listing is not None
    assert bars[-1][4] == world.market.state(listing, world.clock.now()).ltp
    weeks = bars_of(series("NSE:RELIANCE", "1W", 2))
    assert weeks[-1][0] == moment("2026-01-12 09:15") // 10**9
    assert weeks[-1][1] == bars[-2][1]


def test_a_wrong_symbol_and_a_wrong_resolution_are_told_apart() -> None:
    told = series("NSE:BOGUS", "1")
    assert [name for name, _ in told] == ["series_loading", "symbol_error", "series_error"]
    assert told[1][1] == ["cs_a", "sym_1", "invalid symbol"]
    assert told[2][1][1:4] == ["sds_1", "s1", "resolve error"]
    told = series("NSE:NIFTY", "7")
    assert told[-1][1][3] == "unsupported resolution: NSE:NIFTY, 7"


def test_a_range_is_answered_with_its_bars_only() -> None:
    first, last = moment("2026-01-12 10:00") // 10**9, moment("2026-01-12 10:09:59") // 10**9

    async def talk(chart: Chart) -> None:
        await chart.series("NSE:NIFTY", "1", 5)
        await chart.send("modify_series", "cs_a", "sds_1", "s2", "sym_1", "1", f"r,{first}:{last}")
        told = await chart.until("series_completed")
        assert [bar[0] for bar in bars_of(told)] == [first + 60 * minute for minute in range(10)]
        assert told[-1][1][3] == "s2"

    charted(few_shares("2026-01-13 10:30:25"), talk)


def test_older_bars_are_given_until_there_are_no_more() -> None:
    async def talk(chart: Chart) -> None:
        newest = bars_of(await chart.series("NSE:NIFTY260113C25000", "1", 40))
        await chart.send("request_more_data", "cs_a", "sds_1", 40)
        told = await chart.until("series_completed")
        older = bars_of(told)
        assert len(older) == 40
        assert older[-1][0] < newest[0][0]
        assert "data_completed" not in told[-1][1][4]
        for _ in range(3):
            await chart.send("request_more_data", "cs_a", "sds_1", 5000)
            told = await chart.until("series_completed")
        assert told[-1][1][4]["data_completed"] == "limit"

    charted(few_shares("2026-01-13 10:30:25"), talk)


def test_a_running_clock_sends_the_forming_bar_and_then_the_next_one() -> None:
    world = few_shares("2026-01-13 10:30:25")

    async def talk(chart: Chart) -> None:
        first = bars_of(await chart.series("NSE:RELIANCE", "1", 10))
        world.clock.step(20)
        [(name, parameters)] = await chart.until("du")
        assert name == "du"
        part = parameters[1]["sds_1"]
        assert part["ns"] == {"d": "", "indexes": "nochange"}
        [bar] = part["s"]
        assert (bar["i"], bar["v"][0]) == (9, first[-1][0])
        assert bar["v"][5] > first[-1][5]
        world.clock.step(100)
        [(_, parameters)] = await chart.until("du")
        indices = [bar["i"] for bar in parameters[1]["sds_1"]["s"]]
        assert indices == [9, 10, 11]
        await chart.send("remove_series", "cs_a", "sds_1")
        await chart.series("NSE:TCS", "1", 2, number=2)
        world.clock.step(60)
        [(_, parameters)] = await chart.until("du")
        assert list(parameters[1]) == ["sds_2"]

    charted(world, talk)


def test_delayed_bars_are_those_of_then() -> None:
    told = series("NSE:TCS", "1", 5, strictness={"delayed_s": 900.0})
    assert told[-1][1][2] == "delayed_streaming_900"
    assert bars_of(told) == bars_of(series("NSE:TCS", "1", 5, at="2026-01-13 10:15:25"))
