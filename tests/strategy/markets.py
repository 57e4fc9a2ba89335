"""Random bars with what they are seen with, in the form of both evaluators."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from sos_actors.messages.market import BarSeries, ScreenerAlert, Sentiment
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.reference import ReferenceBar
from sos_actors.strategy.surroundings import screener_values, sentiment_values
from sos_actors.strategy.tree import SCREENER_FIELDS, SENTIMENT_FIELDS
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Regime, SmartTrend, UnixNanos
from tests.strategy.samples import DAY_NS, FIRST_OPEN_S


@dataclass(frozen=True)
class Market:
    """Bars and, for each of them, the sentiment and the screener row it is seen with."""

    bars: list[ReferenceBar]
    sentiments: list[Sentiment | None]
    alerts: list[ScreenerAlert | None]

    def series(self) -> BarSeries:
        fields = ("open", "high", "low", "close", "volume", "oi")
        columns = [np.array([getattr(bar, field) for bar in self.bars], np.float64) for field in fields]
        return BarSeries(np.array([bar.ts for bar in self.bars], np.int64), *columns)

    def sessions(self) -> NDArray[np.int64]:
        return np.array([bar.session for bar in self.bars], np.int64)

    def around(self) -> Surroundings:
        sentiment = [sentiment_values(one) for one in self.sentiments if one is not None]
        screener = [screener_values(one) for one in self.alerts if one is not None]
        return Surroundings(
            _rows(self.sentiments),
            np.array(sentiment).reshape(-1, len(SENTIMENT_FIELDS)),
            np.array([Regime.UNKNOWN if one is None else one.regime for one in self.sentiments], np.int64),
            _rows(self.alerts),
            np.array(screener).reshape(-1, len(SCREENER_FIELDS)),
        )

    def part(self, low: int, high: int) -> Market:
        return Market(self.bars[low:high], self.sentiments[low:high], self.alerts[low:high])


def _rows(values: Sequence[object]) -> NDArray[np.int64]:
    known = np.array([value is not None for value in values], np.bool_)
    return np.where(known, np.cumsum(known) - 1, -1).astype(np.int64)


def random_market(n_bars: int, seed: int) -> Market:
    """Bars with holes, flat stretches, unknown volume, sessions that are missing; moods that come and go."""
    chance = random.Random(seed)
    bars: list[ReferenceBar] = []
    price = round(chance.choice([3.0, 250.0, 25_600.0]) * chance.uniform(0.9, 1.1), 2)
    tick = price / chance.choice([200.0, 2_000.0])
    flat, per_session = chance.choice([0.0, 0.1, 0.6]), chance.choice([1, 3, 9, 40, 375])
    volumes = chance.choice([[math.nan], [0.0], [0.0, 75.0, 1_200.0], [math.nan, 50.0, 125.0], [1e7, 3.0]])
    interests = chance.choice([[math.nan], [0.0, 1e6], [math.nan, 7_500.0, 10_000.0]])
    session, minute = chance.randrange(5), chance.randrange(30)
    for number in range(n_bars):
        if number % per_session == per_session - 1:
            session, minute = session + chance.choice([1, 1, 1, 2]), chance.randrange(3)
        start = price
        if chance.random() >= flat:
            start = round(price + chance.gauss(0.0, tick) * chance.choice([0.0, 0.3]), 2)
            price = max(round(start + chance.gauss(0.0, tick), 2), 0.05)
        wicks = [0.0 if chance.random() < flat else abs(chance.gauss(0.0, tick)) for _ in range(2)]
        high, low = round(max(start, price) + wicks[0], 2), round(min(start, price) - wicks[1], 2)
        ts = FIRST_OPEN_S * NANOS_PER_SECOND + session * DAY_NS + minute * NANOS_PER_MINUTE
        volume, interest = chance.choice(volumes), chance.choice(interests)
        bars.append(ReferenceBar(ts, start, high, low, price, volume, interest, session))
        minute += chance.choice([1, 1, 1, 1, 2, 7])
    return Market(bars, _sentiments(chance, n_bars), _alerts(chance, n_bars))


def _sentiments(chance: random.Random, n_bars: int) -> list[Sentiment | None]:
    unknown = chance.choice([0.0, 0.2, 1.0])
    found: list[Sentiment | None] = []
    current: Sentiment | None = None
    for _ in range(n_bars):
        if chance.random() < 0.4:
            current = None if chance.random() < unknown / 2 else _sentiment(chance, unknown)
        found.append(current)
    return found


def _sentiment(chance: random.Random, unknown: float) -> Sentiment:
    def maybe(value: float) -> float | None:
        return None if chance.random() < unknown else value

    return Sentiment(
        UnixNanos(0), "NIFTY", chance.choice(list(Regime)), maybe(chance.uniform(0.4, 1.8)),
        maybe(chance.choice([0.0, chance.gauss(0.0, 0.02)])), maybe(float(chance.randrange(51))),
        maybe(float(chance.choice([0, 10, 25]))), maybe(25_700.0), maybe(25_500.0), maybe(chance.gauss(0, 1e6)),
        maybe(-0.0), maybe(25_600.0), chance.choice(list(SmartTrend)),
    )  # fmt: skip


def _alerts(chance: random.Random, n_bars: int) -> list[ScreenerAlert | None]:
    found: list[ScreenerAlert | None] = []
    current: ScreenerAlert | None = None
    for _ in range(n_bars):
        if chance.random() < 0.1:
            values = [chance.choice([0.0, 1.0, chance.gauss(0.0, 3.0)]) for _ in SCREENER_FIELDS]
            current = ScreenerAlert(UnixNanos(0), "RELIANCE", "ADD", *values)
        found.append(current)
    return found


LENGTHS = st.one_of(st.integers(1, 24), st.integers(1, 24), st.integers(1, 24), st.sampled_from([60, 230]))
MARKETS = st.builds(random_market, LENGTHS, st.integers(0, 2**32))
