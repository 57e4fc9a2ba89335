"""Parity where sentiment and screener rows decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sos_actors.app.histories import SentimentPath
from sos_actors.app.parity import Cause, Parity
from sos_actors.config import Mood
from sos_actors.messages.market import ScreenerAlert, Sentiment
from sos_actors.store.columns import StatsColumns
from sos_actors.types import Regime, UnixNanos
from tests.app.journals import header_of, kept, play, strategy_text, write_events
from tests.app.test_parity import MARKET, TCS, bar_of, causes, compared
from tests.engine.markets import NIFTY, SECOND, minute

STRATEGIES = (strategy_text("MOODY", "sentiment.pcr > 1.0"),)


def stats() -> StatsColumns:
    ts = np.array([minute(SECOND, k) for k in range(1, 80)], np.int64)
    pcr = np.where(np.arange(len(ts)) // 7 % 2 == 0, 1.3, 0.7) + np.arange(len(ts)) / 1000
    counts = {"advances": np.full(len(ts), 30.0), "declines": np.full(len(ts), 20.0)}
    return StatsColumns.of(ts, pcr=pcr, pcr_velocity=np.zeros(len(ts)), **counts)


def told_as_stored() -> list[Sentiment]:
    rows, path = stats(), SentimentPath.of(stats(), Mood())
    return [
        Sentiment(UnixNanos(int(ts)), NIFTY.symbol, Regime(int(path.regime[k])), float(rows.pcr[k]), 0.0, 30.0, 20.0)
        for k, ts in enumerate(rows.ts)
    ]


def found_with(folder: Path, sentiments: Sequence[Sentiment], late: int = -1) -> Parity:
    """The comparison of a session that was told these, one of them (by its minute) after a bar that it counts for."""
    header = header_of((), STRATEGIES)
    told = list(play(folder / "played.sosj", replace(MARKET, sentiments=tuple(sentiments)), header, follow=True).events)
    if late >= 0:
        number = next(
            n for n, one in enumerate(told) if isinstance(one, Sentiment) and one.ts_event == minute(SECOND, late)
        )
        moved = told.pop(number)
        told.insert(bar_of(told, TCS, minute(SECOND, late - 1)) + 1, moved)
    with kept(folder / "data", MARKET.bars) as store:
        store.add_market_stats(NIFTY.symbol, stats(), "nse")
        return compared(write_events(folder / "a.sosj", header, told), store)


def test_the_same_moods_give_the_same_decisions(tmp_path: Path) -> None:
    found = found_with(tmp_path, told_as_stored())
    assert found.differences == ()
    assert found.signals > 20


def test_a_mood_that_is_stored_otherwise_is_data(tmp_path: Path) -> None:
    sentiments = told_as_stored()
    sentiments[25] = replace(sentiments[25], pcr=2.5)
    found = found_with(tmp_path, sentiments)
    assert found.explained
    data = [one for one in found.differences if one.cause is Cause.DATA]
    assert data[0].why == "the sentiment at 09:41: pcr 2.5 told, 0.725 stored"


@pytest.mark.parametrize("late", [8, 15])
def test_a_mood_that_came_after_its_bar_is_timing(tmp_path: Path, late: int) -> None:
    found = found_with(tmp_path, told_as_stored(), late)
    assert found.explained
    assert causes(found) <= {Cause.TIMING, Cause.FILL}
    assert found.differences[0].cause is Cause.TIMING
    assert found.differences[0].why.startswith("the sentiment came late: at 09:")


def test_a_screener_row_that_is_not_stored_is_data(tmp_path: Path) -> None:
    header = header_of((), (strategy_text("IN_PLAY", "screener.rvol > 2.0"),))
    alert = ScreenerAlert(UnixNanos(minute(SECOND, 10)), TCS, "ADD", rvol=3.0)
    events = play(tmp_path / "played.sosj", MARKET, header, follow=True).events
    at = next(number for number, event in enumerate(events) if event.ts_event >= minute(SECOND, 10))
    path = write_events(tmp_path / "a.sosj", header, [*events[:at], alert, *events[at:]])
    with kept(tmp_path / "data", MARKET.bars) as store:
        found = compared(path, store)
        assert found.signals > found.stored_signals == 0
        assert found.explained
        assert found.differences[0].why.startswith("the screener's row at 09:25: rvol 3 told, nan stored")
        store.add_screener_alerts([alert])
        again = compared(path, store)
    assert again.signals == again.stored_signals
    assert again.explained
