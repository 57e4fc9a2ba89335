"""The checked parser: what each spelling becomes, and how refusals point at the place."""

from __future__ import annotations

import pytest

from sos_actors.strategy.findings import ExpressionError
from sos_actors.strategy.parser import Scope, parse_expression, parse_noted, split_assignment
from sos_actors.strategy.tree import (
    Binary,
    Call,
    Captured,
    Choice,
    Column,
    ColumnRequest,
    Compare,
    Context,
    ContextValue,
    Kind,
    Logic,
    Node,
    Number,
    Text,
    Unary,
)


def field(name: str, lag: int = 0) -> Column:
    return Column(ColumnRequest("field", field=name), lag)


CLOSE, OPEN = field("close"), field("open")


def root(source: str, scope: Scope | None = None) -> Node:
    return parse_expression(source, scope).root


def refusal(source: str, scope: Scope | None = None) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(source, scope)
    return caught.value


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("close", CLOSE),
        ("  close  ", CLOSE),
        ("candle.close", CLOSE),
        ("candle.getClose()", CLOSE),
        ("prev_candle.close", field("close", 1)),
        ("prev_candle.getVolume()", field("volume", 1)),
        ("atr", Column(ColumnRequest("atr", n=14))),
        ("candle.atr", Column(ColumnRequest("atr", n=14))),
        ("prev_candle.getATR()", Column(ColumnRequest("atr", n=14), 1)),
        ("atr(history)", Column(ColumnRequest("atr", n=14))),
        ("atr(history, 5)", Column(ColumnRequest("atr", n=5))),
        ("candle.range", field("range")),
        ("prev_candle.body", field("body_size", 1)),
        ("timestamp", field("timestamp")),
        ("vars.hi", Captured("hi")),
        ("var.hi", Captured("hi")),
        ("vars.screener.rvol", ContextValue(Context.SCREENER, "rvol")),
        ("screener.atr", ContextValue(Context.SCREENER, "atr")),
        ("sentiment.pcr", ContextValue(Context.SENTIMENT, "pcr")),
        ("sentiment.smart_trend", ContextValue(Context.SENTIMENT, "smart_trend", Kind.TEXT)),
        ("regime.tp", ContextValue(Context.REGIME, "tp_mult")),
        ("regime.allow_entry", ContextValue(Context.REGIME, "allow_entry", Kind.BOOL)),
        ("buffer_atr", ContextValue(Context.REGIME, "buffer_atr")),
        ("True", Number(1.0, Kind.BOOL)),
        ("false", Number(0.0, Kind.BOOL)),
        ("'Neutral'", Text("Neutral")),
        ("-2", Unary("-", Number(2.0), Kind.NUMBER)),
        ("high_wick(candle)", field("high_wick")),
        ("candle_size(prev_candle)", field("range", 1)),
    ],
)
def test_a_name_becomes_the_value_it_stands_for(source: str, expected: Node) -> None:
    assert root(source) == expected


@pytest.mark.parametrize(
    ("source", "request_"),
    [
        ("moving_avg(history, 20, 'close')", ColumnRequest("sma", 20, "close")),
        ("sma(history, n=20, field='range')", ColumnRequest("sma", 20, "range")),
        ("ema(history, 9.0, 'close')", ColumnRequest("ema", 9, "close")),
        ("highest(history, 5, 'high')", ColumnRequest("highest", 5, "high")),
        ("max(history, 5, 'high')", ColumnRequest("highest", 5, "high")),
        ("min(history, 5, 'low')", ColumnRequest("lowest", 5, "low")),
        ("stdev(history, 5, field='body_size')", ColumnRequest("stdev", 5, "body_size")),
        ("bb_upper(history)", ColumnRequest("bb_upper", 20, "", 2.0)),
        ("bb_lower(history, 10, 1.5)", ColumnRequest("bb_lower", 10, "", 1.5)),
        ("bb_lower(history, k=3)", ColumnRequest("bb_lower", 20, "", 3.0)),
        ("rsi(history)", ColumnRequest("rsi", 14)),
        ("vwap(history)", ColumnRequest("vwap")),
        ("prev_day_close()", ColumnRequest("prev_day_close")),
    ],
)
def test_a_window_becomes_a_column_request(source: str, request_: ColumnRequest) -> None:
    assert root(source) == Column(request_)


