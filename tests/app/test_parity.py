from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sos_actors.app.parity import Cause, Parity, find_parity
from sos_actors.engine.events import Event
from sos_actors.engine.positions import ORDERS_EACH
from sos_actors.engine.recording import decode_decision, encode_decision
from sos_actors.errors import MissingDataError
from sos_actors.market.instruments import default_master
from sos_actors.messages.market import BarClosed, BarSeries, TimerFired
from sos_actors.messages.signals import SignalFormed
from sos_actors.messages.trading import EntriesStopped, OrderStatus, OrderUpdated
from sos_actors.runtime.journal import Record, RecordKind
from sos_actors.simulator.model import MarketModel
from sos_actors.store.database import Store
from sos_actors.types import NANOS_PER_MINUTE, UnixNanos
from tests.app.journals import (
    CONFIG,
    header_of,
    kept,
    play,
    records,
    rewritten,
    stocks,
    strategy_text,
    write_events,
)
from tests.engine.markets import CALENDAR, NIFTY, SECOND, Market, minute

MARKET = stocks(bars=90)
TCS = "NSE|EQ|TCS"


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Event]:
    """What the engine is told of a session on two stocks, which came with their pasts."""
    return play(tmp_path_factory.mktemp("parity") / "a.sosj", MARKET, header_of(()), follow=True).events


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with kept(tmp_path / "data", MARKET.bars) as store:
        yield store


def compared(path: Path, store: Store) -> Parity:
    return find_parity(path, CONFIG, store, CALENDAR, default_master())


def causes(found: Parity) -> set[Cause]:
    return {one.cause for one in found.differences}


def changed_bar(bars: BarSeries, at: int, **values: float) -> BarSeries:
    series = bars[np.ones(len(bars), bool)]
    for name, value in values.items():
        getattr(series, name)[np.searchsorted(series.ts, at)] = value
    return series


def bar_of(events: Sequence[Event], symbol: str, ts_open: int) -> int:
    return next(
        number for number, event in enumerate(events)
        if isinstance(event, BarClosed) and (event.symbol, event.ts_open) == (symbol, ts_open)
    )  # fmt: skip


def test_a_session_that_saw_what_is_stored_went_alike_in_everything(
    tmp_path: Path, events: Sequence[Event], store: Store
) -> None:
    found = compared(write_events(tmp_path / "a.sosj", header_of(()), events), store)
    assert found.differences == ()
    assert found.alike == found.signals == found.stored_signals > 50
    assert found.trades == found.stored_trades > 10
    assert found.explained
    assert found.configuration == ()
    assert set(found.counts) == set(Cause)


