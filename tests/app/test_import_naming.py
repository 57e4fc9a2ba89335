"""Names that look misspelled, and expiries that look wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sos_actors.app.imports.naming import Naming
from sos_actors.app.imports.report import ImportReport
from sos_actors.errors import ImportRefusedError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import default_master
from tests.app.imports import BAR, HEAD, bars, bring


def naming(*, new_symbol: bool = False) -> Naming:
    return Naming(default_master(), ImportReport(Path("file.csv")), new_symbol=new_symbol)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *(("NFTY", "NIFTY"), ("BANKNFITY", "BANKNIFTY"), ("RELIANC", "RELIANCE")),
        ("NFTY 21500 CE 11 JAN 24", "NIFTY"),
    ],
)
def test_a_name_close_to_a_known_one_is_refused_with_what_may_be_meant(text: str, meant: str) -> None:
    with pytest.raises(ImportRefusedError, match=f"did you mean {meant}.*--new-symbol"):
        naming().symbol(text, shares_may_be_new=True)


def test_a_name_close_to_a_known_one_is_taken_when_the_user_says_it_is_new() -> None:
    assert naming(new_symbol=True).symbol("NFTY", shares_may_be_new=True) == "NSE|EQ|NFTY"


@pytest.mark.parametrize("text", ["MYSHARE", "WIPRO", "NIFTYBEES", "TATAPOWER", "HDFCLIFE", "ICICIGI", "MAXHEALTH"])
def test_other_shares_still_go_in_on_trust(text: str) -> None:
    assert naming().symbol(text, shares_may_be_new=True) == f"NSE|EQ|{text}"


def test_an_index_with_options_is_no_slip_of_another() -> None:
    assert naming().symbol("FINNIFTY", shares_may_be_new=True) == "NSE|INDEX|FINNIFTY"


def test_nothing_of_a_file_is_written_when_one_name_of_it_looks_misspelled(tmp_path: Path) -> None:
    lines = [f"symbol,{HEAD}", f"TCS,2024-01-01 09:15:00,{BAR}", f"NFTY,2024-01-01 09:15:00,{BAR}"]
    with pytest.raises(ImportRefusedError, match="did you mean NIFTY"):
        bring(tmp_path, lines)
    assert len(bars(tmp_path, "NSE|EQ|TCS")) == 0


def test_an_expiry_the_exchange_does_not_have_is_remarked_once(tmp_path: Path) -> None:
    head = f"underlying,strike,option_type,{HEAD}"
    lines = [head, *(f"BANKNIFTY,{strike},CE,2024-01-01 09:15:00,{BAR}" for strike in (46_000, 46_100))]
    report = bring(tmp_path, lines, kind="options", constants={"expiry": "2024-01-11"})
    assert report.remarks == [
        "by the exchange's rules BANKNIFTY has no expiry on 2024-01-11; the nearest is 2024-01-10"
    ]


def test_an_expiry_by_the_rules_and_one_without_rules_are_not_remarked() -> None:
    report = ImportReport(Path("file.csv"))
    names = Naming(default_master(), report)
    names.doubt_expiry("BANKNIFTY", date(2024, 1, 10), Calendar.default())
    names.doubt_expiry("RELIANCE", date(2024, 1, 10), Calendar.default())
    names.doubt_expiry("NIFTY", date(1996, 1, 10), Calendar.default())
    assert report.remarks == []
