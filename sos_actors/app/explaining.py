"""One strategy on one symbol over stored history, bar by bar through the reference evaluator: for `sos explain`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

from sos_actors.app.backtest import charge_table, followed, warm_up_days
from sos_actors.app.histories import HistoryLoader
from sos_actors.config import Config
from sos_actors.engine.bars import bucket_opens, closes, roll_up
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import Instrument
from sos_actors.messages.market import ScreenerAlert, Sentiment
from sos_actors.store.database import Store
from sos_actors.strategy.explain import BarExplanation, explain
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.reference import ReferenceBar
from sos_actors.strategy.tree import SCREENER_FIELDS, SENTIMENT_FIELDS, Strategy
from sos_actors.types import Regime, SmartTrend, UnixNanos


def explain_history(
    strategy: Strategy, instrument: Instrument, days: Sequence[date], store: Store, calendar: Calendar, config: Config
) -> list[BarExplanation]:
    """What the strategy did on every bar of the days.

    The sessions before them are stepped through too, as a backtest does: a pattern may be half way in the morning.
    """
    loader = HistoryLoader(
        store, calendar, charge_table(config), config.mood, warm_up_days(calendar, days[0]), days
    )
    history = loader.load(followed(instrument)).history
    minutes = strategy.timeframe_minutes
    bars = roll_up(history.bars, history.session_opens, minutes)
    first = _first_of_bucket(bucket_opens(history.bars.ts, history.session_opens, minutes).tolist())
    moments = closes(bars.ts, history.session_closes[first], minutes)
    numbers = history.session_numbers[first].tolist()
    rows = zip(*(getattr(bars, name).tolist() for name in ("ts", "open", "high", "low", "close", "volume", "oi")),
               numbers, strict=True)  # fmt: skip
    around = history.surroundings(moments)
    told = explain(
        strategy,
        [ReferenceBar(*row) for row in rows],
        _sentiments(around, moments.tolist(), instrument.symbol),
        _alerts(around, moments.tolist(), instrument.symbol),
        [Regime(code) for code in around.regime.tolist()],
        moments.tolist(),
    )
    run = history.session_rows[first] >= 0
    return [bar for bar, wanted in zip(told, run.tolist(), strict=True) if wanted]


def _first_of_bucket(opens: Sequence[int]) -> list[int]:
    return [i for i, open_ns in enumerate(opens) if i == 0 or open_ns != opens[i - 1]]


def _sentiments(around: Surroundings, moments: Sequence[int], symbol: str) -> list[Sentiment | None]:
    table = around.sentiment.tolist()
    made: list[Sentiment | None] = []
    for moment, row, code in zip(moments, around.sentiment_row.tolist(), around.regime.tolist(), strict=True):
        if row < 0:
            made.append(None)
            continue
        values = {name: None if math.isnan(value) else value
                  for name, value in zip(SENTIMENT_FIELDS, table[row], strict=True)}  # fmt: skip
        trend = SmartTrend(int(values.pop("smart_trend") or 0))
        del values["regime"], values["breadth_ratio"]
        made.append(Sentiment(UnixNanos(moment), symbol, Regime(code), smart_trend=trend, **values))
    return made


def _alerts(around: Surroundings, moments: Sequence[int], symbol: str) -> list[ScreenerAlert | None]:
    table = around.screener.tolist()
    return [
        None if row < 0 else ScreenerAlert(
            UnixNanos(moment), symbol, "ADD", **dict(zip(SCREENER_FIELDS, table[row], strict=True))
        )
        for moment, row in zip(moments, around.screener_row.tolist(), strict=True)
    ]  # fmt: skip
