"""Expiry days against what is known of the contracts, and a real instrument master."""

from __future__ import annotations

import gzip
import json
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import Calendar
from sos_actors.market.expiries import Expiry, expiries, next_expiry

IST = timezone(timedelta(hours=5, minutes=30))
CALENDAR = Calendar.default()


def days(underlying: str, first: date, last: date) -> list[str]:
    """``'13 Jan'`` for a weekly expiry, ``'27 Jan*'`` for a monthly one."""
    found = expiries(underlying, first, last, CALENDAR)
    return [f"{expiry.day.day} {expiry.day:%b}{'' if expiry.weekly else '*'}" for expiry in found]


@pytest.mark.parametrize(
    ("underlying", "first", "last", "expected"),
    [
        ("NIFTY", date(2026, 1, 12), date(2026, 2, 28), "13 Jan,20 Jan,27 Jan*,3 Feb,10 Feb,17 Feb,24 Feb*"),
        ("NIFTY", date(2025, 8, 14), date(2025, 9, 30), "14 Aug,21 Aug,28 Aug*,2 Sep,9 Sep,16 Sep,23 Sep,30 Sep*"),
        ("NIFTY", date(2026, 8, 18), date(2026, 9, 15), "18 Aug,25 Aug*,1 Sep,8 Sep,15 Sep"),
        ("BANKNIFTY", date(2023, 8, 17), date(2023, 10, 5), "17 Aug,24 Aug,31 Aug*,6 Sep,13 Sep,20 Sep,28 Sep*,4 Oct"),
        ("BANKNIFTY", date(2023, 12, 20), date(2024, 1, 31), "20 Dec,28 Dec*,3 Jan,10 Jan,17 Jan,25 Jan*,31 Jan"),
        ("BANKNIFTY", date(2024, 2, 21), date(2024, 4, 3), "21 Feb,29 Feb*,6 Mar,13 Mar,20 Mar,27 Mar*,3 Apr"),
        ("BANKNIFTY", date(2024, 11, 1), date(2025, 2, 28), "6 Nov,13 Nov,27 Nov*,24 Dec*,30 Jan*,27 Feb*"),
        ("BANKNIFTY", date(2025, 7, 1), date(2025, 12, 31), "31 Jul*,28 Aug*,30 Sep*,28 Oct*,25 Nov*,30 Dec*"),
    ],
)
def test_expiries_are_those_the_exchange_had(underlying: str, first: date, last: date, expected: str) -> None:
    assert days(underlying, first, last) == expected.split(",")


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (date(2026, 3, 25), date(2026, 4, 1), ["30 Mar*"]),  # Tuesday 31 March is a holiday
        (date(2026, 3, 2), date(2026, 3, 9), ["2 Mar"]),  # Tuesday 3 March
        (date(2026, 3, 3), date(2026, 3, 9), []),
        (date(2025, 10, 15), date(2025, 10, 22), ["20 Oct"]),  # Tuesday the 21st trades only the Muhurat hour
        (date(2021, 11, 1), date(2021, 11, 5), ["3 Nov"]),  # Thursday the 4th likewise
        (date(2023, 3, 24), date(2023, 3, 29), ["29 Mar*"]),  # Thursday the 30th, past the asked range, moves into it
        (date(2026, 12, 28), date(2026, 12, 31), ["29 Dec*"]),  # the next nominal day lies beyond the calendar
    ],
)
def test_an_expiry_on_a_holiday_moves_to_the_previous_trading_day(first: date, last: date, expected: list[str]) -> None:
    assert days("NIFTY", first, last) == expected


def test_the_next_expiry_may_be_asked_to_leave_some_days() -> None:
    assert next_expiry("NIFTY", date(2026, 1, 13), CALENDAR) == Expiry(date(2026, 1, 13), weekly=True)
    assert next_expiry("NIFTY", date(2026, 1, 13), CALENDAR, min_days=1) == Expiry(date(2026, 1, 20), weekly=True)
    assert next_expiry("BANKNIFTY", date(2026, 1, 13), CALENDAR) == Expiry(date(2026, 1, 27), weekly=False)
    with pytest.raises(MarketRuleError, match="No expiry of NIFTY"):
        next_expiry("NIFTY", date(2026, 12, 30), CALENDAR)


def test_what_no_rule_covers_is_refused_with_the_file_to_extend() -> None:
    with pytest.raises(MarketRuleError, match=r"No expiry rule for RELIANCE.*market/tables/expiries\.toml"):
        expiries("RELIANCE", date(2026, 1, 1), date(2026, 1, 31), CALENDAR)
    with pytest.raises(MarketRuleError, match=r"FINNIFTY in June 2024.*expiries\.toml"):
        expiries("FINNIFTY", date(2024, 6, 1), date(2024, 6, 30), CALENDAR)
    with pytest.raises(MarketRuleError, match=r"outside the calendar.*holidays\.toml"):
        expiries("NIFTY", date(2026, 12, 1), date(2027, 1, 31), CALENDAR)


@pytest.mark.parametrize("underlying", ["NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50"])
def test_expiries_are_those_of_the_instrument_master(shared_data: Path, underlying: str) -> None:
    rows = json.loads(gzip.decompress((shared_data / "instruments" / "upstox_nse_2026-01.json.gz").read_bytes()))
    listed = {
        Expiry(datetime.fromtimestamp(row["expiry"] / 1000, IST).date(), row["weekly"])
        for row in rows
        if row.get("underlying_symbol") == underlying and row["segment"] == "NSE_FO"
    }
    ours = expiries(underlying, date(2026, 1, 12), date(2026, 12, 31), CALENDAR)
    assert {expiry for expiry in listed if expiry.day <= CALENDAR.last} <= set(ours)
    near = [expiry for expiry in ours if expiry.day <= date(2026, 2, 10)]
    assert set(near) == {expiry for expiry in listed if expiry.day <= date(2026, 2, 10)}
