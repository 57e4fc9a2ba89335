from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from sos_actors.errors import MarketRuleError
from sos_actors.market.ticks import equity_tick


@pytest.mark.parametrize(
    ("day", "price", "tick"),
    [
        (date(2021, 5, 10), 120.0, 0.05),
        (date(2024, 6, 9), 120.0, 0.05),
        (date(2024, 6, 10), 249.99, 0.01),
        (date(2024, 6, 10), 250.0, 0.05),
        (date(2025, 1, 1), 4_000.0, 0.05),
        (date(2025, 4, 15), 4_000.0, 0.10),
        (date(2026, 1, 12), 999.0, 0.05),
        (date(2026, 1, 12), 30_000.0, 5.0),
    ],
)
def test_the_tick_follows_date_and_price(day: date, price: float, tick: float) -> None:
    assert equity_tick(day, price) == tick


def test_a_date_before_the_table_is_refused_with_the_file_to_extend() -> None:
    with pytest.raises(MarketRuleError, match=r"ticks\.toml"):
        equity_tick(date(2018, 1, 1), 100.0)


def test_real_bars_of_january_2025_lie_on_the_tick(shared_data: Path) -> None:
    file = shared_data / "stocks_1min" / "TCS_1min_20250101_20250131.csv.gz"
    with gzip.open(file, "rt") as stream:
        closes = np.array([float(line.split(",")[5]) for line in stream.read().splitlines()[1:]])
    tick = equity_tick(date(2025, 1, 1), closes[0])
    assert np.allclose(closes / tick, np.round(closes / tick))
    assert not np.allclose(closes / (2 * tick), np.round(closes / (2 * tick)))


def test_the_master_of_january_2026_agrees_where_the_built_in_list_knows_prices(shared_data: Path) -> None:
    with gzip.open(shared_data / "instruments" / "upstox_nse_2026-01.json.gz") as stream:
        rows = json.load(stream)
    ticks = {row["trading_symbol"]: row["tick_size"] / 100 for row in rows if row.get("instrument_type") == "EQ"}
    for name, price in {"RELIANCE": 1_450.0, "TCS": 3_200.0, "SBIN": 990.0, "ITC": 340.0, "LT": 4_100.0}.items():
        assert equity_tick(date(2026, 1, 15), price) == ticks[name], name
