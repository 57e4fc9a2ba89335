"""A run over a stock whose prices disagreed for a while: its signals are denied for that, and everything says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sos_actors.app.backtest import Backtest, BacktestRequest, run_backtest
from sos_actors.app.document import make_document, with_candles
from sos_actors.app.outcomes import signal_outcomes
from sos_actors.app.reports.report import render_report
from sos_actors.config import Config
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import default_master
from sos_actors.messages.market import QuarantineChanged
from sos_actors.store.database import Store
from sos_actors.types import UnixNanos
from tests.engine.markets import FIRST, SECOND, minute, strategy, walk

CALENDAR = Calendar.default()
STOCKS = [default_master().resolve(name) for name in ("RELIANCE", "TCS")]
QUARTER = re.compile(r"T09:(2[5-9]|30):")


def changed(index: int, on: bool) -> QuarantineChanged:
    ts = UnixNanos(minute(FIRST, index))
    return QuarantineChanged(ts, STOCKS[0].symbol, on, 101.0, 100.0, "tradingview")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path, origin="real") as opened:
        for number, stock in enumerate(STOCKS):
            opened.add_candles(stock.symbol, walk([FIRST, SECOND], number + 1), "file")
        yield opened


def run(store: Store) -> Backtest:
    request = BacktestRequest(STOCKS, [strategy("ALWAYS", "close > 0")], [FIRST, SECOND])
    return run_backtest(request, Config(), store, CALENDAR)


def told(store: Store) -> tuple[Backtest, dict[str, Any]]:
    finished = run(store)
    return finished, make_document(finished, Config(), CALENDAR, seed=None)


def test_its_signals_are_denied_with_the_reason_and_those_of_another_are_not(store: Store) -> None:
    store.add_quarantines([changed(10, True), changed(16, False)])
    finished, document = told(store)
    denied = [row for row in document["signals"] if row["reason"] == "prices disagree"]
    assert len(denied) == 6
    assert {(row["symbol"], row["outcome"]) for row in denied} == {("RELIANCE", "denied")}
    assert all(QUARTER.search(row["time"]) for row in denied)
    assert document["summary"]["denied"] == document["summary"]["outcomes"]["denied"] >= 6
    assert any(note.startswith("RELIANCE: 6 signals were denied because") for note in document["run"]["notes"])
    alone = {**document, "signals": [row for row in document["signals"] if row["symbol"] == "RELIANCE"]}
    outcome = signal_outcomes(alone, "ALWAYS")[denied[0]["time"]]
    assert (outcome.outcome, outcome.text) == ("denied", "denied: prices disagree")
    page = render_report(with_candles(document, finished))
    assert "prices disagree" in page
    assert "RELIANCE: 6 signals were denied" in page


def test_the_fingerprint_of_what_was_read_covers_quarantines_of_the_symbols_followed(store: Store) -> None:
    before = run(store).fingerprint
    other = QuarantineChanged(UnixNanos(minute(FIRST, 1)), "NSE|EQ|SBIN", True, 101.0, 100.0, "tradingview")
    store.add_quarantines([other])
    assert run(store).fingerprint == before
    store.add_quarantines([changed(10, True)])
    assert run(store).fingerprint != before


def test_a_quarantine_of_the_warm_up_denies_nothing_in_the_run(store: Store) -> None:
    store.add_quarantines([changed(300, True)])
    request = BacktestRequest(STOCKS, [strategy("ALWAYS", "close > 0")], [SECOND])
    assert not run_backtest(request, Config(), store, CALENDAR).result.signals["quarantined"].any()
