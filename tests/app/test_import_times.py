"""Times in the spellings of other programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sos_actors.app.imports import report as reasons
from sos_actors.errors import ImportRefusedError
from tests.app.imports import BAR, HEAD, OPEN_0915, bars, bring, counts

DAY = 86_400 * 10**9
FIFTH = OPEN_0915 + 4 * DAY


def dated(*stamps: str) -> list[str]:
    return [HEAD, *(f"{stamp},{BAR}" for stamp in stamps)]


def test_the_month_comes_first_when_a_day_above_twelve_says_so(tmp_path: Path) -> None:
    bring(tmp_path, dated("1/5/2024 9:15", "1/5/2024 9:16", "1/15/2024 9:15"))
    assert bars(tmp_path).ts.tolist()[::2] == [FIFTH, FIFTH + 10 * DAY]


def test_the_day_comes_first_when_a_day_above_twelve_says_so(tmp_path: Path) -> None:
    bring(tmp_path, dated("05-01-2024 09:15:00", "15-01-2024 09:15:00"))
    assert bars(tmp_path).ts.tolist() == [FIFTH, FIFTH + 10 * DAY]


def test_the_whole_column_is_asked_when_the_first_batch_does_not_tell(tmp_path: Path) -> None:
    early = [f"1/5/2024 9:{minute}" for minute in range(15, 59)]
    bring(tmp_path, dated(*early, "1/15/24 9:15"), batch_rows=4)
    held = bars(tmp_path).ts.tolist()
    assert (held[0], held[-1], len(held)) == (FIFTH, FIFTH + 10 * DAY, 45)


def test_dates_that_tell_nothing_are_refused_until_the_user_says(tmp_path: Path) -> None:
    lines = dated("1/5/2024 9:15:00 AM")
    with pytest.raises(ImportRefusedError, match="--date-format dmy or --date-format mdy"):
        bring(tmp_path, lines)
    bring(tmp_path, lines, date_format="mdy")
    assert bars(tmp_path).ts.tolist() == [FIFTH]


def test_dates_in_both_orders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefusedError, match="others the month"):
        bring(tmp_path, dated("1/15/2024 9:15", "15/1/2024 9:16"))
    report = bring(tmp_path, dated("1/15/2024 9:15", "15/1/2024 9:16"), date_format="mdy")
    assert report.rejected[reasons.UNREADABLE_TIME].examples == ["line 3, time '15/1/2024 9:16'"]


@pytest.mark.parametrize(
    ("stamp", "pattern"),
    [
        *(("05-Jan-2024 09:15", ""), ("2024-01-05 09:15", ""), ("5.1.2024 9:15", "dmy")),
        *(("01.05.2024 09h15", "%m.%d.%Y %Hh%M"), ("05/01/24 09:15:00", "%d/%m/%y")),
    ],
)
def test_other_spellings_and_patterns_are_understood(tmp_path: Path, stamp: str, pattern: str) -> None:
    bring(tmp_path, dated(stamp), date_format=pattern)
    assert bars(tmp_path).ts.tolist() == [FIFTH]


def test_a_date_format_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefusedError, match="dmy, mdy or a pattern"):
        bring(tmp_path, dated("2024-01-05 09:15"), date_format="american")


def test_ist_is_the_time_of_india_and_an_unknown_zone_is_told_without_jargon(tmp_path: Path) -> None:
    bring(tmp_path, dated("2024-01-05 09:15"), timezone="ist")
    assert bars(tmp_path).ts.tolist() == [FIFTH]
    with pytest.raises(ImportRefusedError, match=r"There is no time zone 'Mars'. Names are, for example,") as told:
        bring(tmp_path, dated("2024-01-05 09:15"), timezone="Mars")
    assert "parse" not in str(told.value)


def test_expiries_have_the_month_first_where_the_times_do(tmp_path: Path) -> None:
    head = "underlying,expiry,strike,option_type," + HEAD
    lines = [head, *(f"NIFTY,1/11/2024,21500,CE,{day} 9:15,{BAR}" for day in ("1/5/2024", "1/10/2024"))]
    bring(tmp_path, lines, kind="options", date_format="mdy")
    assert len(bars(tmp_path, "NSE|FO|NIFTY 21500 CE 11 JAN 24")) == 2


def test_a_wrong_time_zone_stores_nothing_unless_forced(tmp_path: Path) -> None:
    lines = dated("2024-01-05 03:45", "2024-01-05 03:46", "2024-01-05 09:47")
    with pytest.raises(ImportRefusedError, match="2 of the first 3 rows are outside the market's hours"):
        bring(tmp_path, lines)
    assert len(bars(tmp_path)) == 0
    assert counts(bring(tmp_path, lines, force=True)) == {reasons.NO_SESSION: 2}
