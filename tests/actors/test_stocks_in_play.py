"""No more stocks are followed than can be; the others wait for their turn, and a restart changes nothing."""

from __future__ import annotations

from sos_actors.actors.stocks_in_play import StocksInPlay
from sos_actors.market.watchlist import Watchlist
from sos_actors.messages.market import ScreenerAlert
from sos_actors.messages.snapshots import ScreenerRow, ScreenerScan
from sos_actors.types import NANOS_PER_SECOND, UnixNanos
from tests.market.chains import minute


def scan(number: int, *names: str) -> ScreenerScan:
    ts = minute(number)
    rows = tuple(ScreenerRow(f"NSE|EQ|{name}", f"NSE:{name}", {"rvol": 2.5, "updated_s": ts / NANOS_PER_SECOND})
                 for name in names)  # fmt: skip
    return ScreenerScan(ts, rows, len(rows), ts, 0.0)


def said(alerts: list[ScreenerAlert]) -> list[str]:
    return [f"{alert.action} {alert.symbol.rpartition('|')[2]}" for alert in alerts]


def in_play(most: int = 2) -> StocksInPlay:
    return StocksInPlay(most, Watchlist(keep_scans=0))


def test_those_beyond_the_limit_wait_and_come_in_when_there_is_room() -> None:
    stocks = in_play()
    assert said(stocks.after(scan(1, "A", "B", "C", "D"))) == ["ADD A", "ADD B"]
    assert stocks.waiting == ("NSE|EQ|C", "NSE|EQ|D")
    alerts = stocks.after(scan(2, "B", "C", "D"))
    assert said(alerts) == ["REMOVE A", "ADD C"]
    assert alerts[1].ts_event == minute(2), "it is followed from now on"
    assert alerts[1].rvol == 2.5
    assert stocks.followed == ("NSE|EQ|B", "NSE|EQ|C")


def test_one_that_leaves_while_it_waits_is_never_told_of() -> None:
    stocks = in_play(1)
    stocks.after(scan(1, "A", "B"))
    assert said(stocks.after(scan(2, "A"))) == []
    assert said(stocks.after(scan(3))) == ["REMOVE A"]


def test_scans_that_fail_let_everybody_go_in_the_end() -> None:
    stocks = StocksInPlay(5, Watchlist(keep_scans=1))
    stocks.after(scan(1, "A"))
    assert stocks.after_silence(minute(2)) == []
    assert said(stocks.after_silence(minute(3))) == ["REMOVE A"]
    assert said(stocks.after(scan(4, "A"))) == ["ADD A"]


def test_after_a_restart_those_followed_are_not_added_again_and_leave_when_they_are_gone() -> None:
    def alert(name: str, action: str) -> ScreenerAlert:
        return ScreenerAlert(UnixNanos(minute(1)), f"NSE|EQ|{name}", action)

    past = [alert("A", "ADD"), alert("B", "ADD"), alert("C", "ADD"), alert("B", "REMOVE")]
    stocks = StocksInPlay(5, Watchlist(keep_scans=0), past)
    assert stocks.followed == ("NSE|EQ|A", "NSE|EQ|C")
    assert said(stocks.after(scan(2, "A", "D"))) == ["REMOVE C", "ADD D"]


def test_nobody_is_followed_when_none_may_be() -> None:
    stocks = in_play(0)
    assert stocks.after(scan(1, "A")) == []
    assert stocks.waiting == ("NSE|EQ|A",)
