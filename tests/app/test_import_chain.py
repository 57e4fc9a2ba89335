"""Chain rows beside those already stored."""

from __future__ import annotations

from pathlib import Path

from sos_actors.app.imports import report as reasons
from sos_actors.types import NANOS_PER_MINUTE, UnixNanos
from tests.app.imports import OPEN_0915, bring, chain, counts

WIDE = "time,Symbol,Expiry,Strike,Spot,CE_LTP,CE_OI,PE_LTP,PE_OI"
LONG = "timestamp,symbol,expiry,strike,type,ltp,oi"


def wide(call: str = "90") -> list[str]:
    rows = [(minute, strike) for minute in range(20, 23) for strike in (21_500, 21_600)]
    lines = [f"2024-01-01 09:{minute}:00,NIFTY,2024-01-04,{strike},21510,90,200,80,100" for minute, strike in rows]
    return [WIDE, *lines[:2], lines[2].replace("21510,90", f"21510,{call}"), *lines[3:]]


def test_the_same_chain_again_is_unchanged(tmp_path: Path) -> None:
    first, again = bring(tmp_path, wide(), kind="chain"), bring(tmp_path, wide(), kind="chain", batch_rows=2)
    assert (first.new, first.unchanged) == (6, 0)
    assert (again.new, again.unchanged, again.rows_accepted) == (0, 6, 6)


def test_a_different_row_of_a_chain_is_refused_unless_forced(tmp_path: Path) -> None:
    bring(tmp_path, wide(), kind="chain")
    report = bring(tmp_path, wide("95"), kind="chain")
    assert (report.unchanged, counts(report)) == (5, {reasons.REPLACES: 1})
    assert report.rejected[reasons.REPLACES].examples[0].endswith("ce_ltp 90 -> 95")
    assert 95.0 not in chain(tmp_path).ce_ltp
    forced = bring(tmp_path, wide("95"), kind="chain", force=True)
    assert (forced.unchanged, forced.replaced) == (5, 1)
    assert forced.replacements[0].endswith("ce_ltp 90 -> 95")
    assert chain(tmp_path).ce_ltp.tolist() == [90.0, 90.0, 95.0, 90.0, 90.0, 90.0]


def test_joined_legs_are_counted_and_both_are_refused_with_their_row(tmp_path: Path) -> None:
    def lines(put: int) -> list[str]:
        return [LONG, *(f"2024-01-01 09:20:00,NIFTY,2024-01-04,21500,{leg},{ltp},5" for leg, ltp in legs(put))]

    def legs(put: int) -> list[tuple[str, int]]:
        return [("CE", 90), ("PE", put)]

    assert bring(tmp_path, lines(80), kind="chain").remarks == ["2 legs in 1 rows"]
    assert counts(bring(tmp_path, lines(81), kind="chain")) == {reasons.REPLACES: 2}


def test_calls_and_puts_may_come_in_files_of_their_own(tmp_path: Path) -> None:
    for leg, price in (("CE", 90.0), ("PE", 80.0)):
        lines = [LONG, *(f"2024-01-01 09:{minute}:00,NIFTY,2024-01-04,21500,{leg},{price},100" for minute in (20, 21))]
        report = bring(tmp_path, lines, kind="chain")
        assert (report.new, report.replaced, report.rejected) == (2, 0, {})
        assert bring(tmp_path, lines, kind="chain").unchanged == 2
    stored = chain(tmp_path)
    assert (stored.ce_ltp.tolist(), stored.pe_ltp.tolist()) == ([90.0, 90.0], [80.0, 80.0])


def test_snapshots_of_the_future_are_refused(tmp_path: Path) -> None:
    now = UnixNanos(OPEN_0915 + 6 * NANOS_PER_MINUTE)
    assert counts(bring(tmp_path, wide(), kind="chain", now=now)) == {reasons.FUTURE: 2}
