"""The typed expression tree: what the parser makes of an expression and what compiler and validator read.

Every node has a ``kind``. Chained comparisons and ``in [...]`` arrive here already rewritten as ``and``/``or`` of
plain comparisons (expressions have no effects, so evaluating an operand twice changes nothing).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Kind(IntEnum):
    """Static type of an expression. A BOOL may stand where a NUMBER is wanted (true is 1), as in Python."""

    NUMBER = 0
    BOOL = 1
    TEXT = 2


class Context(StrEnum):
    """Families of values that do not come from bars."""

    SENTIMENT = "sentiment"
    SCREENER = "screener"
    REGIME = "regime"
    EXECUTION = "execution"


SENTIMENT_FIELDS = (
    "pcr", "pcr_velocity", "advances", "declines", "breadth_ratio", "oi_wall_above", "oi_wall_below",
    "ce_oi_change", "pe_oi_change", "max_pain", "smart_trend", "regime",
)  # fmt: skip
SCREENER_FIELDS = ("rvol", "change_from_open", "momentum_score", "adx", "atr", "macd", "change")
REGIME_FIELDS = ("allow_entry", "tp_mult", "quantity_mod", "buffer_atr")
EXECUTION_FIELDS = ("entry", "sl", "risk")
BAR_FIELDS = ("open", "high", "low", "close", "volume", "oi", "atr", "timestamp")
"""Of ``candle`` and ``prev_candle``; ``timestamp`` is the bar's open in epoch seconds."""
WINDOW_FIELDS = ("open", "high", "low", "close", "volume", "oi", "atr", "body_size", "range")
HISTORY_BARS = 200
"""How far ``history`` reaches back; a longer window sees this many."""


@dataclass(frozen=True, slots=True)
class ColumnRequest:
    """One value a bar has: a field of the bar, a window over history, or a figure of the session.

    Attributes:
        function: ``field`` (with the name in ``field``); ``sma ema highest lowest stdev`` (n, field);
            ``bb_upper bb_lower`` (n, k); ``rsi atr`` (n); ``vwap prev_day_close prev_day_high prev_day_low day_open
            day_high day_low`` (nothing); ``minute`` (of the exchange's day, of the bar's open).
        n: window length in bars, 1..HISTORY_BARS (ema: 1..HISTORY_BARS too, reads 2n bars of those there are).
        field: one of WINDOW_FIELDS, or for ``field`` also ``high_wick low_wick timestamp``.
        k: number of deviations.
    """

    function: str
    n: int = 0
    field: str = ""
    k: float = 0.0


@dataclass(frozen=True, slots=True)
class Number:
    """A literal; always a float64."""

    value: float
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal."""

    value: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Column:
    """A column's value at this bar, or at the one before (``lag`` 1; on the first bar that is the bar itself)."""

    request: ColumnRequest
    lag: int = 0
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Captured:
    """A variable captured by an earlier phase (or earlier in this one)."""

    name: str
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class ContextValue:
    """``sentiment.pcr``, ``screener.rvol``, ``regime.tp_mult``, ``entry``: family and field name."""

    family: Context
    name: str
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Unary:
    """``op`` is ``-``, ``+`` or ``not``."""

    op: str
    operand: Node
    kind: Kind


@dataclass(frozen=True, slots=True)
class Binary:
    """``op`` is one of ``+ - * / // % **``; ``kind`` is NUMBER."""

    op: str
    left: Node
    right: Node
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Compare:
    """``op`` is one of ``< <= > >= == !=``; text only with the last two."""

    op: str
    left: Node
    right: Node
    kind: Kind = Kind.BOOL


@dataclass(frozen=True, slots=True)
class Logic:
    """``and``/``or`` over two or more operands, with Python's value: the operand that decided."""

    op: str
    operands: tuple[Node, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Choice:
    """``then if condition else other``."""

    condition: Node
    then: Node
    other: Node
    kind: Kind


@dataclass(frozen=True, slots=True)
class Call:
    """A scalar function: ``abs sqrt log exp floor ceil`` (one argument), ``max min`` (two or more),
    ``round`` (one, with ``digits``)."""

    name: str
    args: tuple[Node, ...]
    digits: int = 0
    kind: Kind = Kind.NUMBER


Node = Number | Text | Column | Captured | ContextValue | Unary | Binary | Compare | Logic | Choice | Call


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression with the text it came from."""

    source: str
    root: Node


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a phase; with ``assigns`` it is the older files' ``name = expression`` (counts as true)."""

    expression: Expression
    assigns: str | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a pattern."""

    id: str
    conditions: tuple[Condition, ...]
    captures: tuple[tuple[str, Expression], ...]
    timeout: int
    """Bars; 0 never times out."""


@dataclass(frozen=True, slots=True)
class RegimeSettings:
    """What a strategy does in one regime; the defaults are those of a regime that the file does not name."""

    allow_entry: bool = True
    tp_mult: float = 1.0
    quantity_mod: float = 1.0
    buffer_atr: float = 0.5


@dataclass(frozen=True, slots=True)
class OptionChoice:
    """``moneyness`` is ATM, OTM, ITM or NONE; ``distance`` in strikes; the type follows the side, not the word."""

    moneyness: str = "ATM"
    distance: int = 0


@dataclass(frozen=True, slots=True)
class Strategy:
    """A checked strategy file.

    Attributes:
        symbols: as written; empty means every symbol in play.
        regimes: Regime name -> settings, only the regimes that the file names.
        side: +1 BUY, -1 SELL.
        entry, stop, target: of ``execution`` (``sl`` and ``tp`` in the file).
        content_hash: sha256 of the file's bytes, hex: identifies what ran.
    """

    pattern_id: str
    description: str
    symbols: tuple[str, ...]
    timeframe_minutes: int
    regimes: dict[str, RegimeSettings]
    phases: tuple[Phase, ...]
    side: int
    entry: Expression
    stop: Expression
    target: Expression
    option: OptionChoice
    source_path: str
    content_hash: str
