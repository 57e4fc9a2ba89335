"""The strategies that come with SOS: every file is clean, fires on the simulated market, and asks for sound trades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sos_actors.app.histories import SentimentPath
from sos_actors.app.strategy_files import load_paths, validate_paths
from sos_actors.config import Mood
from sos_actors.engine.bars import closes, roll_up
from sos_actors.market.calendar import Calendar
from sos_actors.market.chain import measure_many
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.model import MarketModel, SimulatedDay
from sos_actors.store.columns import StatsColumns
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.matcher import Matcher, unknown_surroundings
from sos_actors.strategy.program import compile_strategies
from sos_actors.strategy.surroundings import surroundings
from sos_actors.strategy.tree import SCREENER_FIELDS, Strategy
from tests.checkout import SHIPPED_STRATEGIES

FOLDER = Path(__file__).resolve().parents[2] / "strategies"
SHIPPED = {strategy.pattern_id: strategy for strategy in load_paths(SHIPPED_STRATEGIES).strategies}
TEXTS = {name: Path(strategy.source_path).read_text("utf-8") for name, strategy in SHIPPED.items()}
FED = sorted(name for name, text in TEXTS.items() if "sentiment." in text or "screener." in text)
"""Those that read what not every market has."""
REVERSALS = {
    "BAND_REVERSAL_LONG", "EXHAUSTION_WICK_SHORT", "FAILED_BREAKDOWN_LONG", "FAILED_BREAKOUT_SHORT", "GAP_FILL_SHORT",
    "OI_WALL_REJECT_SHORT",
}  # fmt: skip
"""Trades against the move, which live in a sideways market: the veto must not silence them there."""
INDICES = ("NSE|INDEX|NIFTY", "NSE|INDEX|BANKNIFTY")
SEED, FIRST, LAST = 7, date(2026, 1, 12), date(2026, 2, 13)
RVOL, SCORE = SCREENER_FIELDS.index("rvol"), SCREENER_FIELDS.index("momentum_score")
CHANGE = SCREENER_FIELDS.index("change_from_open")


@dataclass(frozen=True)
class Stretch:
    """One symbol's simulated bars of all sessions, and what is known around them."""

    symbol: str
    bars: BarSeries
    sessions: NDArray[np.int64]
    opens: NDArray[np.int64]
    session_closes: NDArray[np.int64]
    stats: StatsColumns
    screener: NDArray[np.float64]


@dataclass(frozen=True)
class Fired:
    """One signal, with the average true range of its timeframe when it came."""

    strategy: Strategy
    symbol: str
    entry: float
    stop: float
    target: float
    atr: float

    @property
    def risk(self) -> float:
        return (self.entry - self.stop) * self.strategy.side

    @property
    def gain(self) -> float:
        return (self.target - self.entry) * self.strategy.side


@cache
def days() -> tuple[SimulatedDay, ...]:
    calendar = Calendar.default()
    model = MarketModel(SEED, calendar)
    return tuple(model.session(day) for day in calendar.sessions(FIRST, LAST))


@cache
def stats_of(simulated: SimulatedDay, underlying: str) -> StatsColumns:
    chain, breadth = simulated.chain(underlying), simulated.breadth()
    starts = np.flatnonzero(np.r_[True, chain.ts[1:] != chain.ts[:-1]])
    found = measure_many(
        chain.ts[starts], np.append(starts, len(chain)), chain.strike, chain.ce_oi, chain.pe_oi, chain.ce_oi_change,
        chain.pe_oi_change, chain.spot[starts],
    )  # fmt: skip
    at = np.searchsorted(breadth.ts, found.ts, side="right") - 1
    names = ("pcr", "pcr_velocity", "oi_wall_above", "oi_wall_below", "ce_oi_change", "pe_oi_change", "smart_trend")
    known = {name: getattr(found, name) for name in names}
    return StatsColumns.of(found.ts, advances=breadth.advances[at], declines=breadth.declines[at], **known)


def screener_of(simulated: SimulatedDay, symbol: str, bars: BarSeries) -> NDArray[np.float64]:
    """A row a minute: nothing of a symbol that is not in play, as the bridge would send nothing."""
    rows, plan = np.zeros((len(bars), len(SCREENER_FIELDS))), simulated.plan(symbol)
    if plan.in_play:
        rows[:, RVOL], rows[:, SCORE] = plan.relative_volume, 80.0
        rows[:, CHANGE] = (bars.close / bars.open[0] - 1.0) * 100.0
    return rows


@cache
def stretch(symbol: str) -> Stretch:
    parts = [day.candles(symbol) for day in days()]
    bars = BarSeries(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(BarSeries)))
    sessions = Calendar.default().session_numbers(bars.ts)
    underlying = short_name_of(symbol) if symbol in INDICES else "NIFTY"
    stats = [stats_of(day, underlying) for day in days()]
    return Stretch(
        symbol,
        bars,
        sessions,
        bars.ts[np.searchsorted(sessions, sessions)],
        bars.ts[np.searchsorted(sessions, sessions, side="right") - 1] + 60_000_000_000,
        StatsColumns(*(np.concatenate([getattr(row, field.name) for row in stats]) for field in fields(StatsColumns))),
        np.concatenate([screener_of(day, symbol, part) for day, part in zip(days(), parts, strict=True)]),
    )


