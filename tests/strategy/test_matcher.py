"""How compiled patterns advance: phases, timeouts, regimes, captures, failures, bars in chunks."""

from __future__ import annotations

import numpy as np
import pytest

from sos_actors.messages.market import BarSeries
from sos_actors.strategy import opcodes as op
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.matcher import CHUNK, Matcher, unknown_surroundings
from sos_actors.strategy.program import compile_strategies
from sos_actors.strategy.tree import Strategy
from sos_actors.types import Regime
from tests.strategy.patterns import closes, in_regimes, phase, strategy

BREAK = (phase("close > 10", hi="high"), phase("close > vars.hi", timeout=2))


def matcher_of(*strategies: Strategy) -> Matcher:
    return Matcher(compile_strategies(strategies))


def extend(matcher: Matcher, bars: BarSeries, around: Surroundings | None = None) -> list[int]:
    """The bars on which something fired."""
    matches = matcher.extend(bars, np.zeros(len(bars), np.int64), around or unknown_surroundings(len(bars)))
    return [int(bar) for bar in matches["bar"]]


def phases_of(matcher: Matcher) -> list[int]:
    return [int(row[op.STATE_PHASE]) for row in matcher.progress.state]


def test_a_pattern_moves_one_phase_a_bar_at_most() -> None:
    matcher = matcher_of(strategy(phase("close > 0"), phase("close > 0"), phase("close > 0")))
    assert extend(matcher, closes(1, 1, 1, 1, 1, 1, 1)) == [2, 5]


def test_a_pattern_starts_over_after_it_fired_and_forgets_its_captures() -> None:
    matcher = matcher_of(strategy(*BREAK))
    assert extend(matcher, closes(11, 13)) == [1]
    assert phases_of(matcher) == [0]
    assert np.isnan(matcher.progress.captures).all()


def test_a_phase_times_out_after_as_many_bars_as_it_says() -> None:
    matcher = matcher_of(strategy(*BREAK))
    assert extend(matcher, closes(11, 11)) == []
    assert phases_of(matcher) == [1]
    assert extend(matcher, closes(11)) == []
    assert phases_of(matcher) == [0]
    assert extend(matcher, closes(20, 30)) == [1]


def test_the_last_bar_before_the_timeout_still_counts() -> None:
    assert extend(matcher_of(strategy(*BREAK)), closes(11, 11, 13)) == [2]


def test_without_a_timeout_a_phase_waits_for_ever() -> None:
    matcher = matcher_of(strategy(phase("close > 10"), phase("close > 20")))
    assert extend(matcher, closes(*[11] * 500, 21)) == [500]


def test_a_regime_without_entry_stops_the_first_phase_only() -> None:
    pattern = strategy(phase("close > 0"), phase("close > 0"), BEARISH={"allow_entry": False})
    no, yes = Regime.BEARISH, Regime.UNKNOWN
    assert extend(matcher_of(pattern), closes(1, 1, 1), in_regimes([no, no, no])) == []
    assert extend(matcher_of(pattern), closes(1, 1, 1), in_regimes([yes, no, no])) == [1]


def test_bars_of_a_forbidden_regime_do_not_count_towards_the_timeout_of_the_first_phase() -> None:
    pattern = strategy(phase("hi = high", "vars.hi > 100", timeout=2), BEARISH={"allow_entry": False})
    matcher = matcher_of(pattern)
    extend(matcher, closes(1, 1, 1), in_regimes([Regime.UNKNOWN, Regime.BEARISH, Regime.BEARISH]))
    assert matcher.progress.state[0, op.STATE_COUNT] == 1
    assert matcher.progress.captures[0] == 2.0


def test_the_settings_of_the_regime_reach_the_execution() -> None:
    pattern = strategy(phase(), tp="entry * tp_mult", BULLISH={"tp_mult": 3.0, "quantity_mod": 1.5})
    matcher = matcher_of(pattern)
    around = in_regimes([Regime.BULLISH, Regime.UNKNOWN])
    matches = matcher.extend(closes(10, 10), np.zeros(2, np.int64), around)
    assert matches["target"].tolist() == [30.0, 10.0]
    assert matches["quantity_mod"].tolist() == [1.5, 1.0]
    assert matches["regime"].tolist() == [Regime.BULLISH, Regime.UNKNOWN]


def test_a_failing_condition_is_false_and_is_counted() -> None:
    matcher = matcher_of(strategy(phase("close / (close - open) > 1", "close > 0")))
    assert extend(matcher, closes(10, 10, 11)) == [2]
    assert matcher.progress.errors.tolist() == [2, 0, 0, 0, 0]


def test_a_failing_capture_leaves_none_of_its_phase_behind() -> None:
    matcher = matcher_of(strategy(phase("flag = 1", hi="high", bad="1 / (close - close)"), phase("close > 0")))
    assert extend(matcher, closes(10)) == []
    assert phases_of(matcher) == [0]
    assert matcher.progress.captures.tolist()[0] == 1.0
    assert np.isnan(matcher.progress.captures[1:]).all()


def test_a_failing_execution_gives_no_signal_and_starts_over() -> None:
    matcher = matcher_of(strategy(phase("close > 0"), phase("close > 0"), sl="sqrt(close - 15)"))
    assert extend(matcher, closes(10, 10, 20, 20)) == [3]
    assert matcher.progress.errors.sum() == 1


def test_a_capture_that_nothing_makes_fails_where_it_is_read() -> None:
    matcher = matcher_of(strategy(phase("close > vars.never")))
    assert extend(matcher, closes(1, 2)) == []
    assert matcher.progress.errors.tolist()[0] == 2


def test_two_strategies_do_not_see_each_others_captures() -> None:
    other = strategy(phase("close > 10", hi="low"), phase("close > vars.hi", timeout=2))
    matcher = matcher_of(strategy(*BREAK), other)
    matches = matcher.extend(closes(11, 11.5), np.zeros(2, np.int64), unknown_surroundings(2))
    assert [(int(m["bar"]), int(m["strategy"])) for m in matches] == [(1, 1)]


@pytest.mark.parametrize("size", [1, 3, 50, CHUNK + 1])
def test_the_same_bars_in_chunks_fire_the_same(size: int) -> None:
    prices = 10.0 + np.abs(np.random.default_rng(5).normal(0, 2, 2 * CHUNK + 7)).round(2)
    bars = closes(*prices)
    whole = extend(matcher_of(strategy(*BREAK)), bars)
    matcher, found = matcher_of(strategy(*BREAK)), []
    for low in range(0, len(bars), size):
        found += [low + bar for bar in extend(matcher, bars[low : low + size])]
    assert found == whole
    assert len(whole) > CHUNK // 16


def test_no_bars_fire_nothing() -> None:
    assert extend(matcher_of(strategy(*BREAK)), closes()) == []


@pytest.mark.parametrize("condition", ["oi > 1", "1 < oi", "close < oi", "prev_candle.oi < close", "oi == vars.hi"])
def test_an_unknown_value_on_either_side_of_a_comparison_is_a_failure(condition: str) -> None:
    matcher = matcher_of(strategy(phase("hi = high", condition)))
    assert extend(matcher, closes(1, 2, 3)) == []
    assert matcher.progress.errors.tolist()[:2] == [0, 3]