def test_max_of_numbers_is_the_ordinary_one() -> None:
    assert root("max(close, open, 3)") == Call("max", (CLOSE, OPEN, Number(3.0)))


def test_round_takes_negative_digits_and_none_is_zero() -> None:
    assert root("round(close, -2)") == Call("round", (CLOSE,), -2)
    assert root("round(close, digits=1)") == Call("round", (CLOSE,), 1)
    assert root("round(close)") == Call("round", (CLOSE,), 0)


def test_a_chained_comparison_becomes_and() -> None:
    first, second = Compare("<", OPEN, CLOSE), Compare("<=", CLOSE, Number(5.0))
    assert root("open < close <= 5") == Logic("and", (first, second), Kind.BOOL)


def test_in_a_list_becomes_or_of_equalities_and_not_in_its_negation() -> None:
    either = Logic("or", (Compare("==", CLOSE, Number(1.0)), Compare("==", CLOSE, Number(-2.0))), Kind.BOOL)
    assert root("close in [1, -2]") == either
    assert root("close not in [1, -2]") == Unary("not", either, Kind.BOOL)
    assert root("close in (1,)") == Compare("==", CLOSE, Number(1.0))


def test_time_is_between_compares_the_minute_of_the_day() -> None:
    minute = Column(ColumnRequest("minute"))
    expected = (Compare(">=", minute, Number(555.0)), Compare("<=", minute, Number(630.0)))
    assert root("time_is_between(timestamp, '09:15', '10:30')") == Logic("and", expected, Kind.BOOL)


def test_a_crossing_compares_the_previous_bar_and_this_one() -> None:
    fast, slow = ColumnRequest("ema", 9, "close"), Captured("level")
    node = root("crosses_above(ema(history, 9, 'close') + 1, vars.level)")
    before = Compare("<=", Binary("+", Column(fast, 1), Number(1.0)), slow)
    now = Compare(">", Binary("+", Column(fast), Number(1.0)), slow)
    assert node == Logic("and", (before, now), Kind.BOOL)
    below = root("crosses_below(close, open)")
    assert isinstance(below, Logic)
    assert [o.op for o in below.operands if isinstance(o, Compare)] == [">=", "<"]


def test_kinds_follow_python() -> None:
    assert root("close > 1 and open > 1").kind is Kind.BOOL
    assert root("close > 1 and open").kind is Kind.NUMBER
    assert root("(close > 1) + 1").kind is Kind.NUMBER
    assert root("not close").kind is Kind.BOOL
    assert isinstance(root("close if open else 1"), Choice)


def test_captures_carry_their_kind_and_assigned_ones_need_no_prefix() -> None:
    scope = Scope({"trend": Kind.TEXT, "hi": Kind.NUMBER}, frozenset({"hi"}))
    assert root("vars.trend == 'Neutral'", scope) == Compare("==", Captured("trend", Kind.TEXT), Text("Neutral"))
    assert root("hi", scope) == Captured("hi")
    assert refusal("trend == 'x'", scope).suggestion == "vars.trend"


def test_execution_names_exist_only_where_they_are_set() -> None:
    assert root("entry + risk", Scope(execution=("entry", "sl", "risk"))).kind is Kind.NUMBER
    assert "in this order" in refusal("sl", Scope(execution=("entry",))).reason
    assert "not set here" in refusal("entry").reason


