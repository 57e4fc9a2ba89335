"""Every shipped strategy over half a year of real index minutes: the compiled form fires what the reference fires."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sos_actors.app.strategy_files import load_paths
from sos_actors.messages.market import ScreenerAlert, Sentiment
from sos_actors.strategy.matcher import Matcher
from sos_actors.strategy.program import compile_strategies
from sos_actors.strategy.reference import ReferenceBar, ReferenceMachine
from sos_actors.strategy.tree import Strategy
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, Regime, SmartTrend, UnixNanos
from tests.checkout import SHIPPED_STRATEGIES
from tests.strategy.markets import Market
from tests.strategy.places import places, reference_signal, signal_of

STRATEGIES = load_paths(SHIPPED_STRATEGIES).strategies
SYMBOLS = ("NIFTY", "BANKNIFTY")
MOOD_MINUTES = 7
UNKNOWN = 0.1


def read_minutes(path: Path, symbol: str) -> list[ReferenceBar]:
    """Index candles; BANKNIFTY gets seeded volumes, so that rules on volume are reached too."""
    chance = random.Random(symbol)
    rows = pl.read_csv(path).with_columns(pl.col("timestamp").str.to_datetime().alias("time"))
    rows = rows.filter(pl.col("time").dt.time().is_between(pl.time(9, 15), pl.time(15, 29))).sort("time")
    seconds = rows["time"].dt.epoch("s").to_list()
    days = {day: number for number, day in enumerate(sorted({second // 86_400 for second in seconds}))}
    bars = []
    prices = zip(rows["open"], rows["high"], rows["low"], rows["close"], strict=True)
    for second, (start, high, low, close) in zip(seconds, prices, strict=True):
        volume = float(chance.randrange(3_000)) if symbol == "BANKNIFTY" else np.nan
        session = days[second // 86_400]
        ts = (second - IST_OFFSET_S) * NANOS_PER_SECOND
        bars.append(ReferenceBar(ts, start, high, low, close, volume, np.nan, session))
    return bars


def longer(bars: Sequence[ReferenceBar], minutes: int) -> list[ReferenceBar]:
    """Bars of a longer timeframe, counted from the session's first minute."""

    def frame(bar: ReferenceBar) -> tuple[int, int]:
        minute = (bar.ts // NANOS_PER_SECOND + IST_OFFSET_S) % 86_400 // 60
        return bar.session, (minute - 555) // minutes

    joined = []
    for _, group in groupby(bars, frame):
        part = list(group)
        high, low = max(bar.high for bar in part), min(bar.low for bar in part)
        volume = sum(bar.volume for bar in part)
        last = part[-1]
        joined.append(ReferenceBar(part[0].ts, part[0].open, high, low, last.close, volume, last.oi, last.session))
    return joined


def moods(bars: Sequence[ReferenceBar]) -> Market:
    """The bars with seeded sentiment and screener rows that change every few minutes and are sometimes unknown."""
    chance = random.Random(7)
    sentiments: list[Sentiment | None] = []
    alerts: list[ScreenerAlert | None] = []
    for number, bar in enumerate(bars):
        if number % MOOD_MINUTES == 0:
            sentiment = None if chance.random() < UNKNOWN else sentiment_near(chance, bar)
            alert = ScreenerAlert(
                UnixNanos(0), "NIFTY", "ADD", chance.uniform(0.0, 5.0), chance.gauss(0.0, 2.5),
                chance.uniform(0.0, 100.0), chance.uniform(0.0, 60.0), chance.uniform(0.0, 20.0),
                chance.gauss(0.0, 2.0), chance.gauss(0.0, 2.5),
            )  # fmt: skip
        sentiments.append(sentiment)
        alerts.append(alert if number > MOOD_MINUTES else None)
    return Market(list(bars), sentiments, alerts)


def sentiment_near(chance: random.Random, bar: ReferenceBar) -> Sentiment:
    def maybe(value: float) -> float | None:
        return None if chance.random() < UNKNOWN else value

    step = 100.0
    return Sentiment(
        UnixNanos(0), "NIFTY", chance.choice(list(Regime)), maybe(chance.uniform(0.5, 1.6)),
        maybe(chance.gauss(0.0, 0.02)), maybe(float(chance.randrange(51))), maybe(float(chance.randrange(1, 51))),
        maybe(bar.close // step * step + chance.choice([0.0, step])), maybe(bar.close // step * step),
        maybe(chance.gauss(0.0, 1e6)), maybe(chance.gauss(0.0, 1e6)), maybe(round(bar.close, -2)),
        chance.choice(list(SmartTrend)),
    )  # fmt: skip


@cache
def followed(path: Path, symbol: str, minutes: int) -> tuple[Market, Matcher, tuple[np.void, ...]]:
    """All shipped strategies of one timeframe, compiled into one program, over one symbol."""
    bars = read_minutes(path, symbol)
    market = moods(bars if minutes == 1 else longer(bars, minutes))
    matcher = Matcher(compile_strategies(tuple(s for s in STRATEGIES if s.timeframe_minutes == minutes)))
    return market, matcher, tuple(matcher.extend(market.series(), market.sessions(), market.around()))


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.pattern_id)
def test_a_shipped_strategy_fires_the_same_compiled_as_in_the_reference(
    strategy: Strategy, symbol: str, shared_data: Path
) -> None:
    path = shared_data / "index_1min" / f"{symbol}_1min_20240101_20240628.csv.gz"
    market, matcher, matches = followed(path, symbol, strategy.timeframe_minutes)
    index = matcher.strategies.strategies.index(strategy)
    machine = ReferenceMachine(strategy)
    expected = []
    for bar, sentiment, alert in zip(market.bars, market.sentiments, market.alerts, strict=True):
        signal = machine.step(bar, sentiment, alert)
        if signal is not None:
            expected.append((signal.bar, reference_signal(index, signal)))
    found = [(int(match["bar"]), signal_of(match)) for match in matches if match["strategy"] == index]
    assert found == expected
    own = [k for k, (owner, _) in enumerate(matcher.strategies.expressions) if owner == index]
    counts = {place: int(matcher.progress.errors[k]) for place, k in zip(places(strategy), own, strict=True)}
    assert {place: n for place, n in counts.items() if n} == dict(machine.errors)


def test_enough_of_the_shipped_strategies_fire_for_the_comparison_to_mean_something(shared_data: Path) -> None:
    fired = set()
    for symbol in SYMBOLS:
        path = shared_data / "index_1min" / f"{symbol}_1min_20240101_20240628.csv.gz"
        for minutes in {strategy.timeframe_minutes for strategy in STRATEGIES}:
            _, matcher, matches = followed(path, symbol, minutes)
            fired |= {matcher.strategies.strategies[match["strategy"]].pattern_id for match in matches}
    assert len(fired) >= 0.75 * len(STRATEGIES), sorted(fired)
