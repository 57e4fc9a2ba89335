"""Candles: what they say, in which order, of which days, and for whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time
from typing import Any

import pytest

from sos_actors.messages.market import BarSeries
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.upstox.candles import CandleShelf, encoded_rows
from sos_actors.simulator.world import Strictness
from tests.simulator.upstox.broker import Answer, Broker, broker
from tests.simulator.upstox.staged import BASES, FUTURE, NIFTY, RELIANCE, TODAY, StagedMarket, staged_world

V3, V2, TODAYS = "/v3/historical-candle", "/v2/historical-candle", "/v3/historical-candle/intraday"
EXPIRED = "/v2/expired-instruments/historical-candle"


@pytest.fixture(scope="module")
def upstox() -> Iterator[Broker]:
    with broker(staged_world(strictness=Strictness(rate_limits=False))) as running:
        yield running


def candles(answer: Answer) -> list[list[Any]]:
    rows = answer.data["candles"]
    assert isinstance(rows, list)
    return rows


def test_rows_are_newest_first_and_stamped_with_their_start_in_india(upstox: Broker) -> None:
    rows = candles(upstox.ask(V3, RELIANCE, "minutes", 1, "2026-01-12", "2026-01-12"))

    assert len(rows) == 375
    assert rows[0] == ["2026-01-12T15:29:00+05:30", 473.0, 474.5, 472.5, 474.0, 65, 0]
    assert rows[-1] == ["2026-01-12T09:15:00+05:30", 99.0, 100.5, 98.5, 100.0, 65, 0]


def test_an_index_has_no_volume_and_a_contract_has_open_interest(upstox: Broker) -> None:
    index = candles(upstox.ask(V3, NIFTY, "minutes", 1, "2026-01-12", "2026-01-12"))
    future = candles(upstox.ask(V3, FUTURE, "minutes", 1, "2026-01-12", "2026-01-12"))

    assert index[0][5:] == [0, 0]
    assert future[0][5:] == [65, 1_374]


def test_a_window_holds_its_sessions_and_nothing_of_weekends(upstox: Broker) -> None:
    rows = candles(upstox.ask(V3, RELIANCE, "minutes", 1, "2026-01-12", "2026-01-08"))

    assert len(rows) == 3 * 375
    assert sorted({row[0][:10] for row in rows}) == ["2026-01-08", "2026-01-09", "2026-01-12"]
    assert rows == sorted(rows, reverse=True)


def test_history_never_holds_today(upstox: Broker) -> None:
    rows = candles(upstox.ask(V3, RELIANCE, "minutes", 1, "2026-01-14", "2026-01-12"))

    assert {row[0][:10] for row in rows} == {"2026-01-12"}
    assert candles(upstox.ask(V3, RELIANCE, "days", 1, "2026-01-13", "2026-01-13")) == []


def test_without_a_first_day_a_month_comes(upstox: Broker) -> None:
    rows = candles(upstox.ask(V3, RELIANCE, "minutes", 15, "2026-01-12"))

    assert rows[-1][0] == "2025-12-12T09:15:00+05:30"


def test_longer_candles_begin_with_the_session(upstox: Broker) -> None:
    half_hours = candles(upstox.ask(V3, RELIANCE, "minutes", 30, "2026-01-12", "2026-01-12"))
    hours = candles(upstox.ask(V3, RELIANCE, "hours", 1, "2026-01-12", "2026-01-12"))

    assert half_hours[0] == ["2026-01-12T15:15:00+05:30", 459.0, 474.5, 458.5, 474.0, 15 * 65, 0]
    assert half_hours[-1] == ["2026-01-12T09:15:00+05:30", 99.0, 129.5, 98.5, 129.0, 30 * 65, 0]
    assert [row[0][11:16] for row in hours] == ["15:15", "14:15", "13:15", "12:15", "11:15", "10:15", "09:15"]


def test_days_weeks_and_months_are_made_of_sessions(upstox: Broker) -> None:
    days = candles(upstox.ask(V3, NIFTY, "days", 1, "2026-01-12", "2025-12-24"))
    weeks = candles(upstox.ask(V3, NIFTY, "weeks", 1, "2026-01-12", "2025-12-22"))
    months = candles(upstox.ask(V3, NIFTY, "months", 1, "2026-01-12", "2025-12-01"))
    number = StagedMarket.calendar.session_number(date(2026, 1, 12))

    assert days[0] == ["2026-01-12T00:00:00+05:30", number - 1, number + 2, number - 2, number, 1_000, 0]
    assert "2025-12-25T00:00:00+05:30" not in [row[0] for row in days]
    assert [row[0][:10] for row in weeks] == ["2026-01-12", "2026-01-05", "2025-12-29", "2025-12-22"]
    assert weeks[1][1:] == [number - 6, number + 1, number - 7, number - 1, 5_000, 0]
    assert [row[0][:10] for row in months] == ["2026-01-01", "2025-12-01"]


def test_minutes_begin_in_2022(upstox: Broker) -> None:
    rows = candles(upstox.ask(V3, NIFTY, "minutes", 1, "2022-01-03", "2021-12-30"))

    assert {row[0][:10] for row in rows} == {"2022-01-03"}


def test_days_before_the_market_begins_are_empty(upstox: Broker) -> None:
    assert candles(upstox.ask(V3, NIFTY, "days", 1, "2005-01-01", "2004-01-01")) == []


def test_today_ends_with_the_last_complete_minute(upstox: Broker) -> None:
    rows = candles(upstox.ask(TODAYS, NIFTY, "minutes", 1))

    assert rows[0][0] == "2026-01-13T11:59:00+05:30"
    assert len(rows) == 165


def test_the_running_candle_of_today_holds_its_complete_minutes(upstox: Broker) -> None:
    rows = candles(upstox.ask(TODAYS, RELIANCE, "minutes", 7))
    day = candles(upstox.ask(TODAYS, RELIANCE, "days", 1))

    assert rows[0] == ["2026-01-13T11:56:00+05:30", 260.0, 264.5, 259.5, 264.0, 4 * 65, 0]
    assert day == [["2026-01-13T00:00:00+05:30", 99.0, 264.5, 98.5, 264.0, 165 * 65, 0]]


@pytest.mark.parametrize(("day", "at"), [(13, time(9, 15, 59)), (15, time(12))])
def test_before_the_first_minute_and_on_a_holiday_today_is_empty(day: int, at: time) -> None:
    with broker(staged_world(moment_of(date(2026, 1, day), at))) as upstox:
        assert candles(upstox.ask(TODAYS, NIFTY, "minutes", 1)) == []
        assert candles(upstox.ask(TODAYS, NIFTY, "days", 1)) == []


def test_candles_need_no_token(upstox: Broker) -> None:
    assert candles(upstox.ask(V3, NIFTY, "minutes", 1, "2026-01-12", "2026-01-12", token=None))


def test_v2_has_the_same_candles_under_its_own_names(upstox: Broker) -> None:
    new = upstox.ask(V3, NIFTY, "minutes", 30, "2026-01-12", "2026-01-09")
    old = upstox.ask(V2, NIFTY, "30minute", "2026-01-12", "2026-01-09")

    assert new.body == old.body
    assert upstox.ask(V2 + "/intraday", NIFTY, "1minute").body == upstox.ask(TODAYS, NIFTY, "minutes", 1).body


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        (("Nifty 50", "minutes", 1, "2026-01-12"), "UDAPI1021"),
        (("NSE_FO|50001|13-01-2026", "minutes", 1, "2026-01-12"), "UDAPI1021"),
        (("NSE_EQ|INE000000000", "minutes", 1, "2026-01-12"), "UDAPI100011"),
        ((NIFTY, "ticks", 1, "2026-01-12"), "UDAPI1146"),
        ((NIFTY, "minutes", 999, "2026-01-12"), "UDAPI1147"),
        ((NIFTY, "minutes", 1, "12-01-2026"), "UDAPI1015"),
        ((NIFTY, "minutes", 1, "2026-01-12", "2026-01-13"), "UDAPI1015"),
        ((NIFTY, "minutes", 1, "2026-01-12", "2025-12-10"), "UDAPI1148"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_code(upstox: Broker, parts: tuple[object, ...], code: str) -> None:
    answer = upstox.ask(V3, *parts)

    assert (answer.status, answer.code) == (400, code)


def test_an_expired_contract_is_found_by_its_dated_key(upstox: Broker) -> None:
    rows = candles(upstox.ask(EXPIRED, "NSE_FO|50001|06-01-2026", "5minute", "2026-01-06", "2026-01-05"))
    alive = upstox.ask(EXPIRED, "NSE_FO|50001|13-01-2026", "5minute", "2026-01-12", "2026-01-12")

    assert rows[0] == ["2026-01-06T15:25:00+05:30", 469.0, 474.5, 468.5, 474.0, 5 * 65, 1_374]
    assert rows[1] == ["2026-01-06T15:20:00+05:30", 464.0, 468.5, 463.5, 468.0, 4 * 65, 1_368]
    assert len(rows) == 150
    assert alive.code == "UDAPI100011"


@pytest.mark.parametrize(
    ("strictness", "code"),
    [(Strictness(plus_plan=False), "UDAPI1149"), (Strictness(expired_reach_days=3), "UDAPI100011")],
)
def test_expired_contracts_are_for_plus_accounts_and_for_about_half_a_year(strictness: Strictness, code: str) -> None:
    with broker(staged_world(strictness=strictness)) as upstox:
        answer = upstox.ask(EXPIRED, "NSE_FO|50001|06-01-2026", "day", "2026-01-06", "2026-01-05")

    assert answer.code == code


def test_expired_contracts_need_a_token_and_a_well_formed_key(upstox: Broker) -> None:
    asked = ("day", "2026-01-06", "2026-01-05")

    assert upstox.ask(EXPIRED, "NSE_FO|50001|06-01-2026", *asked, token=None).status == 401
    assert upstox.ask(EXPIRED, "NSE_FO|50001", *asked).code == "UDAPI1021"


def test_a_stale_broker_repeats_the_minutes_it_knew() -> None:
    with broker(staged_world()) as upstox:
        fault = Fault("upstox", FaultKind.STALE)
        upstox.simulator.call(lambda: upstox.world.faults.add(fault, upstox.world.clock.now()))
        upstox.world.clock.step(600.0)
        assert candles(upstox.ask(TODAYS, NIFTY, "minutes", 1))[0][0] == "2026-01-13T11:59:00+05:30"


def test_a_session_is_encoded_once_and_forgotten_when_there_are_too_many() -> None:
    market = StagedMarket()
    one = len(encoded_rows(market.candles(BASES[0], TODAY)))
    shelf = CandleShelf(market, most_bytes=2 * one + 10)
    days = [date(2026, 1, 7), date(2026, 1, 8), date(2026, 1, 9)]
    market.asked = 0
    for day in (days[0], days[0], days[1], days[0], days[2], days[0], days[1]):
        shelf.session(BASES[0], day, 1)

    assert market.asked == 4


def test_a_session_without_a_trade_has_no_rows() -> None:
    assert encoded_rows(BarSeries.empty()) == b""
