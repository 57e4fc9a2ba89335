"""Bars beside those already stored, and bars that are not of a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from sos_actors.app.imports import report as reasons
from sos_actors.errors import ImportRefusedError
from sos_actors.types import NANOS_PER_MINUTE, UnixNanos
from tests.app.imports import BAR, HEAD, NIFTY, OPEN_0915, bars, bring, counts, minute_lines


def other(lines: list[str], row: int, close: str) -> list[str]:
    """The lines with another close in one row."""
    return [line.replace("99,100,10", f"99,{close},10") if n == row else line for n, line in enumerate(lines)]


def test_a_different_bar_for_a_stored_minute_is_refused_and_the_stored_one_kept(tmp_path: Path) -> None:
    bring(tmp_path, minute_lines(5))
    report = bring(tmp_path, other(minute_lines(7), 2, "100.5"))
    assert counts(report) == {reasons.REPLACES: 1}
    assert (report.new, report.unchanged, report.replaced) == (2, 4, 0)
    example = f"line 3, 2024-01-01 09:16:00, {NIFTY}, close 100 -> 100.5"
    assert report.rejected[reasons.REPLACES].examples == [example]
    assert bars(tmp_path).close.tolist() == [100.0] * 7


def test_force_replaces_and_shows_the_first_replaced_bars(tmp_path: Path) -> None:
    bring(tmp_path, minute_lines(5))
    report = bring(tmp_path, other(minute_lines(5), 2, "100.5"), force=True)
    assert (report.new, report.unchanged, report.replaced, report.rejected) == (0, 4, 1, {})
    assert report.replacements == [f"line 3, 2024-01-01 09:16:00, {NIFTY}, close 100 -> 100.5"]
    assert bars(tmp_path).close.tolist() == [100.0, 100.5, 100.0, 100.0, 100.0]


def test_a_repetition_within_a_forced_file_is_still_a_conflict_across_batches(tmp_path: Path) -> None:
    bring(tmp_path, minute_lines(30))
    lines = other(minute_lines(30), 1, "100.5")
    report = bring(tmp_path, [*lines, minute_lines(1)[1]], force=True, batch_rows=5)
    assert counts(report) == {reasons.CONFLICT: 1}
    assert (report.unchanged, report.replaced) == (29, 1)


def test_an_unknown_volume_equals_an_unknown_one_and_differs_from_a_known_one(tmp_path: Path) -> None:
    no_volume = [line.rpartition(",")[0] for line in minute_lines(3)]
    assert bring(tmp_path, no_volume).remarks == ["no volume column was found: volume unknown"]
    assert bring(tmp_path, no_volume).unchanged == 3
    report = bring(tmp_path, minute_lines(3))
    assert report.rejected[reasons.REPLACES].examples[0].endswith("volume unknown -> 10")


def test_bars_of_the_future_are_refused(tmp_path: Path) -> None:
    report = bring(tmp_path, minute_lines(5), now=UnixNanos(OPEN_0915 + 2 * NANOS_PER_MINUTE))
    assert counts(report) == {reasons.FUTURE: 2}


@pytest.mark.parametrize("clock", ["", " 00:00:00", " 09:15:00", " 15:30:00"])
def test_daily_bars_are_told_from_a_wrong_time_zone(tmp_path: Path, clock: str) -> None:
    lines = [HEAD, *(f"2024-01-{day:02d}{clock},{BAR}" for day in (1, 2, 3, 4, 5))]
    with pytest.raises(ImportRefusedError, match=r"One-minute bars are needed; these.* are a day apart"):
        bring(tmp_path, lines)
    assert len(bars(tmp_path)) == 0


def test_hourly_bars_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    days = [1_440 * NANOS_PER_MINUTE * day for day in range(5)]
    lines = [line for day in days for line in minute_lines(6, 60, OPEN_0915 + day)[1:]]
    with pytest.raises(ImportRefusedError, match="60 minutes apart"):
        bring(tmp_path, [HEAD, *lines])
    assert len(bars(tmp_path)) == 0
