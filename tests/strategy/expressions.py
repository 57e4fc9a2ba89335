"""Random well-typed expressions of the whole language, as text: what both evaluators must agree on.

Strategies are built once per depth, so that hypothesis can shrink an expression to the part that matters.
"""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from sos_actors.strategy.names import BARE_REGIME_NAMES, CANDLE_FIELDS, CANDLE_GETTERS, REGIME_NAMES, SESSION_FUNCTIONS
from sos_actors.strategy.tree import BAR_FIELDS, SCREENER_FIELDS, SENTIMENT_FIELDS, WINDOW_FIELDS
from sos_actors.types import Regime, SmartTrend

Texts = st.SearchStrategy[str]

NUMBERS_CAPTURED = {"a": "17.25", "b": "0.0", "c": "-3.0", "flag": "close > open", "move": "close - open"}
TEXTS_CAPTURED = {"word": "'Long Buildup'", "other": "'never heard of'"}
ASSIGNED = {"hi": "25600.5"}
"""Captured names and the expressions behind them; those assigned may be written without ``vars.``."""

WORDS = [trend.text for trend in SmartTrend] + [regime.name for regime in Regime] + ["never heard of", "Ünfug", ""]
CLOCK = st.builds("{:02d}:{:02d}".format, st.integers(9, 16), st.integers(0, 59))
LITERALS = st.one_of(
    st.sampled_from(["0", "0.0", "1", "2", "0.5", "100", "1e15", "1e-9", "-0.5", "-0.0", "25600"]),
    st.sampled_from(["True", "False", "true", "false"]),
    st.integers(-30, 30).map(str),
    st.floats(-1e15, 1e15, allow_nan=False).map(repr),
    st.floats(-4.0, 4.0, allow_nan=False).map(repr),
)
LITERALS_IN_LIST = LITERALS.filter(lambda text: text not in ("true", "false"))
BARS_IN_WINDOW = st.one_of(st.sampled_from([1, 2, 3, 5, 14, 20, 99, 100, 101, 199, 200, 201, 900]), st.integers(1, 40))
FIELDS = st.sampled_from(WINDOW_FIELDS)
WINDOWED = st.sampled_from(["moving_avg", "sma", "ema", "highest", "max", "lowest", "min", "stdev"])
DEVIATIONS = st.sampled_from(["2", "2.0", "0", "-1.5", "0.1"])
BANDS = st.sampled_from(["bb_upper", "bb_lower"])

WINDOWS = st.one_of(
    st.builds("{}(history, {}, '{}')".format, WINDOWED, BARS_IN_WINDOW, FIELDS),
    st.builds("{}(history, field='{}', n={})".format, WINDOWED, FIELDS, BARS_IN_WINDOW),
    st.builds("{}(history, {}, {})".format, BANDS, BARS_IN_WINDOW, DEVIATIONS),
    st.builds("{}(history, k={}, n={})".format, BANDS, DEVIATIONS, BARS_IN_WINDOW),
    st.builds("{}(history)".format, st.sampled_from(["bb_upper", "bb_lower", "rsi", "atr", "vwap"])),
    st.builds("{}(history, {})".format, st.sampled_from(["rsi", "atr", "bb_upper"]), BARS_IN_WINDOW),
    st.builds("{}()".format, st.sampled_from(SESSION_FUNCTIONS)),
)


def candles(*roots: str) -> Texts:
    """Everything a bar has, of the bars named."""
    root = st.sampled_from(roots)
    shapes = st.sampled_from(["high_wick", "low_wick", "body_size", "candle_size"])
    return st.one_of(
        st.builds("{}.{}".format, root, st.sampled_from(list(CANDLE_FIELDS))),
        st.builds("{}.{}()".format, root, st.sampled_from(list(CANDLE_GETTERS))),
        st.builds("{}({})".format, shapes, root),
    )


