"""Where what the engine was told differs from what is stored, or reached it too late. For ``parity.py``.

Evidence for a signal is the first difference of its symbol up to the close of its bar; only real differences of values
count, never that there might be some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sos_actors.app.board import StoreBoard
from sos_actors.app.document import exchange_times
from sos_actors.app.histories import LoadedSymbol
from sos_actors.app.parity_heard import Heard, Stretch
from sos_actors.app.parity_signals import series_of
from sos_actors.market.calendar import Calendar
from sos_actors.messages.market import BarClosed, BarSeries, ScreenerAlert
from sos_actors.strategy.surroundings import rows_in_force, screener_values, sentiment_values, without_levels
from sos_actors.strategy.tree import SCREENER_FIELDS, SENTIMENT_FIELDS
from sos_actors.types import NANOS_PER_MINUTE

_COLUMNS = [one.name for one in fields(BarSeries)][1:]
_FOREVER = 2**62
Rows = tuple[NDArray[np.int64], NDArray[np.float64]]
"""When each row was known, int64 (n,) not decreasing, and its values float64 (n, k)."""


@dataclass(frozen=True, slots=True)
class Found:
    """The first difference of a kind: from which moment (UnixNanos) on it can matter, and what it is."""

    moment: int
    text: str


class Evidence:
    """Answers for any signal whether the data or its timing differ.

    Args:
        heard: the journal.
        loaded: what the run over the store read, by canonical symbol.
        alerts: stored, of any symbol.
        board: stored contracts.
        calendar: sessions.
    """

    def __init__(
        self, heard: Heard, loaded: Mapping[str, LoadedSymbol], alerts: Sequence[ScreenerAlert], board: StoreBoard,
        calendar: Calendar,
    ) -> None:  # fmt: skip
        self._heard, self._loaded, self._alerts = heard, loaded, alerts
        self._board, self._calendar = board, calendar
        self._found: dict[int, tuple[list[Found], list[Found]]] = {}

    def data(self, symbol: str, ts: int) -> str:
        """What the engine was told of a symbol by ``ts`` that is stored differently, or not; empty when nothing."""
        stretch = self._heard.stretch_at(symbol, ts)
        if stretch is None:
            return f"the symbol was not followed at {clock(ts)}"
        if symbol not in self._loaded:
            return "the store has nothing of the symbol"
        return _first(self._of(stretch)[0], ts)

    def timing(self, symbol: str, ts: int) -> str:
        """What reached the engine after a bar by ``ts`` that it should have been seen with; empty when nothing."""
        stretch = self._heard.stretch_at(symbol, ts)
        return _first(self._of(stretch)[1], ts) if stretch is not None and symbol in self._loaded else ""

    def contract(self, name: str, ts: int) -> str:
        """How a contract's prices known by ``ts`` differ; empty when they do not."""
        told = [bar for bar in self._heard.contracts.get(name, ()) if bar.ts_open + NANOS_PER_MINUTE <= ts]
        stored = self._board.bars(name, self._heard.header.day, ts)
        if stored is None or not told:
            if stored is None and not told:
                return ""
            return (
                f"{name}: its prices are {'not stored' if stored is None else 'unknown to the engine'} at {clock(ts)}"
            )
        if self._board.source(name, self._heard.header.day, ts) != 0:
            return f"{name}: stored as snapshots of the chain, told as candles"
        seen = {int(bar.ts_open): _prices(bar) for bar in told}
        kept = stored[stored.ts + NANOS_PER_MINUTE <= ts]
        known = dict(
            zip(kept.ts.tolist(), zip(*(getattr(kept, one).tolist() for one in _COLUMNS[:4]), strict=True), strict=True)
        )
        for at in sorted(seen.keys() | known.keys()):
            if seen.get(at) != known.get(at):
                return f"{name}: the bar of {clock(at)} is not the stored one"
        return ""

    def late_contract(self, name: str, ts: int) -> str:
        """Which bar of a contract came only after the signal of ``ts`` was acted on; empty when none did."""
        for late, closed, signalled in self._heard.late:
            if late == name and closed <= ts <= signalled:
                return f"{name}: the bar of {clock(closed - NANOS_PER_MINUTE)} came after the signal"
        return ""

    def _of(self, stretch: Stretch) -> tuple[list[Found], list[Found]]:
        if id(stretch) not in self._found:
            self._found[id(stretch)] = self._compare(stretch)
        return self._found[id(stretch)]

    def _compare(self, stretch: Stretch) -> tuple[list[Found], list[Found]]:
        loaded = self._loaded[stretch.followed.symbol]
        seen, _ = series_of(stretch, self._calendar)
        stored = loaded.history.bars
        moments = np.array(sorted(stretch.seen), np.int64)
        stale = loaded.sentiment.stale_ns
        told_mood, told_alerts = self._told(stretch)
        kept_mood = (loaded.sentiment.stats.ts, loaded.sentiment.values)
        mine = [alert for alert in self._alerts if alert.symbol == stretch.followed.symbol]
        kept_alerts = _alert_rows(mine)
        told = in_force(told_mood, moments, stale), in_force(told_alerts, moments, _FOREVER)
        kept = in_force(kept_mood, moments, stale), in_force(kept_alerts, moments, _FOREVER)
        sights = [stretch.seen[int(moment)] for moment in moments]
        at_once = (
            _stacked([sight.sentiment for sight in sights], len(SENTIMENT_FIELDS)),
            _stacked([sight.screener for sight in sights], len(SCREENER_FIELDS)),
        )
        provisional = {int(bar.ts_open) for bar in stretch.bars if bar.provisional}
        data = _bar_differences(seen, stored, provisional)
        late = []
        for what, names, one, other, instant in zip(
            ("sentiment", "screener's row"), (SENTIMENT_FIELDS, SCREENER_FIELDS), told, kept, at_once, strict=True
        ):
            data += _row_differences(moments, one, other, names, f"the {what}", "told", "stored")
            late += _row_differences(moments, instant, one, names, f"the {what} came late:", "known", "told")
        return data, late

    def _told(self, stretch: Stretch) -> tuple[Rows, Rows]:
        """What was said of a symbol, whenever it came: its own sentiments, before them the market's."""
        past, symbol = stretch.past, stretch.followed.symbol
        ts, rows = past.sentiment_ts.tolist(), list(past.sentiments)
        own = past.own_mood
        for fact in self._heard.sentiments:
            own = own or fact.symbol == symbol
            lent = fact.symbol == self._heard.market_symbol and not own
            if fact.symbol == symbol or lent:
                values = sentiment_values(fact)
                ts.append(int(fact.ts_event))
                rows.append(without_levels(values) if lent and fact.symbol != symbol else values)
        order = np.argsort(np.array(ts, np.int64), kind="stable")
        table = np.array(rows).reshape(-1, len(SENTIMENT_FIELDS))
        mine = [*past.alerts, *(alert for alert in self._heard.alerts if alert.symbol == symbol)]
        return (np.array(ts, np.int64)[order], table[order]), _alert_rows(sorted(mine, key=lambda one: one.ts_event))


