"""The compiled form means what the reference means: random expressions and random strategies, bit for bit."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sos_actors.strategy.evaluator import EvaluationError, Evaluator, Surrounding
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.matcher import Matcher
from sos_actors.strategy.parser import Scope, parse_expression
from sos_actors.strategy.program import compile_strategies
from sos_actors.strategy.reference import ReferenceMachine
from sos_actors.strategy.reference_functions import History
from sos_actors.strategy.tree import Condition, Expression, Kind, OptionChoice, Phase, RegimeSettings, Strategy
from sos_actors.types import Regime
from tests.strategy.documents import documents, loaded
from tests.strategy.expressions import ASSIGNED, EXPRESSIONS, NUMBERS_CAPTURED, TEXTS_CAPTURED
from tests.strategy.markets import MARKETS, Market
from tests.strategy.places import Signal, bits, reference_signal, reference_standing, signal_of, standing

SCOPE = Scope(
    dict.fromkeys(NUMBERS_CAPTURED, Kind.NUMBER) | dict.fromkeys(TEXTS_CAPTURED, Kind.TEXT) | {"hi": Kind.NUMBER},
    frozenset(ASSIGNED),
)
REGIMES = {
    "BULLISH": RegimeSettings(True, 2.5, 1.5, 0.1),
    "SIDEWAYS": RegimeSettings(True, 1.0, 0.0, 0.0),
}
ZERO = parse_expression("0")
FEW_BARS = 8
"""Of a long market, the reference evaluates only as many at the start and at the end: it is slow."""

thorough = settings(
    deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)  # fmt: skip


def priced(source: str) -> Strategy:
    """A strategy that fires on every bar on which the expression has a finite value, with that value as its entry."""
    return _strategy((), parse_expression(source, SCOPE))


def conditioned(source: str) -> Strategy:
    """A strategy that fires on every bar on which the expression holds."""
    return _strategy((Condition(parse_expression(source, SCOPE)),), ZERO)


def _strategy(conditions: tuple[Condition, ...], entry: Expression) -> Strategy:
    captured = NUMBERS_CAPTURED | TEXTS_CAPTURED | ASSIGNED
    assigned = tuple(Condition(parse_expression(text), name) for name, text in captured.items())
    phase = Phase("ONLY", assigned + conditions, (), 0)
    return Strategy("ID", "", (), 1, REGIMES, (phase,), 1, entry, ZERO, ZERO, OptionChoice(), "", "")


def compiled_values(strategies: tuple[Strategy, ...], market: Market) -> tuple[list[list[float | None]], list[int]]:
    """Entry of each strategy on each bar (None where it did not fire), and how often its expressions failed."""
    matcher = Matcher(compile_strategies(strategies))
    values: list[list[float | None]] = [[None] * len(market.bars) for _ in strategies]
    for match in matcher.extend(market.series(), market.sessions(), market.around()):
        values[match["strategy"]][match["bar"]] = float(match["entry"])
    owners = matcher.strategies.expressions
    counts = [0] * len(strategies)
    for (owner, _), count in zip(owners, matcher.progress.errors, strict=True):
        counts[owner] += int(count)
    return values, counts


def reference_value(evaluator: Evaluator, source: str, around: Surrounding) -> float | None:
    try:
        value = evaluator.evaluate(source, around)
    except EvaluationError:
        return None
    assert not isinstance(value, str)
    return float(value)


def surrounding(market: Market, i: int) -> Surrounding:
    bar, sentiment = market.bars[i], market.sentiments[i]
    captures: dict[str, float | str] = {"a": 17.25, "b": 0.0, "c": -3.0, "word": "Long Buildup"}
    captures |= {"flag": float(bar.close > bar.open), "move": bar.close - bar.open, "hi": 25600.5}
    captures["other"] = "never heard of"
    regime = Regime.UNKNOWN if sentiment is None else sentiment.regime
    return Surrounding(captures, sentiment, market.alerts[i], REGIMES.get(regime.name, RegimeSettings()))


def same_bits(found: float | None, expected: float | None) -> bool:
    """Whether both are the same number, or the reference's cannot be a price and nothing was found."""
    if expected is None or not math.isfinite(expected):
        return found is None
    return found is not None and bits(found) == bits(expected)


