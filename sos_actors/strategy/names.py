"""The words of the language: every name and function an expression may use, and what each becomes. Tables only."""

from __future__ import annotations

from dataclasses import dataclass

from sos_actors.strategy.tree import (
    BAR_FIELDS,
    REGIME_FIELDS,
    SCREENER_FIELDS,
    SENTIMENT_FIELDS,
    ColumnRequest,
    Kind,
)
from sos_actors.types import Regime, SmartTrend

DEFAULT_ATR_BARS = 14
"""``atr`` as a name, a candle's field or a window field is ATR(14)."""


def bar_column(field: str) -> ColumnRequest:
    """The column behind a bar's field."""
    return ColumnRequest("atr", n=DEFAULT_ATR_BARS) if field == "atr" else ColumnRequest("field", field=field)


BAR_NAMES: dict[str, ColumnRequest] = {field: bar_column(field) for field in BAR_FIELDS}
"""Bare names of the closed bar."""

CANDLE_FIELDS: dict[str, ColumnRequest] = {
    **BAR_NAMES,
    "range": bar_column("range"),
    "body": bar_column("body_size"),
}
"""After ``candle.`` and ``prev_candle.``."""

CANDLE_GETTERS: dict[str, ColumnRequest] = {
    "getOpen": bar_column("open"),
    "getHigh": bar_column("high"),
    "getLow": bar_column("low"),
    "getClose": bar_column("close"),
    "getVolume": bar_column("volume"),
    "getATR": bar_column("atr"),
}
"""The Java spelling, called without arguments."""

CANDLE_FUNCTIONS: dict[str, ColumnRequest] = {
    "high_wick": bar_column("high_wick"),
    "low_wick": bar_column("low_wick"),
    "body_size": bar_column("body_size"),
    "candle_size": bar_column("range"),
}
"""Functions of ``candle`` or ``prev_candle``."""

CANDLE_LAGS = {"candle": 0, "prev_candle": 1}
VARIABLE_ROOTS = ("vars", "var")
REGIME_NAMES: dict[str, str] = {**{field: field for field in REGIME_FIELDS}, "tp": "tp_mult"}
"""After ``regime.``; the value is the tree's field."""
BARE_REGIME_NAMES = ("tp_mult", "quantity_mod", "buffer_atr")
TRUTHS = {"True": 1.0, "False": 0.0, "true": 1.0, "false": 0.0}
"""Python's and Java's spelling; Python's own are constants of its grammar."""

TEXT_FIELDS: dict[str, tuple[str, ...]] = {
    "smart_trend": tuple(t.text for t in SmartTrend if t is not SmartTrend.UNKNOWN),
    "regime": tuple(r.name for r in Regime),
}
"""Fields of ``sentiment`` whose value is a text, with the values there are."""


def sentiment_kind(field: str) -> Kind:
    """NUMBER, or TEXT for the two fields of words."""
    return Kind.TEXT if field in TEXT_FIELDS else Kind.NUMBER


@dataclass(frozen=True, slots=True)
class WindowFunction:
    """A function whose first argument is ``history``.

    Attributes:
        function: the tree's name.
        parameters: after ``history``, in order: ``n``, ``field``, ``k``.
        defaults: of the parameters that may be left out.
    """

    function: str
    parameters: tuple[str, ...] = ()
    defaults: tuple[tuple[str, float], ...] = ()


_N_FIELD = ("n", "field")
WINDOW_FUNCTIONS: dict[str, WindowFunction] = {
    "moving_avg": WindowFunction("sma", _N_FIELD),
    "sma": WindowFunction("sma", _N_FIELD),
    "ema": WindowFunction("ema", _N_FIELD),
    "highest": WindowFunction("highest", _N_FIELD),
    "max": WindowFunction("highest", _N_FIELD),
    "lowest": WindowFunction("lowest", _N_FIELD),
    "min": WindowFunction("lowest", _N_FIELD),
    "stdev": WindowFunction("stdev", _N_FIELD),
    "bb_upper": WindowFunction("bb_upper", ("n", "k"), (("n", 20), ("k", 2.0))),
    "bb_lower": WindowFunction("bb_lower", ("n", "k"), (("n", 20), ("k", 2.0))),
    "rsi": WindowFunction("rsi", ("n",), (("n", 14),)),
    "atr": WindowFunction("atr", ("n",), (("n", DEFAULT_ATR_BARS),)),
    "vwap": WindowFunction("vwap"),
}
SESSION_FUNCTIONS = ("prev_day_close", "prev_day_high", "prev_day_low", "day_open", "day_high", "day_low")
"""Called without arguments."""
SCALAR_FUNCTIONS = ("abs", "sqrt", "log", "exp", "floor", "ceil")
"""One number in, one number out."""
MANY_FUNCTIONS = ("max", "min")
"""Two or more numbers in."""
CROSS_FUNCTIONS = {"crosses_above": ("<=", ">"), "crosses_below": (">=", "<")}
"""The comparison of the previous bar and that of this bar."""
FUNCTIONS: frozenset[str] = frozenset(
    (*WINDOW_FUNCTIONS, *SESSION_FUNCTIONS, *SCALAR_FUNCTIONS, *MANY_FUNCTIONS, *CROSS_FUNCTIONS, *CANDLE_FUNCTIONS)
) | {"round", "time_is_between"}

DOTTED_NAMES: frozenset[str] = frozenset(
    [f"{root}.{field}" for root in CANDLE_LAGS for field in CANDLE_FIELDS]
    + [f"{root}.{getter}()" for root in CANDLE_LAGS for getter in CANDLE_GETTERS]
    + [f"sentiment.{field}" for field in SENTIMENT_FIELDS]
    + [f"screener.{field}" for field in SCREENER_FIELDS]
    + [f"regime.{field}" for field in REGIME_NAMES]
)
ROOTS: dict[str, tuple[str, ...]] = {
    **{root: (*CANDLE_FIELDS, *(f"{getter}()" for getter in CANDLE_GETTERS)) for root in CANDLE_LAGS},
    "sentiment": SENTIMENT_FIELDS,
    "screener": SCREENER_FIELDS,
    "regime": tuple(REGIME_NAMES),
}
"""Names that need a field after a dot, with the fields there are (``vars`` apart)."""
RESERVED: frozenset[str] = FUNCTIONS | frozenset(
    (*BAR_NAMES, *BARE_REGIME_NAMES, *ROOTS, *VARIABLE_ROOTS, *TRUTHS, "history", "entry", "sl", "risk")
)
"""Names that mean something by themselves; a capture of that name is only reachable as ``vars.NAME``."""
