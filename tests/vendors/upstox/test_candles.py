"""Candles: asked in the vendor's windows, of the days asked for only, the forming minute never, and dated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from sos_actors.errors import UnknownSymbolError, VendorAnswerError, VendorError, VendorRefusedError
from sos_actors.types import NANOS_PER_MINUTE
from sos_actors.vendors.upstox.candles import UpstoxCandles, candle_rows
from sos_actors.vendors.upstox.contracts import UpstoxContracts
from tests.vendors.scripted import Request, Step
from tests.vendors.upstox.connected import Rig, at, connected, good, master, refused

NIFTY = "NSE|INDEX|NIFTY"


def row(moment: str, close: float = 100.5, volume: float | None = 10, oi: float | None = 20) -> list[Any]:
    return [f"{moment.replace(' ', 'T')}:00+05:30", 100.0, 101.0, 99.0, close, volume, oi]


def minutes(day: date, count: int = 3) -> list[Any]:
    """The last minutes of a day, newest first as Upstox sends them."""
    start = datetime(day.year, day.month, day.day, 15, 29)
    return [row((start - timedelta(minutes=n)).strftime("%Y-%m-%d %H:%M")) for n in range(count)]


def source(rig: Rig) -> UpstoxCandles:
    return UpstoxCandles(rig.connection, master(), UpstoxContracts(rig.connection, master()))


def history(request: Request) -> Step:
    """Answers with the last three minutes of every weekday asked for."""
    last, first = (date.fromisoformat(text) for text in request.path.split("/")[-2:])
    days = [last - timedelta(days=n) for n in range((last - first).days + 1)]
    return good({"candles": [each for day in days if day.weekday() < 5 for each in minutes(day)]})


def test_a_long_past_is_asked_in_windows_of_28_days_and_comes_sorted() -> None:
    with connected(history) as rig:
        bars = source(rig).candles(NIFTY, date(2025, 11, 3), date(2026, 1, 2))
    spans = [tuple(path.split("/")[-2:]) for path in rig.site.paths]
    assert spans == [("2025-11-30", "2025-11-03"), ("2025-12-28", "2025-12-01"), ("2026-01-02", "2025-12-29")]
    assert (np.diff(bars.ts) > 0).all()
    assert len(bars) == 3 * 45
    assert bars.ts[0] == at("2025-11-03 15:27:00")
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (100, 101, 99, 100.5)


@pytest.mark.parametrize(
    ("symbol", "key", "volume", "oi"),
    [
        (NIFTY, "NSE_INDEX|Nifty 50", np.nan, np.nan),
        ("NSE|EQ|RELIANCE", "NSE_EQ|INE002A01018", 10, np.nan),
        ("NSE|FO|NIFTY FUT 27 JAN 26", "NSE_FO|49229", 10, 20),
    ],
)
def test_what_a_kind_of_instrument_does_not_have_is_unknown(symbol: str, key: str, volume: float, oi: float) -> None:
    with connected(history) as rig:
        bars = source(rig).candles(symbol, date(2026, 1, 5), date(2026, 1, 5))
    assert unquote(rig.site.paths[0]).split("/")[3] == key
    np.testing.assert_array_equal(bars.volume, [volume] * 3)
    np.testing.assert_array_equal(bars.oi, [oi] * 3)


def running(rows: list[Any]) -> Callable[[Request], Step]:
    return lambda request: good({"candles": rows}) if "/intraday/" in request.path else history(request)


def test_today_comes_from_the_running_day_without_the_minute_that_is_forming() -> None:
    rows = [row("2026-01-13 10:00"), row("2026-01-13 09:59"), row("2026-01-13 09:58")]
    with connected(running(rows), now="2026-01-13 10:00:59") as rig:
        bars = source(rig).candles(NIFTY, date(2026, 1, 12), date(2026, 1, 20))
    assert [path.split("/")[3] for path in rig.site.paths] == ["NSE_INDEX%7CNifty%2050", "intraday"]
    assert bars.ts[-1] == at("2026-01-13 09:59:00")
    assert len(bars) == 3 + 2


@pytest.mark.parametrize(("now", "kept"), [("10:01:00", 0), ("10:01:04", 0), ("10:01:05", 1)])
def test_a_minute_that_has_just_ended_is_left_to_settle(now: str, kept: int) -> None:
    with connected(running([row("2026-01-13 10:00")]), now=f"2026-01-13 {now}") as rig:
        assert len(source(rig).candles(NIFTY, date(2026, 1, 13), date(2026, 1, 13))) == kept


def test_the_session_before_in_the_running_days_list_is_left_out() -> None:
    with connected(running(minutes(date(2026, 1, 12))), now="2026-01-13 09:10:00") as rig:
        assert len(source(rig).candles(NIFTY, date(2026, 1, 13), date(2026, 1, 13))) == 0


def test_days_to_come_and_days_before_all_history_are_not_asked_for() -> None:
    with connected(history) as rig:
        assert len(source(rig).candles(NIFTY, date(2026, 2, 1), date(2026, 2, 3))) == 0
        assert len(source(rig).candles(NIFTY, date(2020, 1, 1), date(2020, 1, 3))) == 0
    assert rig.site.requests == []


def test_no_token_is_needed_for_an_index() -> None:
    with connected(history, token=None) as rig:
        assert len(source(rig).candles(NIFTY, date(2026, 1, 5), date(2026, 1, 5))) == 3


def test_candles_of_other_days_than_asked_for_are_refused() -> None:
    with connected([good({"candles": minutes(date(2026, 1, 2))})]) as rig, pytest.raises(
        VendorAnswerError, match="others came"
    ):
        source(rig).candles(NIFTY, date(2026, 1, 5), date(2026, 1, 6))


@pytest.mark.parametrize("code", ["UDAPI100011", "UDAPI1021"])
def test_a_key_upstox_does_not_know_is_an_unknown_symbol(code: str) -> None:
    with connected([refused(code, "Invalid Instrument key")]) as rig:
        with pytest.raises(UnknownSymbolError, match="RELIANCE"):
            source(rig).candles("NSE|EQ|RELIANCE", date(2026, 1, 5), date(2026, 1, 6))
        with pytest.raises(UnknownSymbolError, match="NOSUCH"):
            source(rig).candles("NSE|EQ|NOSUCH", date(2026, 1, 5), date(2026, 1, 6))


def expired(request: Request) -> Step:
    if request.path.endswith("/option/contract"):
        assert request.query["expiry_date"] == "2026-01-06"
        found = {
            "underlying_key": "NSE_INDEX|Nifty 50", "underlying_symbol": "NIFTY", "expiry": "2026-01-06",
            "strike_price": 25600.0, "instrument_type": "CE", "instrument_key": "NSE_FO|50912|06-01-2026",
        }  # fmt: skip
        return good([found])
    return history(request)


def test_an_expired_contract_is_asked_by_its_dated_key_until_its_last_day() -> None:
    with connected(expired) as rig:
        candles = source(rig)
        bars = candles.candles("NSE|FO|NIFTY 25600 CE 06 JAN 26", date(2026, 1, 5), date(2026, 1, 13))
        candles.candles("NSE|FO|NIFTY 25600 CE 06 JAN 26", date(2026, 1, 1), date(2026, 1, 2))
        with pytest.raises(UnknownSymbolError, match="25650"):
            candles.candles("NSE|FO|NIFTY 25650 CE 06 JAN 26", date(2026, 1, 5), date(2026, 1, 6))
    path = "/v2/expired-instruments/historical-candle/NSE_FO|50912|06-01-2026/1minute/2026-01-06/2026-01-05"
    assert [unquote(each) for each in rig.site.paths[:2]] == ["/v2/expired-instruments/option/contract", path]
    assert len(rig.site.paths) == 3, "the list of an expired expiry is asked for once"
    assert bars.ts[-1] == at("2026-01-06 15:29:00")
    assert bars.oi[0] == 20


def test_without_the_plus_plan_an_expired_contract_is_refused_with_the_reason() -> None:
    with connected([refused("UDAPI1149", "Not a Plus user")]) as rig, pytest.raises(VendorRefusedError, match="Plus"):
        source(rig).candles("NSE|FO|NIFTY 25600 CE 06 JAN 26", date(2026, 1, 5), date(2026, 1, 6))


GOOD = row("2026-01-13 10:00")


@pytest.mark.parametrize(
    "rows",
    [
        None,
        "x",
        [None],
        [[]],
        [GOOD[:5]],
        [[*GOOD, 1]],
        [["yesterday", *GOOD[1:]]],
        [["2026-01-13T10:00:00", *GOOD[1:]]],
        [["2026-01-13T10:00:30+05:30", *GOOD[1:]]],
        [[GOOD[0], "100", *GOOD[2:]]],
        [[GOOD[0], None, *GOOD[2:]]],
        [[GOOD[0], True, *GOOD[2:]]],
        [[GOOD[0], 0.0, *GOOD[2:]]],
        [[GOOD[0], 100, 98, 99, 98.5, 1, 1]],
        [[GOOD[0], 100, 101, 100.7, 100.5, 1, 1]],
        [[GOOD[0], 100, 101, 99, 100.5, -1, 1]],
        [GOOD, row("2026-01-13 10:00", close=100.6)],
    ],
)
def test_candles_that_cannot_be_read_are_refused(rows: Any) -> None:
    with pytest.raises(VendorAnswerError, match="andle"):
        candle_rows({"candles": rows})


def test_the_same_candle_twice_is_one_candle_and_nulls_are_unknown() -> None:
    rows = candle_rows({"candles": [row("2026-01-13 10:01", volume=None, oi=None)] * 2 + [GOOD[:6], GOOD[:6]]})
    assert rows[:, 0].tolist() == [at(f"2026-01-13 10:0{n}:00") // NANOS_PER_MINUTE for n in (0, 1)]
    np.testing.assert_array_equal(rows[:, 5:], [[10, np.nan], [np.nan, np.nan]])
    assert candle_rows({"candles": []}).shape == (0, 7)


def test_an_answer_without_candles_is_an_error_not_an_empty_day() -> None:
    with connected([good({})]) as rig, pytest.raises(VendorError):
        source(rig).candles(NIFTY, date(2026, 1, 5), date(2026, 1, 6))
