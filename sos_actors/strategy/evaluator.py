"""The reference evaluator: a checked expression, read again from its text, runs in asteval with our names only.

Independent of the typed tree on purpose, so that it can convict the compiler. Validation, explanation and tests use it.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from asteval import Interpreter

from sos_actors.errors import StrategyError
from sos_actors.messages.market import ScreenerAlert, Sentiment
from sos_actors.strategy.reference_functions import SCALARS, History, finite, power
from sos_actors.strategy.rewriting import rewrite
from sos_actors.strategy.tree import SCREENER_FIELDS, Expression, Kind, RegimeSettings
from sos_actors.types import Regime, SmartTrend

Value = float | bool | str
_NODES = ("constant", "name", "call", "unaryop", "binop", "boolop", "compare", "ifexp", "list", "tuple")
"""What asteval may run; it knows no attribute, subscript or assignment here."""
_GETTERS = {
    "getOpen": "open", "getHigh": "high", "getLow": "low", "getClose": "close", "getVolume": "volume", "getATR": "atr",
}  # fmt: skip


class EvaluationError(StrategyError):
    """An expression failed on a bar; the message says why: unknown value, missing capture, impossible arithmetic."""


@dataclass(frozen=True, slots=True)
class Surrounding:
    """Everything an expression sees besides the bars.

    Attributes:
        settings: of the pattern in the current regime.
        execution: ``entry``, ``sl``, ``risk`` as far as they are set.
    """

    captures: Mapping[str, float | str] = field(default_factory=dict)
    sentiment: Sentiment | None = None
    screener: ScreenerAlert | None = None
    settings: RegimeSettings = field(default_factory=RegimeSettings)
    execution: Mapping[str, float] = field(default_factory=dict)


class Evaluator:
    """One asteval interpreter over one history. Not for several threads.

    Args:
        history: the bars; expressions are evaluated on its last one.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._surrounding = Surrounding()
        self._trees: dict[str, ast.expr] = {}
        symbols: dict[str, Callable[..., object]] = {
            "load": self._load, "column": self._column, "minute": self._minute, "number": float, "power": _power,
            "greatest": _greatest, "least": _least, "rounded": _rounded, **SCALARS,
        }  # fmt: skip
        self._interpreter = Interpreter(symtable=symbols, minimal=True, use_numpy=False, config={"ifexp": True})
        self._interpreter.symtable.pop("print", None)
        handlers = self._interpreter.node_handlers
        self._interpreter.node_handlers = {name: handlers[name] for name in _NODES}

    def evaluate(self, source: str, surrounding: Surrounding) -> Value:
        """The value of a checked expression on the last bar.

        Raises:
            EvaluationError: the expression fails on this bar.
        """
        tree = self._trees.get(source)
        if tree is None:
            tree = self._trees[source] = rewrite(source)
        self._surrounding = surrounding
        interpreter = self._interpreter
        # asteval answers None for ever after one error, and grows code_text, unless it is told to forget.
        interpreter.error = []
        interpreter.error_msg = None
        interpreter._interrupt = None
        interpreter.code_text = []
        interpreter.expr = source
        try:
            value = interpreter.run(tree)
        except Exception as error:  # asteval raises whatever class the failing function raised
            raise EvaluationError(_reason(error)) from None
        if isinstance(value, (bool, str)):
            return value
        if isinstance(value, (int, float)):
            return float(value)
        raise EvaluationError(f"no value: {value!r}")

    def _load(self, lag: float, family: str, name: str) -> float | str:
        """A name or a dotted name; fails when its value is unknown."""
        value = self._known(int(lag), family, name)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            raise LookupError(f"{family}.{name} is unknown" if family else f"{name} is unknown")
        return value

    def _known(self, lag: int, family: str, name: str) -> float | str | None:
        seen = self._surrounding
        match family:
            case "candle" | "prev_candle":
                back = lag + (family == "prev_candle")
                return self._history.field(max(0, self._last - back), _GETTERS.get(name, name))
            case "vars" | "var":
                return seen.captures.get(name)
            case "screener":
                return float(getattr(seen.screener, name)) if name in SCREENER_FIELDS and seen.screener else 0.0
            case "sentiment":
                return _sentiment(seen.sentiment, name)
            case "regime":
                return float(getattr(seen.settings, "tp_mult" if name == "tp" else name))
            case _:
                return seen.execution.get(name)

    def _column(self, lag: float, function: str, n: float, name: str, k: float) -> float:
        value = self._history.column(max(0, self._last - int(lag)), function, int(n), name, k)
        if math.isnan(value):
            raise LookupError(f"{function} is unknown")
        return value

    def _minute(self, lag: float) -> float:
        return self._history.minute(max(0, self._last - int(lag)))

    @property
    def _last(self) -> int:
        return len(self._history.bars) - 1


def evaluate_expression(expression: Expression, history: History, surrounding: Surrounding) -> Value | EvaluationError:
    """One value on the last bar of ``history``; a failure is returned, not raised. For tests: slow."""
    try:
        value = Evaluator(history).evaluate(expression.source, surrounding)
    except EvaluationError as error:
        return error
    if isinstance(value, str):
        return value
    return bool(value) if expression.root.kind is Kind.BOOL else float(value)


def _sentiment(sentiment: Sentiment | None, name: str) -> float | str | None:
    """None when unknown; the regime's own word for that is ``UNKNOWN``."""
    if name == "regime":
        return Regime.UNKNOWN.name if sentiment is None else Regime(sentiment.regime).name
    if sentiment is None:
        return None
    if name == "smart_trend":
        return None if sentiment.smart_trend is SmartTrend.UNKNOWN else SmartTrend(sentiment.smart_trend).text
    value: float | None = getattr(sentiment, name)
    return None if value is None else float(value)


def _power(a: float, b: float) -> float:
    return power(float(a), float(b))


def _rounded(x: float, digits: float) -> float:
    return round(finite(float(x)), int(digits))


def _greatest(first: float, *others: float) -> float:
    best = float(first)
    for other in others:
        best = float(other) if other > best else best
    return best


def _least(first: float, *others: float) -> float:
    best = float(first)
    for other in others:
        best = float(other) if other < best else best
    return best


def _reason(error: Exception) -> str:
    """asteval's message without its preamble; it loses the message of a failing operator."""
    text = str(error).rsplit("and kwargs {}: ", 1)[-1].strip()
    if isinstance(error, ZeroDivisionError) or text == "ZeroDivisionError":
        return "division by zero"
    return text[:200] or type(error).__name__
