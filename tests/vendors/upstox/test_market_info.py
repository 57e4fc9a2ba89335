"""Holidays and hours: the lists of open and closed exchanges decide, and what they say fits our calendar."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sos_actors.errors import VendorAnswerError
from sos_actors.market.calendar import Calendar
from sos_actors.messages.feed import MarketPhase, MarketStatus
from sos_actors.types import Segment
from sos_actors.vendors.upstox.market_info import UpstoxMarketInfo, exchange_days, market_status, overrulings, timings
from tests.vendors.upstox.connected import at, connected, good

CALENDAR = Calendar.default()


def hours(exchange: str, opens: str, closes: str) -> dict[str, Any]:
    return {"exchange": exchange, "start_time": at(opens) // 1_000_000, "end_time": at(closes) // 1_000_000}


def day(text: str, name: str, closed: list[str], opened: list[Any], kind: str = "TRADING_HOLIDAY") -> dict[str, Any]:
    return {
        "date": text, "description": name, "holiday_type": kind, "closed_exchanges": closed, "open_exchanges": opened,
    }  # fmt: skip


def read(*rows: dict[str, Any]) -> tuple[dict[date, str], list[Any]]:
    return overrulings(exchange_days(list(rows)), CALENDAR)


def test_a_day_nse_is_closed_becomes_a_holiday() -> None:
    wednesday = date(2026, 2, 11)
    assert CALENDAR.is_session(wednesday)
    holidays, sessions = read(day("2026-02-11", "Mourning", ["NSE", "NFO"], []))
    assert (holidays, sessions) == ({wednesday: "Mourning"}, [])
    assert not CALENDAR.overruled(holidays, sessions).is_session(wednesday)


def test_a_trading_holiday_on_which_nse_is_open_as_usual_changes_nothing() -> None:
    usual = [hours(name, "2026-02-11 09:15:00", "2026-02-11 15:30:00") for name in ("NSE", "NFO")]
    assert read(day("2026-02-11", "Elsewhere", ["MCX"], usual)) == ({}, [])


def test_a_settlement_holiday_which_names_nobody_changes_nothing() -> None:
    assert read(day("2026-02-11", "Banks", [], [], "SETTLEMENT_HOLIDAY")) == ({}, [])
    assert read(day("1999-02-11", "Long ago", ["NSE"], [])) == ({}, [])


def test_a_drill_day_keeps_the_pause_upstox_does_not_tell_of() -> None:
    drill = date(2024, 3, 2)
    ours = CALENDAR.session(drill, Segment.FO)
    assert len(ours.intervals) == 2
    told = [hours(name, "2024-03-02 09:15:00", "2024-03-02 12:30:00") for name in ("NSE", "NFO")]
    assert (ours.open_ns, ours.close_ns) == (at("2024-03-02 09:15:00"), at("2024-03-02 12:30:00"))
    assert read(day("2024-03-02", "Special DR Trading", ["MCX"], told)) == ({}, [])


def test_an_evening_session_on_a_holiday_is_one_on_which_nothing_expires() -> None:
    told = [hours("NFO", "2026-02-14 18:00:00", "2026-02-14 19:15:00")]
    holidays, sessions = read(day("2026-02-14", "Diwali Laxmi Pujan", ["MCX"], told))
    calendar = CALENDAR.overruled(holidays, sessions)
    session = calendar.session(date(2026, 2, 14), Segment.FO)
    assert (session.open_ns, session.close_ns) == (at("2026-02-14 18:00:00"), at("2026-02-14 19:15:00"))
    assert sessions[0].muhurat
    assert not calendar.is_business_day(date(2026, 2, 14))


def test_other_hours_on_an_ordinary_day_win() -> None:
    told = [hours(name, "2026-02-11 10:15:00", "2026-02-11 15:30:00") for name in ("NSE", "NFO")]
    with connected([good([day("2026-02-11", "Late opening", [], told)])]) as rig:
        calendar = UpstoxMarketInfo(rig.connection).calendar(CALENDAR)
    assert calendar.session(date(2026, 2, 11), Segment.FO).open_ns == at("2026-02-11 10:15:00")
    assert rig.site.paths == ["/v2/market/holidays"]


def test_hours_and_states_are_asked_for() -> None:
    status = {"exchange": "NFO", "status": "NORMAL_OPEN", "last_updated": at("2026-01-13 09:15:00") // 1_000_000}
    opened = [hours("NFO", "2026-01-13 09:15:00", "2026-01-13 15:30:00")]
    with connected([good(opened), good([]), good(status)]) as rig:
        info = UpstoxMarketInfo(rig.connection)
        assert info.timings(date(2026, 1, 13))["NFO"].closes == at("2026-01-13 15:30:00")
        assert info.timings(date(2026, 1, 26)) == {}
        assert info.status() == MarketStatus(at("2026-01-13 09:15:00"), "NFO", MarketPhase.NORMAL_OPEN)
    assert rig.site.paths == ["/v2/market/timings/2026-01-13", "/v2/market/timings/2026-01-26", "/v2/market/status/NFO"]
    assert market_status(status | {"status": "HALF_OPEN"}).phase is MarketPhase.UNKNOWN


@pytest.mark.parametrize(
    "row",
    [
        {},
        day("11-02-2026", "x", [], []),
        day("2026-02-11", "x", ["NSE"], [{"exchange": "NSE"}]),
        day("2026-02-11", "x", ["NSE"], [hours("NSE", "2026-02-11 15:30:00", "2026-02-11 09:15:00")]),
        day("2026-02-11", "x", ["NSE"], ["NSE"]),
        {"date": "2026-02-11", "closed_exchanges": "NSE"},
        {"date": "2026-02-11", "closed_exchanges": [1]},
    ],
)
def test_a_holiday_list_with_a_row_that_cannot_be_read_is_refused(row: Any) -> None:
    with pytest.raises(VendorAnswerError):
        exchange_days([row])


def test_hours_of_another_day_or_in_seconds_are_refused() -> None:
    with pytest.raises(VendorAnswerError, match="another day"):
        read(day("2026-02-11", "x", [], [hours("NFO", "2026-02-12 10:15:00", "2026-02-12 15:30:00")]))
    with pytest.raises(VendorAnswerError, match="start_time"):
        timings([{"exchange": "NSE", "start_time": 1_770_000_000, "end_time": 1_770_020_000}])
