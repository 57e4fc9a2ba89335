from __future__ import annotations

import json
from datetime import date

import pytest

from sos_actors.app.backtest import BacktestRequest, run_backtest
from sos_actors.app.explaining import explain_history
from sos_actors.app.sources import Source, SourceWishes, open_source
from sos_actors.config import Config, Paths
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import default_master
from sos_actors.strategy.load import load_bytes
from sos_actors.strategy.tree import Strategy

CALENDAR = Calendar.default()
NIFTY = default_master().resolve("NIFTY")
DAYS = [date(2026, 1, 12), date(2026, 1, 13)]


def strategy(pattern_id: str, timeframe: str, side: str, step: str) -> Strategy:
    document = {
        "pattern_id": pattern_id,
        "timeframe": timeframe,
        "phases": [
            {"id": "SIDE", "conditions": [f"close {step} ema(history, 20, 'close')"], "capture": {"at": "low"}},
            {"id": "GO", "conditions": [f"close {step} vars.at", "sentiment.pcr > 0"], "timeout": 4},
        ],
        "execution": {"side": side, "entry": "close", "sl": f"close - {'atr' if side == 'BUY' else '(0 - atr)'}",
                      "tp": f"entry {'+' if side == 'BUY' else '-'} risk"},
    }  # fmt: skip
    loaded = load_bytes(json.dumps(document).encode(), f"{pattern_id}.json")
    assert loaded.strategy is not None, loaded.findings
    return loaded.strategy


FIRING = [strategy("UP", "5m", "BUY", ">"), strategy("DOWN", "15m", "SELL", "<")]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return Config(paths=Paths(data_dir=tmp_path_factory.mktemp("explaining")))


@pytest.fixture(scope="module")
def source(config: Config) -> Source:
    return open_source(config, [NIFTY], DAYS, CALENDAR, SourceWishes())


def test_what_is_explained_is_what_a_run_decides(config: Config, source: Source) -> None:
    with source.store:
        request = BacktestRequest([NIFTY], FIRING, DAYS)
        finished = run_backtest(request, config, source.store, CALENDAR)
        signals = finished.result.signals
        names = [one.pattern_id for one in finished.plan.strategies]
        decided = sorted(
            {(names[row["strategy"]], int(row["ts"]), float(row["entry"]), float(row["stop"])) for row in signals}
        )
        explained = sorted(
            {
                (one.pattern_id, bar.closed, bar.record.signal.entry, bar.record.signal.stop)
                for one in FIRING
                for bar in explain_history(one, NIFTY, DAYS, source.store, CALENDAR, config)
                if bar.record.signal is not None
            }
        )
    assert len(decided) > 3
    assert explained == decided