def test_bars_that_come_as_events_of_earlier_days_warm_up_alike(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "a.sosj"
    play(path, MARKET, header_of(MARKET.followed))
    assert compared(path, store).differences == ()


def test_options_of_an_index_are_chosen_and_filled_alike(tmp_path: Path) -> None:
    session = MarketModel(7, CALENDAR).session(SECOND)
    spot = session.candles(NIFTY.symbol)
    ends = minute(SECOND, 120)
    contracts = {name: bars[bars.ts < ends] for name, bars in session.option_candles("NIFTY").items()}
    bars = {NIFTY.symbol: spot[spot.ts < ends]}
    expiries = (date(2026, 1, 13),)
    market = Market((NIFTY,), bars, (SECOND,), (), contracts, expiries)
    header = header_of(strategies=[strategy_text("UP", "close > prev_candle.close", sl="entry - 12", tp="entry + 20")])
    play(tmp_path / "a.sosj", market, header)
    with kept(tmp_path / "data", {**bars, **contracts}) as store:
        found = compared(tmp_path / "a.sosj", store)
    assert found.differences == ()
    assert found.alike == found.signals
    assert found.trades == found.stored_trades > 3


def test_a_stored_bar_that_is_another_is_named(tmp_path: Path, events: Sequence[Event]) -> None:
    at = minute(SECOND, 40)
    bars = {**MARKET.bars, TCS: changed_bar(MARKET.bars[TCS], at, close=200.0, high=200.0)}
    with kept(tmp_path / "data", bars) as store:
        found = compared(write_events(tmp_path / "a.sosj", header_of(()), events), store)
    assert found.explained
    assert Cause.DATA in causes(found)
    data = [one for one in found.differences if one.cause is Cause.DATA]
    assert data[0].why.startswith("the bar of 2026-01-13 09:55: high ")
    assert data[0].why.endswith("200 stored")
    assert min(one.key.ts for one in found.differences) >= at + NANOS_PER_MINUTE


def test_a_provisional_bar_that_the_exchange_corrected_is_told_as_one(
    tmp_path: Path, events: Sequence[Event], store: Store
) -> None:
    number = bar_of(events, TCS, minute(SECOND, 40))
    bar = events[number]
    assert isinstance(bar, BarClosed)
    odd = replace(bar, close=bar.low - 30.0, low=bar.low - 30.0, provisional=True)
    found = compared(
        write_events(tmp_path / "a.sosj", header_of(()), [*events[:number], odd, *events[number + 1 :]]), store
    )
    assert found.explained
    assert any(one.cause is Cause.DATA and one.why.endswith("provisional") for one in found.differences)


@pytest.mark.parametrize("lost", ["engine", "store"])
def test_a_bar_that_only_one_of_them_has_is_named(
    tmp_path: Path, events: Sequence[Event], store: Store, lost: str
) -> None:
    told, ts = list(events), MARKET.bars[TCS].ts
    gone = [int(at) for at in ts if minute(SECOND, 30) <= at < minute(SECOND, 40)]
    bars = dict(MARKET.bars)
    if lost == "engine":
        told = [one for one in events if not (isinstance(one, BarClosed) and one.symbol == TCS and one.ts_open in gone)]
    else:
        bars[TCS] = bars[TCS][~np.isin(ts, gone)]
    store.close()
    with kept(tmp_path / "other", bars) as store:
        found = compared(write_events(tmp_path / "a.sosj", header_of(()), told), store)
    assert found.explained
    words = "never reached the engine" if lost == "engine" else "is not stored"
    assert any(
        one.cause is Cause.DATA and one.why == f"the bar of 2026-01-13 09:45 {words}" for one in found.differences
    )


def test_signals_before_a_symbol_was_followed_are_missing_for_that_reason(
    tmp_path: Path, events: Sequence[Event], store: Store
) -> None:
    late = minute(SECOND, 30)
    told: list[Event] = []
    for event in events:
        if type(event).__name__ == "SymbolFollowed":
            ready: Any = event
            series = MARKET.bars[ready.followed.symbol]
            event = replace(ready, ts_event=UnixNanos(late), past=replace(ready.past, bars=series[series.ts < late]))
        told.append(event)
    told.sort(key=lambda event: event.ts_event)
    found = compared(write_events(tmp_path / "a.sosj", header_of(()), told), store)
    assert found.explained
    early = [one for one in found.differences if one.key.ts < late]
    assert early
    assert {one.cause for one in early} == {Cause.DATA}
    assert all("was not followed at" in one.why for one in early)


def test_fills_at_other_prices_and_what_follows_from_them_are_fills(
    tmp_path: Path, events: Sequence[Event], store: Store
) -> None:
    fills = [
        number for number, event in enumerate(events)
        if isinstance(event, OrderUpdated) and event.status is OrderStatus.FILLED
    ]  # fmt: skip
    told = list(events)
    for number in fills[:2]:
        fill: Any = told[number]
        told[number] = replace(fill, fill_price=fill.fill_price + 0.01)
    found = compared(write_events(tmp_path / "a.sosj", header_of(()), told), store)
    assert found.explained
    assert causes(found) == {Cause.FILL}
    assert any("entry" in one.why for one in found.differences)


def test_an_entry_that_never_filled_is_a_fill(tmp_path: Path, events: Sequence[Event], store: Store) -> None:
    first = next(number for number, event in enumerate(events) if isinstance(event, OrderUpdated))
    fill: Any = events[first]
    told = [*events[:first], OrderUpdated(fill.ts_event, fill.order_id, OrderStatus.CANCELLED), *events[first + 1 :]]
    found = compared(write_events(tmp_path / "a.sosj", header_of(()), told), store)
    assert found.explained
    assert causes(found) == {Cause.FILL}
    assert found.differences[0].why == "the entry filled in one only"


def test_what_a_position_that_is_still_open_keeps_out_is_a_fill_too(
    tmp_path: Path, events: Sequence[Event], store: Store
) -> None:
    left = next(n for n, one in enumerate(events) if isinstance(one, OrderUpdated) and one.order_id % ORDERS_EACH)
    found = compared(
        write_events(tmp_path / "a.sosj", header_of(()), [*events[:left], *events[left + 1 :]]), store
    )  # fmt: skip
    assert found.explained
    assert causes(found) == {Cause.FILL}
    assert "an earlier trade went differently" in {one.why for one in found.differences}


def test_entries_that_were_stopped_are_a_matter_of_timing(
    tmp_path: Path, events: Sequence[Event], store: Store
) -> None:
    at = next(number for number, event in enumerate(events) if event.ts_event >= minute(SECOND, 20))
    stop = EntriesStopped(UnixNanos(minute(SECOND, 20)), True, "the feed is silent")
    found = compared(write_events(tmp_path / "a.sosj", header_of(()), [*events[:at], stop, *events[at:]]), store)
    assert found.explained
    stopped = [one for one in found.differences if one.why == "entries were stopped: the feed is silent"]
    assert stopped
    assert {one.cause for one in stopped} == {Cause.TIMING}


def test_a_minute_that_came_after_the_clock_had_closed_its_longer_bar_is_a_matter_of_timing(
    tmp_path: Path, events: Sequence[Event], store: Store
) -> None:
    told = list(events)
    number = bar_of(told, TCS, minute(SECOND, 24))
    late = told.pop(number)
    after = next(n for n, one in enumerate(told) if isinstance(one, TimerFired) and one.ts_event >= minute(SECOND, 25))
    told.insert(after + 1, late)
    found = compared(write_events(tmp_path / "a.sosj", header_of(()), told), store)
    assert found.explained, [one for one in found.differences if one.cause is Cause.UNEXPLAINED][:2]


def test_a_stock_whose_terms_are_others_now_is_a_matter_of_configuration(tmp_path: Path, store: Store) -> None:
    others = [replace(one, tick=0.05, lot=10) for one in MARKET.followed]
    play(tmp_path / "a.sosj", replace(MARKET, followed=others), header_of(()), follow=True)
    found = compared(tmp_path / "a.sosj", store)
    assert found.explained
    assert Cause.CONFIGURATION in causes(found)
    assert any(line.startswith(f"{TCS}, then and now: tick 0.05, lot 10") for line in found.configuration)


def test_contracts_and_code_that_changed_since_are_told(tmp_path: Path, events: Sequence[Event], store: Store) -> None:
    header = header_of(())
    odd = replace(header, code="0" * 16, contracts=(replace(header.contracts[0], lot=75), *header.contracts[1:]))
    found = compared(write_events(tmp_path / "a.sosj", odd, events), store)
    assert found.explained
    assert any("the code that decides has changed" in line for line in found.configuration)
    assert any("lot 75" in line and "lot 65" in line for line in found.configuration)


def test_a_signal_that_the_same_bars_do_not_give_has_no_cause_and_stands_first(
    tmp_path: Path, events: Sequence[Event], store: Store
) -> None:
    path = write_events(tmp_path / "a.sosj", header_of(()), events)
    written = records(path)
    formed = [
        number for number, record in enumerate(written)
        if record.kind is RecordKind.DECISION and isinstance(decode_decision(record.payload), SignalFormed)
    ]  # fmt: skip
    signal = decode_decision(written[formed[9]].payload)
    assert isinstance(signal, SignalFormed)
    odd = replace(signal, entry=float(np.nextafter(signal.entry, np.inf)))
    written[formed[9]] = Record(RecordKind.DECISION, encode_decision(odd), 0)
    found = compared(rewritten(path, written, tmp_path / "odd.sosj"), store)
    assert not found.explained
    first = found.differences[0]
    assert first.cause is Cause.UNEXPLAINED
    assert (first.key.ts, first.key.symbol, first.key.strategy) == (signal.ts_event, signal.symbol, signal.strategy)
    assert "the same bars give another signal" in first.why


def test_a_day_that_is_not_stored_cannot_be_compared(tmp_path: Path, events: Sequence[Event]) -> None:
    path = write_events(tmp_path / "a.sosj", header_of(()), events)
    early = {name: bars[bars.ts < minute(SECOND, 0)] for name, bars in MARKET.bars.items()}
    with kept(tmp_path / "data", early) as store, pytest.raises(MissingDataError, match="no candles of 2026-01-13"):
        compared(path, store)
