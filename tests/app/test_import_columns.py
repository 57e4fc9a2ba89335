"""Which column is which, and whose file it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from sos_actors.app.imports.columns import find_columns, unused_columns
from sos_actors.app.imports.report import ImportOptions
from sos_actors.errors import ImportRefusedError
from tests.app.imports import BAR, HEAD, bars, bring

OHLC = ["timestamp", "open", "high", "low", "close"]


@pytest.mark.parametrize(
    ("names", "flag"),
    [
        (["underlying", "strike", "option_type", *OHLC], "Say --kind options"),
        (["Strike Price", *OHLC], "Say --kind options"),
        (["timestamp", "symbol", "strike", "ltp", "oi"], "Say --kind chain"),
        (["timestamp", "Symbol", "CE_LTP", "PE_LTP"], "Say --kind chain"),
    ],
)
def test_premiums_are_not_taken_for_candles_of_their_underlying(names: list[str], flag: str) -> None:
    with pytest.raises(ImportRefusedError, match=flag):
        find_columns(names, ImportOptions(constants={"symbol": "BANKNIFTY"}))


def test_a_real_file_of_options_is_refused_as_candles(tmp_path: Path, shared_data: Path) -> None:
    import polars as pl

    path = shared_data / "options_1min" / "BANKNIFTY_7contracts_1min_20231207_20240110.csv.gz"
    if not path.is_file():
        pytest.skip(f"no file {path}")
    lines = pl.read_csv(path, infer_schema=False, n_rows=50).write_csv().splitlines()
    with pytest.raises(ImportRefusedError, match="--kind options"):
        bring(tmp_path, lines, constants={"symbol": "BANKNIFTY"})


def test_columns_that_are_not_recognised_are_reported(tmp_path: Path) -> None:
    report = bring(tmp_path, [f"{HEAD[:-1]},note", f"2024-01-01 09:15:00,{BAR},x"])
    assert report.unused_columns == ["volum", "note"]
    assert report.remarks == ["no volume column was found: volume unknown"]


def test_a_date_beside_a_timestamp_is_unused_but_not_beside_a_time() -> None:
    both = ["date", "time", "open", "high", "low", "close"]
    assert unused_columns(both, find_columns(both, ImportOptions())) == []
    names = ["timestamp", *both]
    assert unused_columns(names, find_columns(names, ImportOptions())) == ["date", "time"]


def test_a_constant_that_says_something_else_than_the_column_is_refused(tmp_path: Path) -> None:
    lines = [f"symbol,{HEAD}", f"TCS,2024-01-01 09:15:00,{BAR}", f"INFY,2024-01-01 09:15:00,{BAR}"]
    with pytest.raises(ImportRefusedError, match="--set symbol=TCS: the file's own column says INFY"):
        bring(tmp_path, lines, constants={"symbol": "TCS"})
    assert len(bars(tmp_path, "NSE|EQ|TCS")) == 0


def test_a_constant_that_says_what_the_column_says_is_taken(tmp_path: Path) -> None:
    lines = [f"symbol,{HEAD}", f"Nifty 50,2024-01-01 09:15:00,{BAR}"]
    assert bring(tmp_path, lines, constants={"symbol": "NIFTY"}).new == 1


def test_a_constant_beside_a_column_of_the_underlying_must_agree_and_force_overrules(tmp_path: Path) -> None:
    lines = [f"underlying,strike,type,expiry,{HEAD}", f"BANKNIFTY,46000,CE,2024-01-10,2024-01-01 09:15:00,{BAR}"]
    with pytest.raises(ImportRefusedError, match="says BANKNIFTY"):
        bring(tmp_path, lines, kind="options", constants={"symbol": "NIFTY"})
    with pytest.raises(ImportRefusedError, match="--set expiry=2024-01-03"):
        bring(tmp_path, lines, kind="options", constants={"expiry": "2024-01-03"})
    assert bring(tmp_path, lines, kind="options", constants={"expiry": "10-Jan-2024"}).new == 1
    assert bring(tmp_path, lines, kind="options", constants={"expiry": "2024-01-03"}, force=True).new == 1