@pytest.mark.parametrize(
    ("source", "column", "suggestion"),
    [
        ("clse > 1", 0, "close"),
        ("close > 1 and hihg > 2", 14, "high"),
        ("candle.clos", 7, "close"),
        ("candle.getClos()", 7, "getClose"),
        ("sentiment.prc > 1", 10, "pcr"),
        ("vars.screener.rvl", 14, "rvol"),
        ("regime.tpmult", 7, "tp_mult"),
        ("moving_average(history, 5, 'close')", 0, "moving_avg"),
        ("moving_avg(history, 5, 'closes')", 23, "close"),
        ("ema(history, length=9)", 20, None),
        ("rvol > 1.5", 0, "screener.rvol"),
        ("close > 1 && open > 1", 10, "and"),
        ("close > 1 || open > 1", 10, "or"),
        ("'€uro' == sentiment.smart_trnd", 20, "smart_trend"),
    ],
)
def test_a_refusal_names_the_column_and_the_nearest_valid_name(
    source: str, column: int, suggestion: str | None
) -> None:
    error = refusal(source)
    assert (error.column, error.suggestion) == (column, suggestion)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("moving_avg(history, 20)", "field is missing"),
        ("moving_avg(20, 'close')", "must be history"),
        ("moving_avg(history, 20, 'close', 3)", "at most"),
        ("moving_avg(history, 20, 'close', n=3)", "twice"),
        ("sma(history, close, 'close')", "written out"),
        ("sma(history, 0, 'close')", "whole number"),
        ("sma(history, -3, 'close')", "whole number"),
        ("sma(history, 2.5, 'close')", "whole number"),
        ("sma(history, True, 'close')", "written out"),
        ("sma(history, 5, close)", "text in quotes"),
        ("close.__class__", "close has no parts"),
        ("max(close)", "two or more"),
        ("sqrt(1, 2)", "one argument"),
        ("abs(x=1)", "no named arguments"),
        ("prev_day_close(history)", "no arguments"),
        ("round(close, 13)", "whole number"),
        ("round(close, open)", "written out"),
        ("high_wick(close)", "takes candle"),
        ("candle.getOpen(1)", "no arguments"),
        ("time_is_between(close, '09:15', '10:00')", "must be timestamp"),
        ("time_is_between(timestamp, '9.15', '10:00')", "HH:MM"),
        ("time_is_between(timestamp, '24:00', '10:00')", "HH:MM"),
        ("crosses_above(prev_candle.close, open)", "may not nest"),
        ("crosses_above(crosses_above(close, open), 1)", "may not nest"),
        ("crosses_above(close, sentiment.pcr)", "keeps only the last"),
        ("crosses_above(close, screener.rvol)", "keeps only the last"),
        ("history", "first argument"),
        ("close + 'a'", "a number belongs here"),
        ("close == 'a'", "text is compared with a number"),
        ("sentiment.smart_trend > 'a'", "not with >"),
        ("sentiment.smart_trend in ['Neutral', 1]", "text is compared with a number"),
        ("not sentiment.smart_trend", "a number belongs here"),
        ("abs('x')", "a number belongs here"),
        ("close in []", "list of literals"),
        ("close in [open]", "written out"),
        ("close is open", "'is' is not"),
        ("close & 1", "not part of the language"),
        ("close = 5", "Not an expression"),
        ("close > 1; open", "Not an expression"),
        ("close > 1 # note", "not allowed"),
        ("", "empty"),
        ("close >", "Not an expression"),
        ("candle", "needs a field"),
        ("vwap", "needs its arguments"),
        ("None", "type NoneType"),
        ("1j", "type complex"),
    ],
)
def test_what_is_not_the_language_is_refused_with_the_reason(source: str, reason: str) -> None:
    assert reason in refusal(source).reason


def test_a_window_longer_than_history_is_cut_with_a_warning() -> None:
    parsed = parse_noted("highest(history, 500, 'high')")
    assert parsed.expression.root == Column(ColumnRequest("highest", 200, "high"))
    assert [note.column for note in parsed.notes] == [17]


def test_a_misspelt_trend_is_a_warning_with_the_right_spelling() -> None:
    (note,) = parse_noted("sentiment.smart_trend in ['Long buildup', 'Neutral']").notes
    assert note.suggestion == "'Long Buildup'"
    assert parse_noted("sentiment.regime == 'BULISH'").notes[0].suggestion == "'BULLISH'"
    assert parse_noted("sentiment.regime == 'BULLISH'").notes == ()


def test_a_reversed_time_span_is_a_warning() -> None:
    assert "never true" in parse_noted("time_is_between(timestamp, '15:00', '09:15')").notes[0].message


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("hi = high", ("hi", " high", True)),
        ("vars.hi=high", ("hi", "high", False)),
        (" x = close == open", ("x", " close == open", True)),
        ("close == open", None),
        ("close >= open", None),
        ("f(n=1)", None),
    ],
)
def test_a_single_equals_sign_is_an_assignment(source: str, expected: tuple[str, str, bool] | None) -> None:
    found = split_assignment(source)
    assert (found and (found.name, found.source, found.bare)) == expected