def true_range_means(bars: BarSeries) -> NDArray[np.float64]:
    before = np.r_[bars.open[0], bars.close[:-1]]
    sums = np.r_[0.0, np.cumsum(np.maximum(bars.high, before) - np.minimum(bars.low, before))]
    ends = np.arange(1, len(bars) + 1)
    starts = np.maximum(ends - 14, 0)
    means: NDArray[np.float64] = (sums[ends] - sums[starts]) / (ends - starts)
    return means


def run(symbol: str, strategies: Sequence[Strategy], *, known: bool = True) -> tuple[list[Fired], Counter[str]]:
    """Signals of strategies of one timeframe, and how often each expression failed."""
    found, minutes = stretch(symbol), strategies[0].timeframe_minutes
    bars = roll_up(found.bars, found.opens, minutes)
    at = np.searchsorted(found.bars.ts, bars.ts)
    around = around_of(found, closes(bars.ts, found.session_closes[at], minutes)) if known else None
    matcher = Matcher(compile_strategies(tuple(strategies)), len(bars))
    matches = matcher.extend(bars, found.sessions[at], around or unknown_surroundings(len(bars)))
    atr = true_range_means(bars) if len(matches) else np.empty(0)
    fired = [
        Fired(strategies[row["strategy"]], symbol, row["entry"], row["stop"], row["target"], atr[row["bar"]])
        for row in matches
    ]
    errors: Counter[str] = Counter()
    for (_, source), count in zip(matcher.strategies.expressions, matcher.progress.errors, strict=True):
        errors[source] += int(count)
    return fired, errors


def around_of(found: Stretch, moments: NDArray[np.int64]) -> Surroundings:
    path = SentimentPath.of(found.stats, Mood())
    known_at = found.bars.ts + 60_000_000_000
    return surroundings(moments, found.stats.ts, path.values, known_at, found.screener, path.stale_ns)


def followers(symbol: str) -> dict[int, list[Strategy]]:
    """Strategies that apply to a symbol, by timeframe."""
    groups: dict[int, list[Strategy]] = {}
    for strategy in SHIPPED.values():
        if not strategy.symbols or short_name_of(symbol) in strategy.symbols:
            groups.setdefault(strategy.timeframe_minutes, []).append(strategy)
    return groups


@cache
def all_fired() -> tuple[Fired, ...]:
    symbols = days()[0].symbols
    return tuple(one for symbol in symbols for group in followers(symbol).values() for one in run(symbol, group)[0])


def fired_by(pattern_id: str) -> list[Fired]:
    return [one for one in all_fired() if one.strategy.pattern_id == pattern_id]


shipped = pytest.mark.parametrize("pattern_id", sorted(SHIPPED))


def test_every_file_is_valid_without_a_warning() -> None:
    checked = validate_paths(SHIPPED_STRATEGIES)
    assert [finding.render() for finding in checked.findings] == []
    assert len(checked.strategies) == len(SHIPPED_STRATEGIES) >= 15


@shipped
def test_a_file_is_named_after_its_pattern_and_says_why_it_should_work(pattern_id: str) -> None:
    strategy = SHIPPED[pattern_id]
    assert Path(strategy.source_path).name == f"{pattern_id.lower()}.json"
    assert 60 <= len(strategy.description) <= 240
    assert len(strategy.phases) <= 4
    assert pattern_id.endswith("_LONG" if strategy.side > 0 else "_SHORT")


@shipped
def test_the_table_of_strategies_lists_it(pattern_id: str) -> None:
    rows = [line for line in (FOLDER / "README.md").read_text("utf-8").splitlines() if line.startswith("| `")]
    assert sum(f"`{pattern_id}`" in row for row in rows) == 1
    assert len(rows) == len(SHIPPED)


@shipped
def test_it_fires_on_a_simulated_month_but_not_all_day(pattern_id: str) -> None:
    counts = Counter(one.symbol for one in fired_by(pattern_id))
    assert counts
    assert max(counts.values()) <= 2 * len(days())


@shipped
def test_stop_and_target_of_every_signal_are_worth_the_costs(pattern_id: str) -> None:
    for one in fired_by(pattern_id):
        assert one.risk >= 0.999 * one.atr, "a stop within the noise of a bar"
        assert one.risk <= 0.04 * one.entry, "a stop that is never reached in a day"
        assert one.gain >= 1.499 * one.risk


@pytest.mark.parametrize("pattern_id", FED)
def test_it_stays_silent_without_the_data_it_reads(pattern_id: str) -> None:
    strategy = SHIPPED[pattern_id]
    assert "silent" in strategy.description.lower()
    for symbol in {one.symbol for one in fired_by(pattern_id)}:
        fired, errors = run(symbol, [strategy], known=False)
        assert fired == []
        assert errors.total() == 0


@pytest.mark.parametrize("symbol", INDICES)
def test_no_strategy_reads_the_volume_of_an_index(symbol: str) -> None:
    for group in followers(symbol).values():
        failed = [source for source, count in run(symbol, group)[1].items() if count]
        assert [source for source in failed if "volume" in source or "vwap" in source] == []


@pytest.mark.parametrize("pattern_id", sorted(REVERSALS))
def test_a_reversal_may_trade_a_sideways_market(pattern_id: str) -> None:
    assert SHIPPED[pattern_id].regimes["SIDEWAYS"].allow_entry


def test_both_sides_all_timeframes_and_both_kinds_of_symbol_are_there() -> None:
    assert Counter(strategy.side for strategy in SHIPPED.values()).most_common()[-1][1] >= 8
    assert {strategy.timeframe_minutes for strategy in SHIPPED.values()} == {1, 3, 5, 15}
    assert {one.symbol in INDICES for one in all_fired()} == {True, False}
