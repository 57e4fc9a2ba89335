"""Where an option's prices come from: candles first, snapshots second, the model third; and how each is marked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from sos_actors.app.board import ModelBoard, StoreBoard
from sos_actors.config import Options
from sos_actors.engine.records import PriceSource
from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import Calendar
from sos_actors.market.pricing import black76_price, years_to_expiry
from sos_actors.messages.market import BarSeries
from sos_actors.store.columns import ChainColumns
from sos_actors.store.database import Store
from sos_actors.types import Segment
from tests.engine.markets import FIRST, SECOND, minute, series

CALENDAR = Calendar.default()
CALL, PUT = "NSE|FO|NIFTY 25600 CE 13 JAN 26", "NSE|FO|NIFTY 25600 PE 13 JAN 26"
ABSENT = "NSE|FO|NIFTY 29000 CE 13 JAN 26"
NOON, EVENING = minute(FIRST, 165), minute(FIRST, 375)


def candles(first: int, count: int, price: float, day: date = FIRST) -> BarSeries:
    return series([minute(day, first + k) for k in range(count)], [[price, price + 1, price - 1, price]] * count)


def chain(known_at: list[int], ce: list[float], pe: list[float], strike: float = 25_600.0) -> ChainColumns:
    """Snapshots of one strike at minutes of the first day."""
    n = len(known_at)
    columns = {one.name: np.full(n, np.nan) for one in fields(ChainColumns)}
    columns |= {
        "strike": np.full(n, strike),
        "ce_ltp": np.array(ce),
        "pe_ltp": np.array(pe),
        "ce_oi": np.arange(n) * 65.0,
    }
    ts = np.array([minute(FIRST, k) for k in known_at])
    expiry = np.full(n, SECOND.toordinal())
    return ChainColumns(ts, expiry, *(columns[one.name] for one in fields(ChainColumns)[2:]))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path, origin="real") as opened:
        yield opened


@pytest.fixture
def board(store: Store) -> StoreBoard:
    return StoreBoard(store, CALENDAR)


def test_candles_come_before_snapshots(store: Store, board: StoreBoard) -> None:
    store.add_candles(CALL, candles(0, 3, 120.0), "file")
    store.add_chain("NSE|INDEX|NIFTY", chain([1, 2], [99.0, 98.0], [50.0, 51.0]), "file")
    bars = board.bars(CALL, FIRST, NOON)
    assert bars is not None
    assert bars.close.tolist() == [120.0] * 3
    assert board.source(CALL, FIRST, NOON) == PriceSource.CANDLES


def test_a_snapshot_known_at_a_minute_is_the_bar_that_opened_a_minute_before(store: Store, board: StoreBoard) -> None:
    store.add_chain("NSE|INDEX|NIFTY", chain([1, 2, 3], [99.0, 0.0, 97.0], [50.0, 51.0, np.nan]), "file")
    call, put = board.bars(CALL, FIRST, NOON), board.bars(PUT, FIRST, NOON)
    assert call is not None
    assert put is not None
    assert call.ts.tolist() == [minute(FIRST, 0), minute(FIRST, 2)], "a price of nothing is no price"
    assert call.open.tolist() == call.high.tolist() == call.low.tolist() == call.close.tolist() == [99.0, 97.0]
    assert np.isnan(call.volume).all()
    assert call.oi.tolist() == [0.0, 130.0]
    assert put.close.tolist() == [50.0, 51.0]
    assert board.source(CALL, FIRST, NOON) == PriceSource.CHAIN


def test_a_snapshot_whose_volume_did_not_grow_is_a_minute_without_a_trade(store: Store, board: StoreBoard) -> None:
    quotes = chain([1, 2, 3, 4, 5], [99.0] * 5, [50.0] * 5)
    volume = np.array([0.0, 65.0, 65.0, 130.0, 65.0])
    store.add_chain("NSE|INDEX|NIFTY", replace(quotes, ce_volume=volume), "file")
    bars, puts = board.bars(CALL, FIRST, NOON), board.bars(PUT, FIRST, NOON)
    assert bars is not None
    assert puts is not None
    assert np.array_equal(bars.volume, [0.0, 65.0, 0.0, 65.0, np.nan], equal_nan=True)
    assert np.isnan(puts.volume).all()


def test_only_what_was_known_decides_on_the_source(store: Store, board: StoreBoard) -> None:
    store.add_candles(CALL, candles(60, 3, 120.0), "file")
    store.add_chain("NSE|INDEX|NIFTY", chain([10, 11], [99.0, 98.0], [50.0, 51.0]), "file")
    first_candle, first_snapshot = minute(FIRST, 61), minute(FIRST, 10)
    assert board.bars(CALL, FIRST, first_snapshot - 1) is None
    assert board.source(CALL, FIRST, first_candle - 1) == PriceSource.CHAIN
    before, after = board.bars(CALL, FIRST, first_candle - 1), board.bars(CALL, FIRST, first_candle)
    assert before is not None
    assert after is not None
    assert (before.close[0], after.close[0]) == (99.0, 120.0)
    assert board.source(CALL, FIRST, first_candle) == PriceSource.CANDLES


def test_a_contract_nobody_has_prices_of_has_none_that_day(store: Store, board: StoreBoard) -> None:
    store.add_candles(CALL, candles(0, 3, 120.0), "file")
    assert board.bars(ABSENT, FIRST, EVENING) is None
    assert board.bars(CALL, SECOND, minute(SECOND, 375)) is None


def test_every_series_that_was_read_is_kept_once_for_the_fingerprint(store: Store, board: StoreBoard) -> None:
    store.add_candles(CALL, candles(0, 3, 120.0), "file")
    for _ in range(2):
        board.bars(CALL, FIRST, NOON)
        board.bars(ABSENT, FIRST, NOON)
    assert [name for name, _ in board.read] == [f"{CALL} 2026-01-12 candles"]


def test_expiries_are_those_the_exchange_listed(board: StoreBoard) -> None:
    assert board.expiries("NIFTY", FIRST)[:3] == [date(2026, 1, 13), date(2026, 1, 20), date(2026, 1, 27)]
    assert board.expiries("NIFTY", SECOND)[0] == SECOND, "the day's own too"


def test_a_monthly_expiry_is_found_however_far_it_must_be(board: StoreBoard) -> None:
    far = Options(min_days_to_expiry=60).min_days_to_expiry
    assert any((expiry - FIRST).days >= far for expiry in board.expiries("BANKNIFTY", FIRST))


def test_a_day_whose_next_expiry_the_calendar_does_not_reach_is_refused(board: StoreBoard) -> None:
    assert board.expiries("NIFTY", date(2026, 12, 29)) == [date(2026, 12, 29)]
    with pytest.raises(MarketRuleError, match=r"No expiry of NIFTY from 2026-12-30 .*holidays\.toml"):
        board.expiries("NIFTY", date(2026, 12, 30))


SPOT = candles(0, 5, 25_600.0)


@pytest.fixture
def model(board: StoreBoard) -> ModelBoard:
    return ModelBoard(board, {"NIFTY": SPOT}, CALENDAR, 0.14)


def test_the_model_serves_only_what_the_store_has_not(store: Store, model: ModelBoard) -> None:
    store.add_candles(CALL, candles(3, 2, 120.0), "file")
    assert model.source(CALL, FIRST, NOON) == PriceSource.CANDLES
    assert model.source(CALL, FIRST, minute(FIRST, 2)) == PriceSource.MODEL, "not known yet"
    assert model.source(ABSENT, FIRST, NOON) == PriceSource.MODEL
    stored = model.bars(CALL, FIRST, NOON)
    assert stored is not None
    assert stored.close.tolist() == [120.0, 120.0]


def test_a_modelled_bar_is_black_76_at_the_indexs_prices_on_the_tick(model: ModelBoard) -> None:
    bars, puts = model.bars(CALL, FIRST, NOON), model.bars(PUT, FIRST, NOON)
    assert bars is not None
    assert puts is not None
    years = years_to_expiry(minute(FIRST, 1), int(CALENDAR.session(SECOND, Segment.FO).close_ns))
    value = black76_price(25_600.0, 25_600.0, years, 0.14, True)
    assert bars.close[0] == pytest.approx(value, abs=0.0251)
    assert np.allclose(bars.close / 0.05, np.round(bars.close / 0.05))
    assert (bars.low <= bars.close).all()
    assert (bars.close <= bars.high).all()
    assert (puts.low < puts.high).all(), "a put is dearest where the index is lowest"
    assert bars.ts.tolist() == SPOT.ts.tolist()
    assert (bars.close[:-1] >= bars.close[1:]).all(), "time passes"


def test_the_model_never_prices_below_a_tick_or_without_the_index(model: ModelBoard) -> None:
    far = model.bars("NSE|FO|NIFTY 40000 CE 13 JAN 26", FIRST, NOON)
    assert far is not None
    assert set(far.low.tolist()) == {0.05}
    assert model.bars("NSE|FO|BANKNIFTY 60000 CE 27 JAN 26", FIRST, NOON) is None
    assert model.bars(CALL, SECOND, minute(SECOND, 10)) is None


def test_the_model_holds_the_index_still_until_its_options_close_but_fills_no_hole(tmp_path: Path) -> None:
    day = date(2026, 8, 18)
    opens = CALENDAR.session(day, Segment.INDEX).bar_opens()
    for bars, minutes in ((opens, 385), (opens[:100], 100)):
        prices = np.full(len(bars), 24_200.0)
        unknown = np.full(len(bars), np.nan)
        spot = BarSeries(bars, prices, prices, prices, prices, unknown, unknown)
        with Store.open(tmp_path / str(minutes), origin="real") as store:
            board = ModelBoard(StoreBoard(store, CALENDAR), {"NIFTY": spot}, CALENDAR, 0.14)
            modelled = board.bars("NSE|FO|NIFTY 24200 CE 25 AUG 26", day, int(bars[-1]))
        assert modelled is not None
        assert len(modelled) == minutes
