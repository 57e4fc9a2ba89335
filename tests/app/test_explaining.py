from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sos_actors.app.backtest import BacktestRequest, run_backtest
from sos_actors.app.explaining import explain_history
from sos_actors.app.sources import Source, SourceWishes, open_source
from sos_actors.config import Config, Paths
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import default_master
from sos_actors.strategy.load import load_folder

CALENDAR = Calendar.default()
NIFTY = default_master().resolve("NIFTY")
DAYS = [date(2026, 1, 12), date(2026, 1, 13)]
STRATEGIES = {
    strategy.pattern_id: strategy
    for strategy in load_folder(Path(__file__).resolve().parent.parent.parent / "strategies").strategies
}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return Config(paths=Paths(data_dir=tmp_path_factory.mktemp("explaining")))


@pytest.fixture(scope="module")
def source(config: Config) -> Source:
    return open_source(config, [NIFTY], DAYS, CALENDAR, SourceWishes())


def test_what_is_explained_is_what_a_run_decides(config: Config, source: Source) -> None:
    everything = [strategy for strategy in STRATEGIES.values() if not strategy.symbols or "NIFTY" in strategy.symbols]
    with source.store:
        request = BacktestRequest([NIFTY], everything, DAYS)
        finished = run_backtest(request, config, source.store, CALENDAR)
        signals = finished.result.signals
        names = [strategy.pattern_id for strategy in finished.plan.strategies]
        decided = sorted({(names[row["strategy"]], float(row["entry"]), float(row["stop"])) for row in signals})
        explained = sorted(
            {
                (strategy.pattern_id, bar.record.signal.entry, bar.record.signal.stop)
                for strategy in everything
                for bar in explain_history(strategy, NIFTY, DAYS, source.store, CALENDAR, config)
                if bar.record.signal is not None
            }
        )
    assert len(decided) > 3
    assert explained == decided
