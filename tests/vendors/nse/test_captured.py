"""Genuine answers of NSE's website are read, and say what they say."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sos_actors.errors import VendorAnswerError
from sos_actors.types import NANOS_PER_SECOND
from sos_actors.vendors.nse.parse import breadth_of, chain_of, day_of, day_text, holidays_of, moment_of, number

NIFTY = "NSE|INDEX|NIFTY"


def captured(folder: Path, name: str) -> Any:
    content = (folder / "nse" / name).read_bytes()
    return json.loads(gzip.decompress(content) if name.endswith(".gz") else content)


def test_the_chain_of_one_expiry_is_read_out_of_all(shared_data: Path) -> None:
    answer = captured(shared_data, "option-chain-indices_NIFTY_20251205.json.gz")
    chain = chain_of(answer, NIFTY, "NIFTY", date(2025, 12, 9), 75)
    assert chain.ts_event == 1_764_928_800 * NANOS_PER_SECOND
    assert chain.spot == 26180.9
    assert (np.diff(chain.strike) > 0).all()
    totals = answer["filtered"]
    assert np.nansum(chain.ce_oi) == pytest.approx(totals["CE"]["totOI"] * 75)
    assert np.nansum(chain.pe_oi) == pytest.approx(totals["PE"]["totOI"] * 75)
    assert np.nansum(chain.pe_volume) == pytest.approx(totals["PE"]["totVol"] * 75)
    at = int(np.searchsorted(chain.strike, 23750))
    assert (chain.pe_oi[at], chain.pe_ltp[at], chain.pe_bid[at], chain.pe_ask[at]) == (43225 * 75, 0.75, 0.75, 0.8)
    assert np.isnan(chain.ce_ltp[at])
    rows = [row for row in answer["records"]["data"] if row["expiryDate"] == "09-Dec-2025"]
    assert np.isnan(chain.ce_oi).sum() == sum("CE" not in row for row in rows)


def test_fractional_contracts_are_whole_units_of_the_lot_they_had(shared_data: Path) -> None:
    answer = captured(shared_data, "option-chain-indices_NIFTY_20251205.json.gz")
    chain = chain_of(answer, NIFTY, "NIFTY", date(2026, 6, 30), 75)
    assert chain.pe_oi[0] == 325.0
    with pytest.raises(VendorAnswerError, match=r"contracts of NIFTY are no whole number of units where the lot is 65"):
        chain_of(answer, NIFTY, "NIFTY", date(2026, 6, 30), 65)


def test_an_expiry_that_is_not_in_the_answer_is_no_chain(shared_data: Path) -> None:
    answer = captured(shared_data, "option-chain-indices_NIFTY_20251205.json.gz")
    with pytest.raises(VendorAnswerError, match="no row of the expiry"):
        chain_of(answer, NIFTY, "NIFTY", date(2025, 12, 10), 75)


def test_breadth_of_the_nifty_50_is_read(shared_data: Path) -> None:
    breadth = breadth_of(captured(shared_data, "allIndices_21-Aug-2026.json.gz"))
    assert (breadth.advances, breadth.declines, breadth.unchanged) == (25, 24, 1)
    assert breadth.ts_event == 1_787_306_400 * NANOS_PER_SECOND


def test_the_holidays_of_a_year_are_read(shared_data: Path) -> None:
    holidays = holidays_of(captured(shared_data, "holiday-master_trading_20260715.json"))
    assert len(holidays.cm) == len(holidays.fo) == 20
    assert holidays.fo[date(2026, 1, 26)] == "Republic Day"
    assert holidays.cm[date(2026, 1, 15)] == "Municipal Corporation Election - Maharashtra"


def test_answers_to_other_questions_are_not_taken_for_these(shared_data: Path) -> None:
    for name in (
        "live-analysis-advance_21-Aug-2026.json.gz",
        "equity-stockIndices_SECURITIES_IN_FNO_20251117.json.gz",
        "fiidiiTradeNse_21-Aug-2026.json",
    ):
        answer = captured(shared_data, name)
        with pytest.raises(VendorAnswerError):
            breadth_of(answer)
        with pytest.raises(VendorAnswerError):
            chain_of(answer, NIFTY, "NIFTY", date(2026, 1, 27), 65)
        with pytest.raises(VendorAnswerError):
            holidays_of(answer)


def test_days_and_moments_are_read_whatever_the_locale() -> None:
    assert day_text(date(2026, 9, 1)) == "01-Sep-2026"
    assert day_of("27-Jan-2026") == day_of("27-01-2026") == day_of(" 27-JAN-2026 ") == date(2026, 1, 27)
    assert [day_of(text) for text in ("31-Feb-2026", "2026-01-27", "", None, 5, "27-Foo-2026", "a-b-c")] == [None] * 7
    assert moment_of("23-Jan-2026 15:30:01") - moment_of("23-Jan-2026 15:30") == NANOS_PER_SECOND
    for text in ("23-Jan-2026", "23-Jan-2026 25:00", "x 15:30", "23-Jan-2026 15", None, "23-Jan-2026 1:2:3:4"):
        with pytest.raises(VendorAnswerError, match="no moment"):
            moment_of(text)


def test_numbers_may_be_text() -> None:
    assert [number(value) for value in (1, 2.5, "3", "1,234.5", " 7 ")] == [1, 2.5, 3, 1234.5, 7]
    unknown: list[Any] = ["-", "", None, True, "nan", "inf", [], 10**400]
    assert np.isnan([number(value) for value in unknown]).all()
