"""Finds our columns among those of a user's file by their usual names, and says when it is a file of another kind."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sos_actors.app.imports.report import ImportOptions
from sos_actors.errors import ImportRefusedError

_QUOTES = {
    "ltp": ("ltp", "lastprice", "last", "close", "premium"),
    "oi": ("oi", "openinterest", "openint"),
    "volume": ("volume", "vol", "v", "totaltradedvolume"),
    "iv": ("iv", "impliedvolatility"),
    "oi_change": ("oichange", "oichg", "changeinoi", "chginoi", "changeinopeninterest"),
}
_LEG_QUOTES = tuple(f"{leg}_{name}" for leg in ("ce", "pe") for name in _QUOTES)
_CONTRACT_TEXTS = ("symbol", "underlying", "option_type", "expiry")
TEXTS: dict[str, tuple[str, ...]] = {"candles": ("symbol",), "options": _CONTRACT_TEXTS, "chain": _CONTRACT_TEXTS}
NUMBERS: dict[str, tuple[str, ...]] = {
    "candles": ("open", "high", "low", "close", "volume", "oi"),
    "options": ("strike", "open", "high", "low", "close", "volume", "oi"),
    "chain": ("strike", "spot", *_QUOTES, *_LEG_QUOTES),
}
_NAMES: dict[str, tuple[str, ...]] = {
    "timestamp": ("timestamp", "datetime", "ts", "dateandtime"),
    "date": ("date", "day", "tradedate"),
    "time": ("time",),
    "symbol": ("symbol", "ticker", "tradingsymbol", "scrip", "stock", "instrument"),
    "underlying": ("underlying", "underlyingsymbol"),
    "open": ("open", "o", "openprice"),
    "high": ("high", "h", "highprice"),
    "low": ("low", "l", "lowprice"),
    "close": ("close", "c", "closeprice"),
    "strike": ("strike", "strikeprice"),
    "option_type": ("optiontype", "type", "right", "cepe"),
    "expiry": ("expiry", "expirydate"),
    "spot": ("spot", "spotprice", "underlyingvalue", "underlyingprice"),
    **_QUOTES,
    **{f"ce_{name}": tuple(p + a for p in ("ce", "call", "calls") for a in names) for name, names in _QUOTES.items()},
    **{f"pe_{name}": tuple(p + a for p in ("pe", "put", "puts") for a in names) for name, names in _QUOTES.items()},
}
_ONLY_OPTIONS = (*_NAMES["strike"], "optiontype", "cepe")
"""Spellings no file of an index or a share has; ``type`` and ``right`` could mean anything there."""


def find_columns(names: Sequence[str], options: ImportOptions) -> dict[str, str]:
    """Our names to the file's: what the user said first, then the usual spellings.

    Raises:
        ImportRefusedError: the user named something that does not exist, no column is a time, or premiums are about to
            be taken for candles of their underlying.
    """
    plain = {_plain(name): name for name in reversed(names)}
    if options.kind == "candles":
        _refuse_premiums(plain)
    wanted = ("timestamp", "date", "time", *TEXTS[options.kind], *NUMBERS[options.kind])
    for ours in (*options.columns, *options.constants):
        if ours not in wanted:
            raise ImportRefusedError(f"{options.kind} have no field {ours!r}; the fields are {', '.join(wanted)}.")
    for ours, theirs in options.columns.items():
        if theirs not in names:
            raise ImportRefusedError(f"The file has no column {theirs!r} (for {ours}); it has {', '.join(names)}.")
    found = {}
    for ours in wanted:
        spelling = next((plain[alias] for alias in _NAMES[ours] if alias in plain), None)
        if chosen := options.columns.get(ours) or spelling:
            found[ours] = chosen
    if "timestamp" not in found:
        if not {"date", "time"} & found.keys():
            raise ImportRefusedError(
                f"No column looks like a time: name it with --map timestamp=...; the file has {', '.join(names)}."
            )
        if len({"date", "time"} & found.keys()) == 1:
            found["timestamp"] = found.pop("date", "") or found.pop("time")
    return found


def unused_columns(names: Sequence[str], found: dict[str, str]) -> list[str]:
    """The file's columns that nothing is read from, in the file's order."""
    timed = {"date", "time"} if "timestamp" in found else set()
    used = {theirs for ours, theirs in found.items() if ours not in timed}
    return [name for name in names if name not in used]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9%]", "", name.lower())


def _refuse_premiums(plain: dict[str, str]) -> None:
    sides = [plain[alias] for ours in _LEG_QUOTES for alias in _NAMES[ours] if alias in plain]
    contracts = [plain[alias] for alias in _ONLY_OPTIONS if alias in plain]
    if not sides and not contracts:
        return
    candles = not sides and all(any(alias in plain for alias in _NAMES[name]) for name in ("open", "high", "low"))
    right = "--kind options" if candles else "--kind chain"
    other = "--kind chain for snapshots" if candles else "--kind options for candles of contracts"
    raise ImportRefusedError(
        f"The file holds options (columns {', '.join(sides or contracts)}); read as candles, premiums would be taken "
        f"for prices of the underlying. Say {right} ({other})."
    )
