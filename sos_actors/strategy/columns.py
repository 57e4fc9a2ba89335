"""Which columns a set of strategies needs, in an order in which each can be computed from those before it."""

from __future__ import annotations

from sos_actors.strategy import opcodes as op
from sos_actors.strategy.tree import HISTORY_BARS, ColumnRequest

ATR_BARS = 14
"""Bars of the plain name ``atr``."""
BASE_FIELDS = {
    "open": op.BASE_OPEN, "high": op.BASE_HIGH, "low": op.BASE_LOW, "close": op.BASE_CLOSE, "volume": op.BASE_VOLUME,
    "oi": op.BASE_OI, "timestamp": op.BASE_TIMESTAMP,
}  # fmt: skip
SHAPE_FIELDS = {
    "body_size": op.COLUMN_BODY, "range": op.COLUMN_RANGE, "high_wick": op.COLUMN_HIGH_WICK,
    "low_wick": op.COLUMN_LOW_WICK, "true_range": op.COLUMN_TRUE_RANGE,
}  # fmt: skip
WINDOWS = {
    "sma": op.COLUMN_SMA, "ema": op.COLUMN_EMA, "highest": op.COLUMN_HIGHEST, "lowest": op.COLUMN_LOWEST,
    "stdev": op.COLUMN_STDEV,
}  # fmt: skip
DAY = {"day_open": op.COLUMN_DAY_OPEN, "day_high": op.COLUMN_DAY_HIGH, "day_low": op.COLUMN_DAY_LOW}


class ColumnTable:
    """Assigns each distinct request one row of the column matrix; equal requests share it."""

    def __init__(self) -> None:
        self.table: list[tuple[int, int, int, int]] = [(row, 0, 0, 0) for row in range(op.N_BASE)]
        self.factors: list[float] = [0.0] * op.N_BASE
        self.rows: dict[ColumnRequest, int] = {}

    def row(self, request: ColumnRequest) -> int:
        """The row that holds the request's values, added with all it depends on when new."""
        if request.function == "minute":
            return op.BASE_MINUTE
        if request.function == "field" and request.field in BASE_FIELDS:
            return BASE_FIELDS[request.field]
        if request not in self.rows:
            self.rows[request] = self._add(request)
        return self.rows[request]

    def _append(self, function: int, source: int = 0, n: int = 0, second: int = 0, factor: float = 0.0) -> int:
        self.table.append((function, source, n, second))
        self.factors.append(factor)
        return len(self.table) - 1

    def _field(self, name: str) -> int:
        return self.row(ColumnRequest("field", field=name))

    def _add(self, request: ColumnRequest) -> int:
        function, n = request.function, min(request.n, HISTORY_BARS)
        if function == "field" and request.field == "atr":
            return self.row(ColumnRequest("atr", ATR_BARS))
        if function == "field":
            return self._append(SHAPE_FIELDS[request.field])
        if function == "atr":
            return self._append(op.COLUMN_SMA, self._field("true_range"), n)
        if function == "stdev":
            source = self._field(request.field)
            return self._append(op.COLUMN_STDEV, source, n, self.row(ColumnRequest("sma", n, request.field)))
        if function == "ema":
            return self._append(op.COLUMN_EMA, self._field(request.field), request.n)
        if function in WINDOWS:
            return self._append(WINDOWS[function], self._field(request.field), n)
        if function in ("bb_upper", "bb_lower"):
            mean = self.row(ColumnRequest("sma", n, "close"))
            deviation = self.row(ColumnRequest("stdev", n, "close"))
            sign = 1.0 if function == "bb_upper" else -1.0
            return self._append(op.COLUMN_BAND, mean, n, deviation, sign * request.k)
        if function == "rsi":
            return self._append(op.COLUMN_RSI, op.BASE_CLOSE, n)
        if function == "vwap":
            value = self._append(op.COLUMN_VWAP_VALUE)
            volume = self._append(op.COLUMN_VWAP_VOLUME)
            return self._append(op.COLUMN_VWAP, value, 0, volume)
        return self._day(function)

    def _day(self, function: str) -> int:
        if function in DAY:
            source = {"day_open": op.BASE_OPEN, "day_high": op.BASE_HIGH, "day_low": op.BASE_LOW}[function]
            return self._append(DAY[function], source)
        source = op.BASE_CLOSE
        if function != "prev_day_close":
            source = self.row(ColumnRequest(function.replace("prev_", "")))
        return self._append(op.COLUMN_PREVIOUS_DAY, source)
