from __future__ import annotations

from sos_actors.market.watchlist import Watchlist
from sos_actors.messages.market import ScreenerAlert
from sos_actors.messages.snapshots import ScreenerRow, ScreenerScan
from sos_actors.types import NANOS_PER_SECOND, UnixNanos

NOW_S = 1_768_189_500
TCS, SBIN, ITC = "NSE|EQ|TCS", "NSE|EQ|SBIN", "NSE|EQ|ITC"


def row(symbol: str, age_s: float | None = 5.0, **values: float | None) -> ScreenerRow:
    updated = None if age_s is None else NOW_S - age_s
    return ScreenerRow(symbol, symbol.replace("|EQ|", ":"), {"updated_s": updated, **values})


def scan(*rows: ScreenerRow) -> ScreenerScan:
    return ScreenerScan(UnixNanos(NOW_S * NANOS_PER_SECOND), rows, len(rows), None, None)


def told(alerts: list[ScreenerAlert]) -> list[tuple[str, str]]:
    return [(alert.action, alert.symbol) for alert in alerts]


def test_stocks_arrive_in_the_order_of_the_scan_and_once_only() -> None:
    listed, alerts = Watchlist().after(scan(row(TCS), row(SBIN)))
    assert told(alerts) == [("ADD", TCS), ("ADD", SBIN)]
    assert listed.symbols == (TCS, SBIN)
    assert listed.after(scan(row(SBIN), row(TCS)))[1] == []


def test_an_alert_carries_the_row_and_zero_for_what_it_does_not_have() -> None:
    _, alerts = Watchlist().after(scan(row(TCS, rvol=2.4, momentum_score=None, adx=31.0, change=-1.5)))
    expected = ScreenerAlert(UnixNanos(NOW_S * NANOS_PER_SECOND), TCS, "ADD", rvol=2.4, adx=31.0, change=-1.5)
    assert alerts == [expected]


def test_a_stock_stays_for_as_many_scans_as_it_may_miss_and_leaves_with_the_next() -> None:
    listed, _ = Watchlist(keep_scans=2).after(scan(row(TCS, rvol=3.0), row(SBIN)))
    for _ in range(2):
        listed, alerts = listed.after(scan(row(SBIN)))
        assert alerts == []
    listed, alerts = listed.after(scan(row(SBIN)))
    assert told(alerts) == [("REMOVE", TCS)]
    assert alerts[0].rvol == 3.0
    assert listed.symbols == (SBIN,)


def test_one_appearance_starts_the_count_anew() -> None:
    listed, _ = Watchlist(keep_scans=1).after(scan(row(TCS)))
    for seen in (False, True, False, True):
        listed, alerts = listed.after(scan(*[row(TCS)] * seen))
        assert alerts == []


def test_a_stale_row_and_one_of_unknown_age_neither_arrive_nor_stay() -> None:
    listed, _ = Watchlist(keep_scans=0, stale_after_s=60).after(scan(row(TCS, 60), row(SBIN, 61), row(ITC, None)))
    assert listed.symbols == (TCS,)
    assert told(listed.after(scan(row(TCS, 61)))[1]) == [("REMOVE", TCS)]


def test_silence_counts_as_absence() -> None:
    listed, _ = Watchlist(keep_scans=1).after(scan(row(TCS), row(ITC)))
    listed, first = listed.after_silence(UnixNanos(1))
    listed, second = listed.after_silence(UnixNanos(2))
    assert first == []
    assert told(second) == [("REMOVE", ITC), ("REMOVE", TCS)]
    assert second[0].ts_event == 2


def test_the_list_before_is_left_as_it_was() -> None:
    before, _ = Watchlist().after(scan(row(TCS)))
    before.after(scan(row(SBIN)))
    assert before.symbols == (TCS,)
