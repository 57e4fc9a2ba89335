"""Upstox's instrument file, read to ``Instrument``s: the NSE index, share and F&O rows of its 86,000.

Source: ``https://assets.upstox.com/market-quote/instruments/exchange/NSE.json.gz``, as of January 2026.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import msgspec

from sos_actors.errors import DataError
from sos_actors.market.instruments import SymbolMaster
from sos_actors.market.symbols import Instrument
from sos_actors.types import IST_OFFSET_S, OptionType, Segment

SHARE_SERIES = ("EQ", "BE", "BZ", "SM", "ST", "SZ", "RR", "IV", "IT", "E1")
"""NSE series that are shares or trusts, the usual one first: normal, trade-to-trade, SME, REIT, InvIT, partly paid.
The other hundred are bonds, warrants and funds, which share trading symbols with shares."""
_SECONDS_PER_DAY = 86_400
_UNIX_DAY_0 = date(1970, 1, 1)
_ADVICE = "Download NSE.json.gz again from https://assets.upstox.com/market-quote/instruments/exchange/NSE.json.gz."


class _Row(msgspec.Struct, gc=False):
    """The fields SOS needs of one row; the rest is skipped while decoding."""

    segment: str
    instrument_type: str
    instrument_key: str
    exchange_token: str
    trading_symbol: str
    lot_size: int | None = None
    tick_size: float | None = None
    freeze_quantity: float | None = None
    isin: str | None = None
    underlying_symbol: str | None = None
    underlying_type: str | None = None
    expiry: int | None = None
    strike_price: float | None = None


def upstox_master(path: Path) -> SymbolMaster:
    """A master from Upstox's instrument file (``NSE.json.gz`` or the same unpacked).

    Raises:
        DataError: the file cannot be read as such; the message says where and what to do.
    """
    return SymbolMaster(read_upstox_master(path), str(path))


def read_upstox_master(path: Path) -> list[Instrument]:
    """Read ``NSE.json`` or ``NSE.json.gz``.

    Raises:
        DataError: missing, unreadable, torn, not JSON, of another shape, or without any instrument SOS can use.
    """
    rows = _decode(path, _content(path))
    shares: dict[str, _Row] = {}
    instruments: list[Instrument] = []
    for row in rows:
        if row.segment == "NSE_EQ" and row.instrument_type in SHARE_SERIES:
            held = shares.get(row.trading_symbol)
            if held is None or _rank(row) < _rank(held):
                shares[row.trading_symbol] = row
        elif row.segment == "NSE_INDEX":
            instruments.append(_index(row))
    try:
        instruments.extend(_share(row) for row in shares.values())
        instruments.extend(_contracts(rows))
    except _BadRowError as error:
        raise DataError(f"The instrument file {path} is not as expected: {error}. {_ADVICE}") from error
    if not instruments:
        raise DataError(f"The instrument file {path} holds no NSE index, share or F&O contract. {_ADVICE}")
    return instruments


class _BadRowError(Exception):
    """A row lacks what its kind needs, or has it wrong."""


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except OSError as error:  # gzip.BadGzipFile is one
        raise DataError(f"Cannot read the instrument file {path}: {error.strerror or error}. {_ADVICE}") from error
    except (EOFError, zlib.error) as error:
        raise DataError(f"The instrument file {path} is cut off or damaged: {error}. {_ADVICE}") from error


def _decode(path: Path, content: bytes) -> list[_Row]:
    try:
        return msgspec.json.decode(content, type=list[_Row])
    except msgspec.ValidationError as error:
        raise DataError(f"The instrument file {path} is not as expected: {error}. {_ADVICE}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"The instrument file {path} is not JSON: {error}. {_ADVICE}") from error


def _rank(row: _Row) -> int:
    return SHARE_SERIES.index(row.instrument_type)


def _index(row: _Row) -> Instrument:
    symbol = f"NSE|INDEX|{row.trading_symbol.upper()}"
    return Instrument(symbol, row.trading_symbol, Segment.INDEX, 0, math.nan, 0, row.instrument_key, row.exchange_token)


def _share(row: _Row) -> Instrument:
    lot_size, tick_size, freeze_quantity = _trading_units(row)
    return Instrument(
        f"NSE|EQ|{row.trading_symbol.upper()}",
        row.trading_symbol,
        Segment.EQ,
        lot_size,
        tick_size,
        freeze_quantity,
        row.instrument_key,
        row.exchange_token,
        row.isin,
    )


def _contracts(rows: list[_Row]) -> Iterator[Instrument]:
    days: dict[int, date] = {}
    option_types = {"CE": OptionType.CE, "PE": OptionType.PE, "FUT": None}
    for row in rows:
        if row.segment != "NSE_FO" or row.instrument_type not in option_types:
            continue
        if row.expiry is None or row.strike_price is None or row.underlying_symbol is None:
            missing = "expiry" if row.expiry is None else "strike_price" if row.strike_price is None else ""
            raise _BadRowError(f"row {row.instrument_key} has no {missing or 'underlying_symbol'!r}")
        if row.expiry not in days:
            try:
                days[row.expiry] = _ist_day(row.expiry)
            except OverflowError as error:
                raise _BadRowError(f"row {row.instrument_key} expires at {row.expiry} ms, which is no date") from error
        option_type = option_types[row.instrument_type]
        segment = Segment.INDEX if row.underlying_type == "INDEX" else Segment.EQ
        yield Instrument(
            f"NSE|FO|{row.trading_symbol}",
            row.trading_symbol,
            Segment.FO,
            *_trading_units(row),
            row.instrument_key,
            row.exchange_token,
            None,
            f"NSE|{segment}|{row.underlying_symbol}",
            days[row.expiry],
            None if option_type is None else row.strike_price,
            option_type,
        )


def _trading_units(row: _Row) -> tuple[int, float, int]:
    """Lot size, tick size in rupees (the file has paise) and freeze quantity."""
    if row.lot_size is None or row.tick_size is None or row.freeze_quantity is None:
        missing = "lot_size" if row.lot_size is None else "tick_size" if row.tick_size is None else "freeze_quantity"
        raise _BadRowError(f"row {row.instrument_key} has no {missing!r}")
    return row.lot_size, row.tick_size / 100.0, int(row.freeze_quantity)


def _ist_day(epoch_ms: int) -> date:
    """The day in India of an expiry, which the file gives as 23:59:59 of that day, in milliseconds UTC."""
    return _UNIX_DAY_0 + timedelta(days=(epoch_ms // 1000 + IST_OFFSET_S) // _SECONDS_PER_DAY)