def check_expressions(sources: list[str], market: Market) -> None:
    """Each expression as a price and as a condition, on the first and the last bars."""
    strategies = tuple(priced(source) for source in sources) + tuple(conditioned(source) for source in sources)
    values, counts = compiled_values(strategies, market)
    history = History()
    evaluator = Evaluator(history)
    n_bars, n_failed = len(market.bars), [0] * len(sources)
    for i, bar in enumerate(market.bars):
        history.append(bar)
        if FEW_BARS <= i < n_bars - FEW_BARS:
            continue
        around = surrounding(market, i)
        for k, source in enumerate(sources):
            expected = reference_value(evaluator, source, around)
            price, fired = values[k][i], values[len(sources) + k][i]
            assert same_bits(price, expected), (source, i, "compiled", price, "reference", expected)
            holds = expected is not None and expected != 0.0
            assert (fired is not None) is holds, (source, i, "fired", fired, "reference", expected)
            n_failed[k] += expected is None
    for k, found in enumerate(values[: len(sources)]):
        assert counts[k] == found.count(None)
        if n_bars <= 2 * FEW_BARS:
            assert counts[len(sources) + k] == n_failed[k]


@given(st.lists(EXPRESSIONS, min_size=10, max_size=20), MARKETS)
@settings(thorough, max_examples=510)
def test_thousands_of_random_expressions_have_the_same_bits_compiled_as_in_the_reference(
    sources: list[str], market: Market
) -> None:
    check_expressions(sources, market)


def rows_of(around: Surroundings, low: int, high: int) -> Surroundings:
    """The surroundings of some of the bars."""
    return around._replace(
        sentiment_row=around.sentiment_row[low:high],
        regime=around.regime[low:high],
        screener_row=around.screener_row[low:high],
    )


@given(st.lists(documents(), min_size=2, max_size=5), MARKETS, st.integers(1, 40))
@settings(thorough, max_examples=200)
def test_random_strategies_stand_capture_fail_and_fire_alike_after_every_bar(
    found: list[dict[str, object]], market: Market, chunk: int
) -> None:
    strategies = tuple(loaded(document) for document in found)
    market = market.part(0, 60)
    matcher = Matcher(compile_strategies(strategies))
    machines = [ReferenceMachine(strategy) for strategy in strategies]
    series, sessions, around = market.series(), market.sessions(), market.around()
    fired: list[tuple[int, Signal]] = []
    for i in range(len(series)):
        one = matcher.extend(series[i : i + 1], sessions[i : i + 1], rows_of(around, i, i + 1))
        signals = {int(match["strategy"]): signal_of(match) for match in one}
        fired += [(i, signal) for signal in signals.values()]
        for index, machine in enumerate(machines):
            expected = machine.step(market.bars[i], market.sentiments[i], market.alerts[i])
            assert signals.get(index) == (None if expected is None else reference_signal(index, expected)), (i, index)
            assert standing(matcher, index) == reference_standing(machine), (i, index)
    assert fired == in_chunks(strategies, market, chunk)


def in_chunks(strategies: tuple[Strategy, ...], market: Market, chunk: int) -> list[tuple[int, Signal]]:
    """What fires, with its bar, when the bars come several at a time."""
    matcher = Matcher(compile_strategies(strategies))
    series, sessions, around = market.series(), market.sessions(), market.around()
    fired = []
    for low in range(0, len(series), chunk):
        part = slice(low, low + chunk)
        matches = matcher.extend(series[part], sessions[part], rows_of(around, low, low + chunk))
        fired += [(low + int(match["bar"]), signal_of(match)) for match in matches]
    return fired


@given(st.lists(documents(), min_size=2, max_size=5), MARKETS, MARKETS, st.integers(0, 60))
@settings(thorough, max_examples=150)
def test_what_fired_up_to_a_bar_does_not_change_when_the_bars_after_it_do(
    found: list[dict[str, object]], market: Market, other: Market, cut: int
) -> None:
    strategies = tuple(loaded(document) for document in found)
    cut = min(cut, len(market.bars))
    whole = in_chunks(strategies, market, len(market.bars))
    before = [signal for signal in whole if signal[0] < cut]
    assert before == in_chunks(strategies, market.part(0, cut), 60)
    shift = market.bars[-1].session + 1
    altered = Market(
        market.bars[:cut] + [replace(bar, session=bar.session + shift) for bar in other.bars],
        market.sentiments[:cut] + other.sentiments,
        market.alerts[:cut] + other.alerts,
    )
    assert before == [s for s in in_chunks(strategies, altered, len(altered.bars)) if s[0] < cut]
