"""Reads what a strategy file sets besides its phases: symbols, timeframe, regimes, side and option."""

from __future__ import annotations

import re

from sos_actors.strategy.fields import Fields, type_name
from sos_actors.strategy.findings import nearest, printable
from sos_actors.strategy.tree import REGIME_FIELDS, OptionChoice, RegimeSettings
from sos_actors.types import Regime, Timeframe

_MAX_SYMBOLS = 1_000
_SIDES = {"BUY": 1, "LONG": 1, "SELL": -1, "SHORT": -1}
_OPTION = re.compile(r"(ATM|OTM|ITM)_(CALL|PUT)(?:_([0-9]{1,3}))?")
_OPTION_WORDS = ("ATM_CALL", "ATM_PUT", "OTM_CALL_1", "OTM_PUT_1", "ITM_CALL_1", "ITM_PUT_1", "NONE")
_MAX_DISTANCE = 100


def read_symbols(fields: Fields) -> tuple[str, ...]:
    """The symbols as written; empty means every symbol in play."""
    items = fields.items("symbols", _MAX_SYMBOLS) or []
    symbols = []
    for index, item in enumerate(items):
        if isinstance(item, str) and item.strip() and item.isprintable():
            symbols.append(item.strip())
        else:
            reason = "an empty one" if isinstance(item, str) else type_name(item)
            fields.findings.error(f"{fields.path('symbols')}[{index}]", f"A symbol is a text, not {reason}")
    return tuple(dict.fromkeys(symbols))


def read_timeframe(fields: Fields) -> int:
    """Minutes of a bar; 1 when absent or refused."""
    text = fields.text("timeframe")
    if text is None:
        return int(Timeframe.M1)
    words = [timeframe.text for timeframe in Timeframe]
    word = text.strip().lower()
    if word not in words:
        message = f"Unknown timeframe {printable(text, 32)!r}: one of {', '.join(words)}"
        fields.findings.error(fields.path("timeframe"), message, nearest(text, words))
        return int(Timeframe.M1)
    return int(Timeframe.from_text(word))


def read_regimes(fields: Fields) -> dict[str, RegimeSettings]:
    """Settings by regime name, of the regimes the file names; an unknown regime is a warning and never applies."""
    config = fields.mapping("regime_config")
    if config is None:
        return {}
    names = [regime.name for regime in Regime]
    settings: dict[str, RegimeSettings] = {}
    for key, value in config.members(_MAX_SYMBOLS):
        name = key.strip().upper()
        if name not in names:
            if not fields.findings.full:
                message = f"Unknown regime {printable(key, 64)!r}: it never applies"
                fields.findings.warning(config.path(key), message, nearest(name, names))
        elif not isinstance(value, dict):
            fields.findings.error(config.path(key), f"A regime's settings are an object {{…}}, not {type_name(value)}")
        else:
            settings[name] = _regime(Fields(value, config.path(key), fields.findings))
    return settings


def _regime(fields: Fields) -> RegimeSettings:
    fields.warn_unknown(REGIME_FIELDS)
    default = RegimeSettings()
    allow_entry = fields.truth("allow_entry")
    return RegimeSettings(
        allow_entry=default.allow_entry if allow_entry is None else allow_entry,
        tp_mult=_factor(fields, "tp_mult", default.tp_mult),
        quantity_mod=_factor(fields, "quantity_mod", default.quantity_mod),
        buffer_atr=_factor(fields, "buffer_atr", default.buffer_atr),
    )


def _factor(fields: Fields, key: str, default: float) -> float:
    value = fields.number(key)
    if value is None:
        return default
    if value < 0:
        fields.findings.warning(fields.path(key), f"{key} is negative")
    return value


def read_side(execution: Fields) -> int:
    """+1 or -1; 0 when absent or refused."""
    if not execution.required("side"):
        return 0
    text = execution.text("side")
    if text is None:
        return 0
    side = _SIDES.get(text.strip().upper(), 0)
    if side == 0:
        message = f"Unknown side {printable(text, 32)!r}: BUY, LONG, SELL or SHORT"
        execution.findings.error(execution.path("side"), message, nearest(text, _SIDES))
    return side


def read_option(execution: Fields) -> OptionChoice:
    """Moneyness and distance; the type follows the side. At the money when absent.

    A word whose type contradicts the side is a warning.
    """
    text = execution.text("option_selection")
    if text is None:
        return OptionChoice()
    word = text.strip().upper()
    if word == "NONE":
        return OptionChoice("NONE")
    match = _OPTION.fullmatch(word)
    path = execution.path("option_selection")
    if match is None:
        message = f"Unknown option word {printable(text, 32)!r}: {', '.join(_OPTION_WORDS)}"
        execution.findings.error(path, message, nearest(word, _OPTION_WORDS))
        return OptionChoice()
    _check_type(execution, word, match[2])
    distance = _distance(execution, match[1], match[3])
    return OptionChoice(match[1] if distance else "ATM", distance)


def _check_type(execution: Fields, word: str, option_type: str) -> None:
    side = execution.raw("side")
    direction = _SIDES.get(side.strip().upper(), 0) if isinstance(side, str) else 0
    if (direction, option_type) in ((1, "PUT"), (-1, "CALL")):
        verb, bought = ("BUY", "call") if direction == 1 else ("SELL", "put")
        message = f"{word} contradicts the side: the type follows the side, {verb} buys a {bought}"
        execution.findings.warning(execution.path("option_selection"), message)


def _distance(execution: Fields, moneyness: str, digits: str | None) -> int:
    """Strikes from the money: 0 for ATM, 1 or more else."""
    path = execution.path("option_selection")
    distance = int(digits) if digits is not None else 0
    if moneyness == "ATM":
        if distance:
            execution.findings.warning(path, "ATM has no distance: the number is ignored")
        return 0
    if digits is None:
        execution.findings.warning(path, f"{moneyness} without a number of strikes: read as 1")
        return 1
    if not 1 <= distance <= _MAX_DISTANCE:
        execution.findings.error(path, f"The number of strikes must be from 1 to {_MAX_DISTANCE}")
        return 1
    return distance
