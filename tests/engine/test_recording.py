from __future__ import annotations

import struct
from dataclasses import fields, is_dataclass, replace
from datetime import date
from enum import Enum
from typing import Any, NewType, get_args, get_origin, get_type_hints

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.engine.events import Event
from sos_actors.engine.following import SymbolDropped, SymbolFollowed, SymbolPast
from sos_actors.engine.plain_values import conversion
from sos_actors.engine.positions import Decision
from sos_actors.engine.recording import (
    DECISIONS,
    EVENTS,
    decode_decision,
    decode_document,
    decode_event,
    encode_decision,
    encode_document,
    encode_event,
)
from sos_actors.errors import JournalError
from sos_actors.messages.market import BarClosed, BarSeries, ScreenerAlert, Sentiment, Tick
from sos_actors.messages.trading import OrderStatus, OrderUpdated, Purpose, SubmitOrder
from sos_actors.types import Regime, Side, SmartTrend, UnixNanos
from tests.engine.markets import FIRST, NIFTY, STOCKS, walk

PINNED = {
    1: "BarClosed", 2: "Sentiment", 3: "ScreenerAlert", 4: "QuarantineChanged", 5: "Tick", 6: "PriceSpan",
    7: "OrderUpdated", 8: "TimerFired", 9: "EntriesStopped", 10: "EntriesWithdrawn", 11: "FlattenRequested",
    12: "PositionCorrected", 13: "SymbolFollowed", 14: "SymbolDropped", 15: "Ticks", 64: "SignalFormed",
    65: "EntryRefused", 66: "SubmitOrder", 67: "CancelOrder", 68: "PositionOpened", 69: "PositionClosed",
}  # fmt: skip
T = UnixNanos(1_768_200_000_123_456_789)
FLOATS = st.one_of(
    st.floats(width=64), st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
)


def of(annotation: Any) -> st.SearchStrategy[Any]:
    """Any value of an annotation, for the plain kinds of fields."""
    annotation = getattr(annotation, "__supertype__", annotation)
    if get_args(annotation) and type(None) in get_args(annotation):
        return st.one_of(st.none(), *(of(part) for part in get_args(annotation) if part is not type(None)))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    if get_origin(annotation) is tuple:
        return st.lists(of(get_args(annotation)[0]), max_size=4).map(tuple)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        int: st.integers(-(2**63), 2**63 - 1), float: FLOATS, str: st.text(max_size=12), bool: st.booleans(),
    }  # fmt: skip
    return plain[annotation]


def any_of(kinds: list[type[Any]]) -> st.SearchStrategy[Any]:
    return st.one_of(
        [st.builds(kind, **{field.name: of(get_type_hints(kind)[field.name]) for field in fields(kind)})
         for kind in kinds]
    )  # fmt: skip


