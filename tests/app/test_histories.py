"""The mood a symbol is seen with: its own from when there is one, the market's before, never another's prices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from sos_actors.app.backtest import charge_table, followed
from sos_actors.app.histories import HistoryLoader, LoadedSymbol
from sos_actors.config import Config
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import default_master
from sos_actors.store.columns import StatsColumns
from sos_actors.store.database import Store
from sos_actors.strategy.tree import SENTIMENT_FIELDS
from sos_actors.types import Regime
from tests.engine.markets import FIRST, SECOND, minute, walk

NIFTY, BANKNIFTY = "NSE|INDEX|NIFTY", "NSE|INDEX|BANKNIFTY"


def stats(day: date, pcr: float) -> StatsColumns:
    """A reading a minute from the open on."""
    ts = np.array([minute(day, k) for k in range(376)])
    known = {"pcr": pcr, "advances": 30.0, "declines": 20.0, "oi_wall_above": 25_700.0, "oi_wall_below": 25_500.0,
             "max_pain": 25_600.0, "total_oi": 9e6, "ce_oi_change": 5.0, "atm_iv": 12.0}  # fmt: skip
    return StatsColumns.of(ts, **{name: np.full(len(ts), value) for name, value in known.items()})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path, origin="real") as opened:
        for symbol in (NIFTY, BANKNIFTY):
            opened.add_candles(symbol, walk([FIRST, SECOND], 1), "file")
        opened.add_market_stats(NIFTY, stats(FIRST, 1.5), "file")
        opened.add_market_stats(NIFTY, stats(SECOND, 1.5), "file")
        yield opened


def load(store: Store, *days: date, symbol: str = BANKNIFTY) -> LoadedSymbol:
    config, calendar = Config(), Calendar.default()
    loader = HistoryLoader(store, calendar, charge_table(config), config.mood, [], days)
    return loader.load(followed(default_master().resolve(symbol)))


def regimes(loaded: LoadedSymbol, *indices: int) -> list[Regime]:
    around = loaded.history.surroundings(np.array([minute(FIRST, k) for k in indices]))
    return [Regime(code) for code in around.regime]


def test_a_symbol_without_a_mood_of_its_own_has_the_markets(store: Store) -> None:
    assert regimes(load(store, FIRST), 100) == regimes(load(store, FIRST, symbol=NIFTY), 100) != [Regime.UNKNOWN]


def test_its_own_mood_counts_from_its_first_row_on_and_changes_nothing_before(store: Store) -> None:
    alone = regimes(load(store, FIRST), 100, 374)
    store.add_market_stats(BANKNIFTY, stats(SECOND, 0.5), "file")
    both = load(store, FIRST, SECOND)
    assert regimes(both, 100, 374) == alone
    around = both.history.surroundings(np.array([minute(SECOND, 100)]))
    assert Regime(around.regime[0]) is Regime.BEARISH


def test_strikes_and_open_interest_of_the_market_are_not_lent(store: Store) -> None:
    around = load(store, FIRST).history.surroundings(np.array([minute(FIRST, 100)]))
    row = dict(zip(SENTIMENT_FIELDS, around.sentiment[around.sentiment_row[0]], strict=True))
    assert (row["pcr"], row["breadth_ratio"], row["ce_oi_change"]) == (1.5, 1.5, 5.0)
    assert np.isnan([row["oi_wall_above"], row["oi_wall_below"], row["max_pain"]]).all()
    assert np.isnan(load(store, FIRST).history.bars.oi).all()
    assert np.isnan(load(store, FIRST).sentiment.stats.atm_iv).all()
    assert load(store, FIRST, symbol=NIFTY).sentiment.stats.atm_iv[0] == 12.0


def test_an_index_has_the_open_interest_of_its_own_options(store: Store) -> None:
    assert load(store, FIRST, symbol=NIFTY).history.bars.oi[100] == 9e6