NUMBER_NAMES = [
    *(f"vars.{name}" for name in (*NUMBERS_CAPTURED, "missing")), "var.a", *ASSIGNED, "vars.hi",
    *BARE_REGIME_NAMES, *(f"regime.{name}" for name in REGIME_NAMES),
]  # fmt: skip
MOODS = st.sampled_from(
    [f"sentiment.{name}" for name in SENTIMENT_FIELDS if name not in ("smart_trend", "regime")]
    + [f"{root}.{name}" for root in ("screener", "vars.screener") for name in SCREENER_FIELDS]
)
NOW = st.one_of(LITERALS, WINDOWS, st.sampled_from(BAR_FIELDS), candles("candle"), st.sampled_from(NUMBER_NAMES))
"""What may stand in a crossing: its value one bar earlier is known."""
ANY = st.one_of(NOW, MOODS, candles("candle", "prev_candle"))


@cache
def number(depth: int, crossed: bool = False) -> Texts:
    """A number; with ``crossed`` one that may stand in a crossing."""
    leaf = NOW if crossed else ANY
    if depth == 0:
        return leaf
    part = st.one_of(number(depth - 1, crossed), number(depth - 1, crossed), truth(depth - 1, crossed))
    digits = st.integers(-12, 12)
    called = st.sampled_from(["abs", "sqrt", "log", "exp", "floor", "ceil"])
    return st.one_of(
        leaf,
        st.builds("({} {} {})".format, part, st.sampled_from(["+", "-", "*", "/", "//", "%"]), part),
        st.builds("({} {} {})".format, part, st.sampled_from(["*", "/", "//", "%", "**"]), part),
        st.builds("({}) ** {}".format, part, st.sampled_from(["2", "0.5", "-1", "3", "-2", "64", "65", "1.5"])),
        st.builds("({}{})".format, st.sampled_from(["-", "+"]), part),
        st.builds("{}({})".format, called, part),
        st.builds("round({}, {})".format, part, digits),
        st.builds("round({}, digits={})".format, part, digits),
        st.builds("round({})".format, part),
        st.builds(lambda name, parts: f"{name}({', '.join(parts)})", st.sampled_from(["max", "min"]),
                  st.lists(part, min_size=2, max_size=4)),
        st.builds("({} if {} else {})".format, part, truth(depth - 1, crossed), part),
        st.builds("({} {} {})".format, part, st.sampled_from(["and", "or"]), part),
    )  # fmt: skip


@cache
def truth(depth: int, crossed: bool = False) -> Texts:
    """True or false, or a number where Python takes one."""
    near = max(depth - 1, 0)
    part = number(near, crossed)
    compared = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    within = st.sampled_from(["in", "not in"])
    members = st.lists(LITERALS_IN_LIST, min_size=1, max_size=3).map(", ".join)
    moments = ["timestamp", "candle.timestamp", *([] if crossed else ["prev_candle.timestamp"])]
    found = [
        st.builds("({} {} {})".format, part, compared, part),
        st.builds("({} {} {} {} {})".format, part, compared, part, compared, part),
        st.builds("({} {} [{}])".format, part, within, members),
        st.builds("time_is_between({}, '{}', '{}')".format, st.sampled_from(moments), CLOCK, CLOCK),
    ]
    if not crossed:
        crossing = st.sampled_from(["crosses_above", "crosses_below"])
        found += [st.builds("{}({}, {})".format, crossing, number(near, True), number(near, True)), TEXT_TESTS]
    if depth > 0:
        inner = truth(depth - 1, crossed)
        found += [
            st.builds("(not {})".format, st.one_of(inner, part)),
            st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), st.one_of(inner, part)),
            st.builds("({} {} {} {} {})".format, inner, st.just("and"), inner, st.just("or"), inner),
            st.builds("({} if {} else {})".format, inner, inner, inner),
        ]
    return st.one_of(found)


WORD = st.sampled_from(WORDS).map(repr)
TEXT_VALUES = st.one_of(
    WORD,
    st.sampled_from(["sentiment.smart_trend", "sentiment.regime"]),
    st.sampled_from([f"vars.{name}" for name in TEXTS_CAPTURED]),
)
TEXT_TESTS = st.one_of(
    st.builds("({} {} {})".format, TEXT_VALUES, st.sampled_from(["==", "!="]), TEXT_VALUES),
    st.builds("({} {} [{}])".format, TEXT_VALUES, st.sampled_from(["in", "not in"]),
              st.lists(WORD, min_size=1, max_size=4).map(", ".join)),
)  # fmt: skip

EXPRESSIONS = st.one_of(number(3), number(2), number(1), truth(3), truth(2), truth(1))