def bits(value: Any) -> Any:
    """A value so that two are equal only when every bit and every class is."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, tuple):
        return tuple(bits(one) for one in value)
    if is_dataclass(value):
        return type(value), [bits(getattr(value, field.name)) for field in fields(value)]
    return type(value), value


SIMPLE = [kind for kind in EVENTS.values() if kind is not SymbolFollowed]


def test_every_event_and_every_decision_of_the_engine_has_a_number() -> None:
    assert set(get_args(Event)) <= set(EVENTS.values())
    assert set(get_args(Decision)) <= set(DECISIONS.values())


def test_numbers_never_change_because_old_journals_hold_them() -> None:
    named = {number: kind.__name__ for number, kind in {**EVENTS, **DECISIONS}.items()}
    assert {number: named.get(number) for number in PINNED} == PINNED


@settings(max_examples=300, deadline=None)
@given(any_of(SIMPLE))
def test_any_event_comes_back_bit_for_bit(event: Any) -> None:
    assert bits(decode_event(encode_event(event))) == bits(event)


@settings(max_examples=200, deadline=None)
@given(any_of(list(DECISIONS.values())))
def test_any_decision_comes_back_bit_for_bit(decision: Any) -> None:
    assert bits(decode_decision(encode_decision(decision))) == bits(decision)


def test_the_past_of_a_symbol_comes_back_with_its_bars_and_may_be_written_to() -> None:
    bars = walk([FIRST], 3)
    bars.volume[:3] = [np.nan, -0.0, 0.0]
    past = SymbolPast(bars)
    alert = ScreenerAlert(T, STOCKS[0].symbol, "ADD", rvol=2.5)
    known = {field.name for field in fields(SymbolPast)}
    if "alerts" in known:
        past = replace(past, alerts=(alert, alert))
    followed = replace(STOCKS[0], also=frozenset({"NSE:RELIANCE", "INE002A01018"}))
    event = SymbolFollowed(T, followed, past)
    back = decode_event(encode_event(event))
    assert isinstance(back, SymbolFollowed)
    assert bits(back) == bits(event)
    back.past.bars.close[0] = 1.0
    assert decode_event(encode_event(SymbolDropped(T, "NSE|EQ|TCS"))) == SymbolDropped(T, "NSE|EQ|TCS")


def test_the_same_event_is_always_the_same_bytes() -> None:
    names = [f"NAME{k}" for k in range(20)]
    one = SymbolFollowed(T, replace(NIFTY, also=frozenset(names)), SymbolPast(BarSeries.empty()))
    two = SymbolFollowed(T, replace(NIFTY, also=frozenset(reversed(names))), SymbolPast(BarSeries.empty()))
    assert encode_event(one) == encode_event(two)


def test_numbers_of_numpy_become_numbers() -> None:
    five: Any = np.int64(5)
    event: Any = Tick(five, "X", np.float64(-0.0))
    back: Any = decode_event(encode_event(event))
    assert (type(back.ts_event), type(back.price)) == (int, float)
    assert bits(back) == bits(Tick(UnixNanos(5), "X", -0.0))


def test_another_msgpack_library_reads_the_records() -> None:
    bar = BarClosed(T, "NSE|EQ|TCS", UnixNanos(T - 60), 1.0, 2.0, 0.5, 1.5, None, 7.0, True)
    assert msgpack.unpackb(encode_event(bar)) == [1, T, "NSE|EQ|TCS", T - 60, 1.0, 2.0, 0.5, 1.5, None, 7.0, True]
    mood = Sentiment(T, NIFTY.symbol, Regime.BEARISH, pcr=0.8, smart_trend=SmartTrend.NEUTRAL)
    values = msgpack.unpackb(encode_event(mood))
    assert (values[0], values[3], values[-2]) == (2, 6, 5)
    order = SubmitOrder(T, 1_000_000, 1, "NSE|FO|X", Side.SELL, 75, Purpose.EXIT, 10.05, "stop")
    assert msgpack.unpackb(encode_decision(order)) == [
        66, T, 1_000_000, 1, "NSE|FO|X", -1, 75, "exit", 10.05, "stop",
    ]  # fmt: skip
    arrays = msgpack.unpackb(encode_event(SymbolFollowed(T, NIFTY, SymbolPast(walk([FIRST], 1)))))
    kind, shape, data = arrays[3][0][0]
    assert (kind, shape) == ("<i8", [375])
    assert np.frombuffer(data, "<i8").tolist() == walk([FIRST], 1).ts.tolist()


def test_what_an_older_version_wrote_is_read_with_defaults_for_what_it_lacked() -> None:
    assert decode_event(msgpack.packb([7, T, 5, "filled"])) == OrderUpdated(T, 5, OrderStatus.FILLED)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", b"\x90", msgpack.packb([999, 1]), msgpack.packb({"a": 1}), msgpack.packb([8]),
     msgpack.packb([8, 1, 2]), msgpack.packb([7, T, 5, "lost"]), msgpack.packb([[1], 2]), msgpack.packb([5, T, "X"])],
)  # fmt: skip
def test_what_no_version_wrote_is_refused(data: bytes) -> None:
    with pytest.raises(JournalError):
        decode_event(data)


def test_documents_keep_their_values_and_nothing_else_is_one() -> None:
    document = {"a": [1, 2.5, None], "b": {"c": "d"}, "n": float("inf")}
    assert decode_document(encode_document(document)) == document
    with pytest.raises(JournalError):
        decode_document(msgpack.packb([1]))


def test_days_and_tables_of_them_have_a_plain_form() -> None:
    both = conversion(dict[str, tuple[date, ...]])
    assert both.to_plain is not None
    assert both.from_plain is not None
    value = {"NIFTY": (date(2026, 1, 13), date(2026, 1, 20))}
    plain = both.to_plain(value)
    assert plain == {"NIFTY": ["2026-01-13", "2026-01-20"]}
    assert both.from_plain(plain) == value


def test_a_kind_of_field_that_nobody_thought_of_is_refused_when_the_table_is_made() -> None:
    for annotation in (set[int], complex, object, tuple[int, str], NewType("Odd", complex)):
        with pytest.raises(TypeError, match="no plain form"):
            conversion(annotation)
    assert get_origin(tuple[int, ...]) is tuple
