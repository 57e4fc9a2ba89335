"""Columns: sharing of rows, each function against plain Python, and the same bits however the bars arrive."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from sos_actors.strategy.columns import ColumnTable
from sos_actors.strategy.load import load_bytes
from sos_actors.strategy.matcher import KEEP, Matcher, unknown_surroundings
from sos_actors.strategy.opcodes import BASE_CLOSE, BASE_MINUTE, N_BASE
from sos_actors.strategy.program import CompiledStrategies, compile_strategies
from sos_actors.strategy.reference_functions import History
from sos_actors.strategy.tree import WINDOW_FIELDS, ColumnRequest
from tests.strategy.markets import Market, random_market
from tests.strategy.places import bits

WINDOWS = [f"{name}(history, {n}, '{field}')" for name in ("sma", "ema", "highest", "lowest", "stdev")
           for n in (1, 7, 150) for field in WINDOW_FIELDS]  # fmt: skip
OTHERS = ["bb_upper(history)", "bb_lower(history, 5, 1.5)", "rsi(history)", "rsi(history, 1)", "rsi(history, 200)",
          "atr(history)", "atr(history, 3)", "vwap(history)", "prev_day_close()", "prev_day_high()", "prev_day_low()",
          "day_open()", "day_high()", "day_low()", "high_wick(candle)", "low_wick(candle)"]  # fmt: skip


def compiled(*sources: str) -> CompiledStrategies:
    """A program that needs the columns of these expressions."""
    document = {
        "pattern_id": "COLUMNS",
        "regime_config": {},
        "phases": [{"id": "ONE", "conditions": [f"{source} != 1" for source in sources[:60]],
                    "capture": {f"c{k}": source for k, source in enumerate(sources[60:120])}},
                   {"id": "TWO", "conditions": [f"{source} != 1" for source in sources[120:]]}],
        "execution": {"side": "BUY", "entry": "close", "sl": "low", "tp": "high", "option_selection": "NONE"},
    }  # fmt: skip
    strategy = load_bytes(json.dumps(document).encode(), "columns.json").strategy
    assert strategy is not None
    return compile_strategies((strategy,))


ALL = compiled(*WINDOWS, *OTHERS)


def filled(market: Market, chunks: list[int], capacity: int = 4096) -> NDArray[np.float64]:
    """The columns after the bars came in chunks, only the last bars when there was no room for more."""
    matcher = Matcher(ALL, capacity)
    series, sessions = market.series(), market.sessions()
    low = 0
    for size in chunks:
        part = slice(low, low + size)
        matcher.extend(series[part], sessions[part], unknown_surroundings(len(series[part])))
        low += size
    assert low >= len(series)
    return matcher.columns[:, : matcher.n_bars]


def same_bits(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """NaN equals NaN whatever its payload."""
    known = ~np.isnan(a)
    if not np.array_equal(known, ~np.isnan(b)):
        return False
    return np.array_equal(a[known].view(np.int64), b[known].view(np.int64))


@pytest.mark.parametrize("seed", range(6))
def test_every_column_equals_plain_python(seed: int) -> None:
    market = random_market(260, seed)
    columns = filled(market, [260])
    history = History()
    for bar in market.bars:
        history.append(bar)
    for i in [*range(12), *range(12, 250, 31), *range(198, 203), 259]:
        for request, row in ALL.requests.items():
            if request.function == "field":
                expected = history.true_range(i) if request.field == "true_range" else history.field(i, request.field)
            else:
                expected = history.column(i, request.function, request.n, request.field, request.k)
            found = float(columns[row, i])
            assert bits(found) == bits(expected) or (math.isnan(found) and math.isnan(expected)), (request, i)


@pytest.mark.parametrize("chunks", [[1] * 300, [7] * 43, [299, 1], [1, 200, 99]])
def test_bars_one_by_one_give_the_same_bits_as_all_at_once(chunks: list[int]) -> None:
    market = random_market(300, 11)
    assert same_bits(filled(market, chunks), filled(market, [300]))


@pytest.mark.parametrize("step", [1, 13, 400, 900])
def test_making_room_for_more_bars_changes_no_bit(step: int) -> None:
    market = random_market(2_500, 12)
    n_chunks = -(-2_500 // step)
    moved = filled(market, [step] * n_chunks, capacity=2 * KEEP)
    whole = filled(market, [2_500])
    assert moved.shape[1] < 2_500
    assert same_bits(moved, whole[:, 2_500 - moved.shape[1] :])


def test_a_chunk_larger_than_the_matrix_grows_it() -> None:
    market = random_market(2_500, 13)
    assert same_bits(filled(market, [1_000, 1_500], capacity=100)[:, -1_000:], filled(market, [2_500])[:, -1_000:])


def test_an_unknown_volume_makes_only_what_depends_on_it_unknown() -> None:
    market = random_market(20, 3)
    series, matcher = market.series(), Matcher(ALL)
    series.volume[:] = 10.0
    series.volume[5] = math.nan
    matcher.extend(series, np.zeros(20, np.int64), unknown_surroundings(20))

    def unknown(request: ColumnRequest) -> list[int]:
        return [i for i in range(20) if math.isnan(matcher.columns[ALL.requests[request], i])]

    for function in ("sma", "highest", "lowest", "stdev"):
        assert unknown(ColumnRequest(function, 7, "volume")) == list(range(5, 12))
    assert unknown(ColumnRequest("vwap")) == list(range(5, 20))
    assert unknown(ColumnRequest("sma", 7, "close")) == []


def test_equal_requests_share_a_row_and_plain_fields_are_the_bars_own() -> None:
    table = ColumnTable()
    first = table.row(ColumnRequest("sma", 20, "close"))
    assert first == N_BASE
    assert table.row(ColumnRequest("sma", 20, "close")) == first
    assert table.row(ColumnRequest("field", field="close")) == BASE_CLOSE
    assert table.row(ColumnRequest("minute")) == BASE_MINUTE
    assert table.row(ColumnRequest("field", field="atr")) == table.row(ColumnRequest("atr", 14))
    assert len(table.table) == N_BASE + 3


def test_a_column_stands_after_all_it_depends_on() -> None:
    for row, (_, source, _, second) in enumerate(ALL.program.columns.tolist()):
        assert source < row or row < N_BASE
        assert second < row or row < N_BASE
