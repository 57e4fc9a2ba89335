"""One reading at a time gives the figures of a run over the stored rows, and never knows anything too early."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from sos_actors.app.histories import SentimentPath
from sos_actors.app.ingest.chain_history import measures_of
from sos_actors.config import Mood
from sos_actors.errors import DataError
from sos_actors.market.mood_path import MoodPath, usable_at
from sos_actors.messages.records import MoodMeasures
from sos_actors.messages.snapshots import OptionChain
from sos_actors.store.columns import ChainColumns, StatsColumns
from sos_actors.store.recording import chain_columns, stats_columns
from sos_actors.strategy.surroundings import sentiment_values
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Regime, SmartTrend, UnixNanos
from tests.market.chains import EXPIRY_CLOSE, NIFTY, breadth, chain, minute

NOTHING = MoodPath(NIFTY, 600, 3)


def stored_day() -> StatsColumns:
    """Two mornings of stored rows with everything that can be missing: minutes, PCR, breadth, trend."""
    random = np.random.default_rng(5)
    minutes = [k for k in range(1, 376) if not 40 <= k < 60 and k != 100]
    ts = np.array([minute(k) for k in minutes] + [minute(1440 + k) for k in range(1, 30)], np.int64)
    n = len(ts)
    known = {
        name: np.where(random.random(n) < 0.1, np.nan, middle + width * np.cumsum(random.normal(0, 1, n)))
        for name, middle, width in (("pcr", 1.0, 0.005), ("pcr_velocity", 0.0, 0.001), ("advances", 25.0, 0.5),
                                    ("oi_wall_above", 25_700.0, 1.0), ("ce_oi_change", 0.0, 900.0),
                                    ("total_oi", 9e6, 10.0), ("max_pain", 25_600.0, 1.0))
    }  # fmt: skip
    known["pcr"] += 0.5 * np.sin(np.arange(n) / 12)
    declines = np.where(random.random(n) < 0.2, 0.0, 20.0)
    return StatsColumns.of(ts, declines=declines, smart_trend=random.integers(0, 6, n).astype(np.int8), **known)


def rows_of(stats: StatsColumns) -> list[MoodMeasures]:
    names = [column.name for column in fields(StatsColumns) if column.name not in ("ts", "smart_trend")]
    return [
        MoodMeasures(UnixNanos(int(stats.ts[i])), NIFTY, "nse", smart_trend=SmartTrend(int(stats.smart_trend[i])),
                     **{name: float(getattr(stats, name)[i]) for name in names})
        for i in range(len(stats))
    ]  # fmt: skip


def test_row_by_row_the_mood_is_that_of_a_run_over_the_stored_rows() -> None:
    stats = stored_day()
    whole = SentimentPath.of(stats, Mood(stale_after_s=600, hysteresis_minutes=3))
    path = NOTHING
    seen = set()
    for i, row in enumerate(rows_of(stats)):
        path, sentiment = path.with_row(row)
        assert sentiment.regime == whole.regime[i]
        assert sentiment.ts_event == stats.ts[i]
        np.testing.assert_array_equal(sentiment_values(sentiment), whole.values[i])
        assert (math.nan if sentiment.total_oi is None else sentiment.total_oi) == pytest.approx(
            stats.total_oi[i], abs=0, nan_ok=True
        )
        seen.add(sentiment.regime)
    assert len(seen) >= 5, "the day must have had several moods"


def snapshots() -> list[OptionChain]:
    prices = 25_600 + np.cumsum(np.random.default_rng(3).normal(0, 6, 40))
    return [
        chain(minute(k), seed=k // 3, spot=float(price), puts=1 + 0.02 * k) for k, price in enumerate(prices, start=1)
    ]


def test_the_measures_of_each_chain_are_those_of_the_whole_session_at_once() -> None:
    chains = snapshots()
    parts = [chain_columns(one) for one in chains]
    table = ChainColumns(*(np.concatenate([getattr(one, f.name) for one in parts]) for f in fields(ChainColumns)))
    whole = measures_of(table, EXPIRY_CLOSE)

    path, rows = NOTHING, []
    for one in chains:
        path, _, row = path.after(one, None, math.nan, one.ts_event, EXPIRY_CLOSE)
        rows.append(row)

    for column in fields(StatsColumns):
        np.testing.assert_array_equal(
            getattr(stats_columns(rows), column.name), getattr(whole, column.name), err_msg=column.name
        )
    assert not np.isnan(whole.pcr_velocity[10:]).any()
    assert whole.smart_trend[20:].all()
    assert not np.isnan(whole.atm_vega).any()


@pytest.mark.parametrize(("nanos", "usable"), [(0, 20), (1, 21), (7_000_000_000, 21), (NANOS_PER_MINUTE, 21)])
def test_a_reading_counts_from_the_next_full_minute_on(nanos: int, usable: int) -> None:
    now = minute(20) + nanos
    path, sentiment, row = NOTHING.after(chain(now), None, math.nan, now, EXPIRY_CLOSE)
    assert sentiment.ts_event == row.ts_event == path.ts == minute(usable)
    assert usable_at(now) >= now


def test_there_is_one_reading_a_minute() -> None:
    path, _, _ = NOTHING.after(chain(minute(20)), None, math.nan, minute(20) + 1, EXPIRY_CLOSE)
    assert not path.is_news(minute(20) + 30 * NANOS_PER_SECOND)
    assert path.is_news(minute(21) + 1)
    with pytest.raises(DataError, match="came after"):
        path.after(None, breadth(minute(20)), math.nan, minute(20) + 2)


def test_without_a_chain_the_regime_stands_until_it_is_stale_and_no_figure_is_invented() -> None:
    path, first, _ = NOTHING.after(chain(minute(1), puts=1.6), breadth(minute(1)), math.nan, minute(1), EXPIRY_CLOSE)
    assert first.regime is not Regime.UNKNOWN
    for k in range(2, 15):
        path, sentiment, row = path.after(None, breadth(minute(k)), 25_600.0, minute(k))
        assert sentiment.regime == (first.regime if k <= 11 else Regime.UNKNOWN)
        assert (sentiment.pcr, sentiment.total_oi, sentiment.max_pain) == (None, None, None)
        assert (sentiment.advances, sentiment.declines) == (30.0, 19.0)
        assert math.isnan(row.pcr)


def test_counts_over_another_universe_are_left_out() -> None:
    told = breadth(minute(1), 1_500, 900, "NSE")
    _, sentiment, row = NOTHING.after(chain(minute(1)), told, math.nan, minute(1), EXPIRY_CLOSE)
    assert sentiment.advances is None
    assert math.isnan(row.declines)


def test_figures_of_two_sources_are_never_compared() -> None:
    path = NOTHING
    for k in range(1, 8):
        path, _, row = path.after(chain(minute(k), puts=1 + k / 10), None, math.nan, minute(k), EXPIRY_CLOSE)
    assert row.pcr_velocity > 0
    _, _, other = path.after(chain(minute(8), source="trendlyne"), None, math.nan, minute(8), EXPIRY_CLOSE)
    assert math.isnan(other.pcr_velocity)
    assert other.source == "trendlyne"
    _, _, same = path.after(chain(minute(8), puts=1.8), None, math.nan, minute(8), EXPIRY_CLOSE)
    assert same.pcr_velocity > 0


def test_our_own_price_of_the_underlying_goes_before_the_chains() -> None:
    told = chain(minute(1), spot=25_600.0)
    _, sentiment, row = NOTHING.after(told, None, 25_310.0, minute(1), EXPIRY_CLOSE)
    assert row.spot == 25_310.0
    assert sentiment.oi_wall_below is None, "no strike is listed below it"
    _, _, row = NOTHING.after(replace(told, spot=math.nan), None, math.nan, minute(1), EXPIRY_CLOSE)
    assert math.isnan(row.spot)
    assert math.isnan(row.oi_wall_above)
    assert row.pcr > 0


def test_a_value_is_not_changed_by_what_comes_after_it() -> None:
    path, first, _ = NOTHING.after(chain(minute(1)), None, math.nan, minute(1), EXPIRY_CLOSE)
    later = [path.after(chain(minute(2), puts=3.0), None, math.nan, minute(2))[1].regime
             for _ in range(2)]  # fmt: skip
    assert later[0] == later[1]
    assert NOTHING.after(chain(minute(1)), None, math.nan, minute(1), EXPIRY_CLOSE)[1] == first