def clock(ts: int) -> str:
    """``09:31`` of UnixNanos, with seconds where there are any."""
    text = exchange_times([ts])[0][11:19]
    return text.removesuffix(":00") if text.endswith(":00") else text


def in_force(rows: Rows, moments: NDArray[np.int64], stale_ns: int) -> NDArray[np.float64]:
    """float64 (m, k): what was known at each moment, NaN where nothing was."""
    known_at, values = rows
    at = rows_in_force(known_at, moments, stale_ns)
    table = np.full((len(moments), values.shape[1]), np.nan)
    table[at >= 0] = values[at[at >= 0]]
    return table


def _alert_rows(alerts: Sequence[ScreenerAlert]) -> Rows:
    rows = [screener_values(alert) for alert in alerts]
    return np.array([alert.ts_event for alert in alerts], np.int64), np.array(rows).reshape(-1, len(SCREENER_FIELDS))


def _stacked(rows: Sequence[NDArray[np.float64] | None], width: int) -> NDArray[np.float64]:
    unknown = np.full(width, np.nan)
    return np.array([unknown if row is None else row for row in rows]).reshape(-1, width)


def _prices(bar: BarClosed) -> tuple[float, ...]:
    return bar.open, bar.high, bar.low, bar.close


def _bar_differences(seen: BarSeries, stored: BarSeries, provisional: set[int]) -> list[Found]:
    """The first bar that differs, from the later of the two beginnings on; and whether they begin together."""
    if not len(seen) or not len(stored):
        return [Found(0, "the engine saw no bars" if not len(seen) else "no bars are stored")]
    first, last = max(int(seen.ts[0]), int(stored.ts[0])), int(seen.ts[-1])
    found = []
    for at in np.union1d(seen.ts[seen.ts >= first], stored.ts[(stored.ts >= first) & (stored.ts <= last)]).tolist():
        one, other = (np.searchsorted(series.ts, at) for series in (seen, stored))
        here = one < len(seen) and seen.ts[one] == at
        there = other < len(stored) and stored.ts[other] == at
        text = ""
        if not here or not there:
            text = f"the bar of {day_and_clock(at)} {'never reached the engine' if there else 'is not stored'}"
        else:
            for name in _COLUMNS:
                mine, theirs = getattr(seen, name)[one], getattr(stored, name)[other]
                if not (mine == theirs or (np.isnan(mine) and np.isnan(theirs))):
                    text = f"the bar of {day_and_clock(at)}: {name} {mine:g} told, {theirs:g} stored"
                    text += ", provisional" if at in provisional else ""
                    break
        if text:
            found.append(Found(at + NANOS_PER_MINUTE, text))
            break
    if not found and seen.ts[0] != stored.ts[0]:
        begun = "told" if seen.ts[0] > stored.ts[0] else "stored"
        found.append(Found(_FOREVER, f"history from {day_and_clock(first)} only is {begun}"))
    return found


def day_and_clock(ts: int) -> str:
    """``2026-01-13 09:31`` of UnixNanos."""
    return f"{exchange_times([ts])[0][:10]} {clock(ts)}"


def _row_differences(
    moments: NDArray[np.int64], one: NDArray[np.float64], other: NDArray[np.float64], names: Sequence[str], what: str,
    first_word: str, second_word: str,
) -> list[Found]:  # fmt: skip
    """The first moment at which two tables differ."""
    apart = ~((one == other) | (np.isnan(one) & np.isnan(other)))
    rows = np.flatnonzero(apart.any(axis=1))
    if not len(rows):
        return []
    row = int(rows[0])
    column = int(np.flatnonzero(apart[row])[0])
    values = f"{one[row, column]:g} {first_word}, {other[row, column]:g} {second_word}"
    moment = int(moments[row])
    return [Found(moment, f"{what} at {clock(moment)}: {names[column]} {values}")]


def _first(found: Sequence[Found], ts: int) -> str:
    """The earliest difference that matters at ``ts``; a shorter history counts only where nothing else does."""
    matter = [one for one in found if one.moment <= ts or one.moment == _FOREVER]
    return min(matter, key=lambda one: one.moment).text if matter else ""
