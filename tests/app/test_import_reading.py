"""Dialects of tables, and files that are none."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sos_actors.app.imports import report as reasons
from sos_actors.app.imports.importing import import_file
from sos_actors.app.imports.reading import read_batches
from sos_actors.app.imports.report import ImportOptions, ImportReport
from sos_actors.errors import ImportRefusedError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import default_master
from sos_actors.store import Store
from tests.app.imports import BAR, HEAD, bars, bring

AT = "2024-01-01 09:15:00"


def test_thousands_may_be_separated_as_in_excel_or_in_india(tmp_path: Path) -> None:
    bring(tmp_path, [HEAD, f'{AT},"4,094.40","4,100","4,090.00",4095,"1,23,456"'])
    held = bars(tmp_path)
    assert (held.open[0], held.high[0], held.volume[0]) == (4094.4, 4100.0, 123_456.0)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_delimiters_are_noticed_packed_or_not(tmp_path: Path, separator: str) -> None:
    text = "\n".join(line.replace(",", separator) for line in (HEAD, f"{AT},{BAR}"))
    bring(tmp_path, text.split("\n"))
    assert len(bars(tmp_path)) == 1
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    options = ImportOptions(constants={"symbol": "NIFTY"})
    assert sum(map(len, read_batches(packed, options, ImportReport(packed)))) == 1


def test_the_cell_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    report = bring(tmp_path, [HEAD, f"{AT},100,ten,99,100,10", f"soon,{BAR}", f"2024-01-01 09:16:00,{BAR}"])
    assert report.rejected[reasons.UNREADABLE_NUMBER].examples == ["line 2, high 'ten'"]
    assert report.rejected[reasons.UNREADABLE_TIME].examples == ["line 3, time 'soon'"]


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (HEAD.encode() + b"\n", "head.csv", "a heading but no rows"),
        (b"", "nothing.csv", "is empty"),
        (f"{HEAD}\n{AT},4,094.40,{BAR}\n".encode(), "ragged.csv", "numbers with commas in quotes"),
        (f"{HEAD}\n{AT},{BAR}".encode() + b"\xe9\n", "latin.csv", "not UTF-8"),
        (b"PK\x03\x04 and so on", "book.csv", "save the sheet as CSV"),
        (gzip.compress(f"{HEAD}\n{AT},{BAR}\n".encode() * 99)[:-30], "torn.csv.gz", "cannot be read"),
        (b"no parquet at all", "table.parquet", "not a Parquet file"),
    ],
)
def test_what_is_no_table_is_told_in_plain_words(tmp_path: Path, content: bytes, name: str, told: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    options = ImportOptions(constants={"symbol": "NIFTY"})
    with (
        Store.open(tmp_path / "var", origin="real") as store,
        pytest.raises(ImportRefusedError, match=told) as refusal,
    ):
        import_file(store, path, options, Calendar.default(), default_master())
    assert "polars" not in str(refusal.value)
    assert "Schema" not in str(refusal.value)
