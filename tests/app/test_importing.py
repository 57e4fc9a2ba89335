"""Files of users: every row is written or counted with its reason; real files where this machine has them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from sos_actors.app.imports import report as reasons
from sos_actors.app.imports.importing import ImportOptions, ImportReport, import_file
from sos_actors.errors import ImportRefusedError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import default_master
from sos_actors.store import Store
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND

FOREVER = 4_000_000_000 * NANOS_PER_SECOND
NIFTY = "NSE|INDEX|NIFTY"
OPEN_0915 = 1_704_080_700 * NANOS_PER_SECOND
"""Monday 1 January 2024, 09:15 in India: a session."""
HEAD = "timestamp,open,high,low,close,volume"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "var", origin="real") as opened:
        yield opened


def run(store: Store, path: Path, options: ImportOptions) -> ImportReport:
    report = import_file(store, path, options, Calendar.default(), default_master())
    assert report.rows_read == report.rows_accepted + report.rows_rejected
    return report


def take(store: Store, tmp_path: Path, lines: list[str], options: ImportOptions) -> ImportReport:
    path = tmp_path / "file.csv"
    path.write_text("\n".join(lines) + "\n")
    return run(store, path, options)


def counts(report: ImportReport) -> dict[str, int]:
    return {reason: rejection.count for reason, rejection in report.rejected.items()}


NIFTY_CANDLES = ImportOptions(constants={"symbol": "NIFTY"})


def test_each_bad_row_is_counted_under_its_reason_with_line_and_time(store: Store, tmp_path: Path) -> None:
    rows = [
        "2024-01-01 09:15:00,100,101,99,100.5,10",
        "2024-01-01 09:15:00,100,101,99,100.5,10",
        "2024-01-01 09:15:00,100,101,99,100.7,10",
        "yesterday,100,101,99,100,10",
        "2024-01-01 09:16:00,100,ten,99,100,10",
        "2024-01-01 09:17:00,100,101,,100,10",
        "2024-01-01 09:18:00,100,100.5,99,101,10",
        "2024-01-01 09:19:00,0,101,0,100,10",
        "2024-01-01 09:20:00,100,101,99,100,-10",
        "2024-01-01 09:21:30,100,101,99,100,10",
        "2024-01-01 15:30:00,100,101,99,100,10",
        "2024-01-06 10:00:00,100,101,99,100,10",
        "1994-01-03 10:00:00,100,101,99,100,10",
        "2024-01-01 09:22:00,100,101,99,100,",
    ]
    report = take(store, tmp_path, [HEAD, *rows], NIFTY_CANDLES)
    assert counts(report) == {
        **{reasons.DUPLICATE: 1, reasons.CONFLICT: 1, reasons.UNREADABLE_TIME: 1, reasons.UNREADABLE_NUMBER: 1},
        **{reasons.MISSING_NUMBER: 1, reasons.OHLC: 1, reasons.NOT_POSITIVE: 1, reasons.NEGATIVE: 1},
        **{reasons.OFF_MINUTE: 1, reasons.NO_SESSION: 2, reasons.NO_RULE: 1},
    }
    assert report.rejected[reasons.OHLC].examples == [f"line 8, 2024-01-01 09:18:00, {NIFTY}"]
    held = store.candles(NIFTY, 0, FOREVER)
    assert held.ts.tolist() == [OPEN_0915, OPEN_0915 + 7 * NANOS_PER_MINUTE]
    assert held.close.tolist() == [100.5, 100.0]
    assert np.isnan(held.volume[1])


@pytest.mark.parametrize(
    "stamp",
    [
        *("2024-01-01 09:15", "2024-01-01T09:15:00", "01-01-2024 09:15:00", "2024-01-01T03:45:00Z"),
        *("2024-01-01 09:15:00+05:30", "2024-01-01 09:15:00.000", "1704080700", "1704080700000", "20240101 09:15"),
    ],
)
def test_times_are_understood_in_the_usual_forms_and_naive_ones_are_indian(
    store: Store, tmp_path: Path, stamp: str
) -> None:
    take(store, tmp_path, [HEAD, f"{stamp},100,101,99,100,10"], NIFTY_CANDLES)
    assert store.candles(NIFTY, 0, FOREVER).ts.tolist() == [OPEN_0915]


def test_a_zone_and_close_labels_may_be_given(store: Store, tmp_path: Path) -> None:
    options = ImportOptions(constants={"symbol": "NIFTY"}, timezone="UTC", label="close")
    take(store, tmp_path, [HEAD, "2024-01-01 03:46:00,100,101,99,100,10"], options)
    assert store.candles(NIFTY, 0, FOREVER).ts.tolist() == [OPEN_0915]


def test_columns_are_recognised_by_usual_names_or_mapped(store: Store, tmp_path: Path) -> None:
    lines = ["Ticker,Date,Time,O,H,L,Last Traded,Vol", "tcs,01-01-2024,09:15:00,100,101,99,100,10"]
    with pytest.raises(ImportRefusedError, match="--map close="):
        take(store, tmp_path, lines, ImportOptions())
    report = take(store, tmp_path, lines, ImportOptions(columns={"close": "Last Traded"}))
    assert report.symbols == {"NSE|EQ|TCS": 1}
    with pytest.raises(ImportRefusedError, match="no column 'LTP'"):
        take(store, tmp_path, lines, ImportOptions(columns={"close": "LTP"}))
    with pytest.raises(ImportRefusedError, match="no field 'colour'"):
        take(store, tmp_path, lines, ImportOptions(constants={"colour": "red"}))


def test_shares_of_ones_own_are_accepted_and_reported_but_not_nonsense(store: Store, tmp_path: Path) -> None:
    bar = "2024-01-01 09:15:00,100,101,99,100,10"
    lines = [f"symbol,{HEAD}", f"MYSHARE,{bar}", f"TCS,{bar}", f"what is this?,{bar}", f",{bar}"]
    report = take(store, tmp_path, lines, ImportOptions())
    assert report.new_symbols == ["NSE|EQ|MYSHARE"]
    assert counts(report) == {reasons.UNKNOWN_SYMBOL: 2}
    assert store.candle_symbols() == ["NSE|EQ|MYSHARE", "NSE|EQ|TCS"]


def test_a_file_without_a_symbol_is_refused_with_the_way_out(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ImportRefusedError, match="--set symbol="):
        take(store, tmp_path, [HEAD, "2024-01-01 09:15:00,100,101,99,100,10"], ImportOptions())
    with pytest.raises(ImportRefusedError, match="no file"):
        run(store, tmp_path / "absent.csv", ImportOptions())


def minutes(count: int, step: int = 1) -> list[str]:
    at = [OPEN_0915 // NANOS_PER_SECOND + 60 * step * n for n in range(count)]
    return [HEAD, *(f"{ts},100,101,99,100,{n % 2}" for n, ts in enumerate(at))]


def test_five_minute_bars_are_not_taken_for_one_minute_bars(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ImportRefusedError, match="5 minutes apart"):
        take(store, tmp_path, minutes(75, 5), NIFTY_CANDLES)
    assert store.candle_symbols() == []


def test_a_full_session_is_marked_complete_and_importing_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    first = take(store, tmp_path, minutes(375), NIFTY_CANDLES)
    before = store.fingerprint([NIFTY], 0, FOREVER)
    again = take(store, tmp_path, minutes(375), NIFTY_CANDLES)
    assert (first.new, first.unchanged, first.replaced) == (375, 0, 0)
    assert (again.new, again.unchanged, again.replaced) == (0, 375, 0)
    assert again.symbols == first.symbols
    assert store.fingerprint([NIFTY], 0, FOREVER) == before
    assert store.days(NIFTY, date(2024, 1, 1), date(2024, 1, 1))[date(2024, 1, 1)].complete


def test_duplicates_are_found_across_batches_and_progress_is_told(store: Store, tmp_path: Path) -> None:
    lines = minutes(300)
    lines += [lines[1], lines[2].replace("100,1", "100.5,1")]
    path = tmp_path / "file.csv"
    path.write_text("\n".join(lines))
    seen: list[int] = []
    options = ImportOptions(constants={"symbol": "NIFTY"}, batch_rows=50)
    report = import_file(store, path, options, Calendar.default(), default_master(), seen.append)
    assert counts(report) == {reasons.DUPLICATE: 1, reasons.CONFLICT: 1}
    assert seen[-1] == 302
    assert len(seen) > 1
    assert report.notes == {}


def test_parquet_and_gzip_give_what_csv_gives(store: Store, tmp_path: Path) -> None:
    import polars as pl

    path = tmp_path / "file.csv"
    path.write_text("\n".join(minutes(20)))
    pl.read_csv(path).write_parquet(tmp_path / "file.parquet")
    (tmp_path / "file.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    prints = set()
    for name in ("file.csv", "file.parquet", "file.csv.gz"):
        assert run(store, tmp_path / name, NIFTY_CANDLES).rows_accepted == 20
        prints.add(store.fingerprint([NIFTY], 0, FOREVER))
    assert len(prints) == 1


def test_option_candles_need_an_expiry_and_lots_become_units(store: Store, tmp_path: Path) -> None:
    lines = [
        "underlying,strike,option_type,timestamp,open,high,low,close,volume,oi",
        "NIFTY,21500.0,CE,2024-01-01 09:15:00,100,101,99,100,50,7",
        "NIFTY,21500.0,call,2024-01-01 09:16:00,100,100,100,100,0,8",
        "NIFTY,21500.0,XX,2024-01-01 09:16:00,100,101,99,100,50,7",
        "NIFTY,21500.0,CE,2024-01-05 09:16:00,100,101,99,100,50,7",
    ]
    with pytest.raises(ImportRefusedError, match="--set expiry="):
        take(store, tmp_path, lines, ImportOptions(kind="options"))
    options = ImportOptions(kind="options", constants={"expiry": "2024-01-04"}, oi_unit="contracts")
    report = take(store, tmp_path, lines, options)
    assert counts(report) == {reasons.MISSING_KEY: 1, reasons.EXPIRED: 1}
    assert report.notes == {"bars without a trade (volume 0)": 1}
    held = store.candles("NSE|FO|NIFTY 21500 CE 04 JAN 24", 0, FOREVER)
    assert held.oi.tolist() == [350.0, 400.0]
    assert held.volume.tolist() == [50.0, 0.0]


WIDE = "time,Symbol,Expiry,Strike,Spot,CE_LTP,CE_OI,PE_LTP,PE_OI"


def test_a_wide_chain_is_known_at_the_minute_after_its_label(store: Store, tmp_path: Path) -> None:
    lines = [
        WIDE,
        "2024-01-01 09:39:05,NIFTY,2024-01-04,21500,21510,90,999,80,999",
        "2024-01-01 09:39:45,NIFTY,2024-01-04,21500,21510,100,200,0,100",
        "2024-01-01 09:39:45,NIFTY,2024-01-04,21600,21510,50,200,80,500",
        "2024-01-01 15:30:00,NIFTY,04-Jan-2024,21500,21510,100,200,80,100",
        "2024-01-01 15:31:00,NIFTY,2024-01-04,21500,21510,100,200,80,100",
        "2024-01-01 09:45:00,NIFTY,2024-01-04,21500,21510,-1,200,80,100",
    ]
    report = take(store, tmp_path, lines, ImportOptions(kind="chain"))
    assert counts(report) == {reasons.SUPERSEDED: 1, reasons.NO_SESSION: 1, reasons.NEGATIVE: 1}
    assert report.notes == {"premiums of zero, stored as unknown": 1}
    chain = store.chain(NIFTY, 0, FOREVER)
    known = [OPEN_0915 + 25 * NANOS_PER_MINUTE] * 2 + [OPEN_0915 + 375 * NANOS_PER_MINUTE]
    assert chain.ts.tolist() == known
    assert np.isnan(chain.pe_ltp[0])
    stats = store.market_stats(NIFTY, 0, FOREVER)
    assert stats.ts.tolist() == known[1:]
    assert stats.pcr.tolist() == [1.5, 0.5]
    assert stats.oi_wall_above[0] == 21_600.0


def test_a_long_chain_joins_its_legs_across_batches_and_counts_units(store: Store, tmp_path: Path) -> None:
    rows = [
        f"2024-01-01 09:{minute}:00,NIFTY50,2024-01-04,{strike},{leg},21510,{10 * minute},{oi},{oi - 5}"
        for minute in range(20, 30)
        for leg, oi in (("CE", 20), ("PE", 30))
        for strike in (21_500, 21_600)
    ]
    options = ImportOptions(kind="chain", oi_unit="contracts", batch_rows=3)
    report = take(store, tmp_path, ["timestamp,symbol,expiry,strike,type,spot,ltp,oi,oi_chg", *rows], options)
    assert (report.rows_accepted, report.symbols) == (40, {NIFTY: 20})
    chain = store.chain(NIFTY, 0, FOREVER)
    assert (chain.ce_oi == 1_000).all()
    assert (chain.pe_oi == 1_500).all()
    assert (chain.pe_oi_change == 1_250).all()
    assert chain.ce_ltp[-1] == chain.pe_ltp[-1] == 290
    assert len(store.contracts(NIFTY, date(2024, 1, 1))) == 4


def test_a_chain_out_of_order_is_refused_rather_than_torn(store: Store, tmp_path: Path) -> None:
    row = "NIFTY,2024-01-04,21500,21510,100,200,80,100"
    times = [*("09:40", "09:41", "09:42", "09:43", "09:44", "09:45", "09:46", "09:47", "09:48"), "09:20", "09:21"]
    lines = [WIDE, *(f"2024-01-01 {time}:00,{row}" for time in times)]
    with pytest.raises(ImportRefusedError, match="order of time"):
        take(store, tmp_path, lines, ImportOptions(kind="chain", batch_rows=2))


CHAIN = "option_chain/"
REAL = [
    ("index_1min/BANKNIFTY_1min_20240101_20240628", ImportOptions(constants={"symbol": "BANKNIFTY"}), 44_085, 167),
    ("index_1min/NIFTY_1min_20240101_20240628", NIFTY_CANDLES, 44_085, 167),
    ("index_1min/NIFTY_1min_20260716_20260821_yf", NIFTY_CANDLES, 9_741, 1),
    (
        "options_1min/BANKNIFTY_7contracts_1min_20231207_20240110",
        ImportOptions(kind="options", constants={"expiry": "2024-01-10"}),
        *(62_939, 61),
    ),
    ("options_1min/BANKNIFTY_9contracts_1min_oi_20251215_upstoxI1", ImportOptions(kind="options"), 3_177, 0),
    (CHAIN + "NIFTY_chain_1min_20260818_21_nse", ImportOptions(kind="chain", oi_unit="contracts"), 139_192, 0),
    (CHAIN + "NIFTY_BANKNIFTY_chain_5min_20260122_20260205_kite", ImportOptions(kind="chain"), 90_865, 225),
    ("stocks_1min/TCS_1min_20250101_20250131", ImportOptions(), 8_625, 0),
    ("stocks_1min/4stocks_1min_20251215_upstoxI1", ImportOptions(), 1_420, 0),
    ("stocks_1min/10stocks_1min_20210330_20210611_fromticks", ImportOptions(), 145_547, 0),
]


@pytest.mark.parametrize(("name", "options", "accepted", "rejected"), REAL, ids=[row[0] for row in REAL])
def test_real_files_go_in_with_their_known_faults_left_out(
    store: Store, shared_data: Path, name: str, options: ImportOptions, accepted: int, rejected: int
) -> None:
    path = shared_data / f"{name}.csv.gz"
    if not path.is_file():
        pytest.skip(f"no file {path}")
    report = run(store, path, options)
    assert (report.rows_accepted, report.rows_rejected) == (accepted, rejected), report.rejected


def test_the_junk_after_a_saturday_session_is_left_out_and_the_day_is_complete(store: Store, shared_data: Path) -> None:
    path = shared_data / "index_1min" / "NIFTY_1min_20240101_20240628.csv.gz"
    if not path.is_file():
        pytest.skip(f"no file {path}")
    report = run(store, path, NIFTY_CANDLES)
    assert all("2024-01-20" in example for example in report.rejected[reasons.NO_SESSION].examples)
    days = store.days(NIFTY, date(2024, 1, 1), date(2024, 6, 28))
    assert days[date(2024, 1, 20)].complete
    assert days[date(2024, 5, 18)].rows == 105
    assert all(record.complete for record in days.values())
