"""A stored day replayed: what the store has is shown as it is, and nothing that it does not have."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from sos_actors.app.board import day_start
from sos_actors.app.stored_market import StoredMarket
from sos_actors.errors import MissingDataError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import default_master
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.model import SimulatedDay
from sos_actors.simulator.model_options import ChainPath
from sos_actors.simulator.view import Listing
from sos_actors.store.columns import ChainColumns, StatsColumns
from sos_actors.store.database import Store
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, OptionType
from tests.simulator.markets import model_market, moment

CALENDAR = Calendar.default()
FIRST, DAY = date(2026, 1, 9), date(2026, 1, 13)
NIFTY, TCS = "NSE|INDEX|NIFTY", "NSE|EQ|TCS"
CALL, PUT = "NSE|FO|NIFTY 25300 CE 13 JAN 26", "NSE|FO|NIFTY 25300 PE 13 JAN 26"
FAR_CALL = "NSE|FO|NIFTY 25400 CE 13 JAN 26"


def columns(chain: ChainPath) -> ChainColumns:
    """Every fifth minute of a chain, three strikes of it."""
    rows = np.isin(chain.strike, [25_250.0, 25_300.0, 25_400.0]) & (chain.ts // NANOS_PER_MINUTE % 5 == 0)
    unknown = np.full(len(chain), np.nan)
    return ChainColumns(
        chain.ts, np.full(len(chain), chain.expiry.toordinal()), chain.strike, chain.ce_ltp, chain.ce_oi,
        chain.ce_volume, unknown, chain.ce_oi_change, chain.pe_ltp, chain.pe_oi, chain.pe_volume, unknown,
        chain.pe_oi_change, chain.spot,
    )[rows]  # fmt: skip


def fill(store: Store, simulated: SimulatedDay) -> None:
    for symbol in (NIFTY, TCS):
        store.add_candles(symbol, simulated.candles(symbol), "test")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    model = model_market().model
    with Store.open(tmp_path_factory.mktemp("stored"), origin="real") as opened:
        for day in (FIRST, DAY):
            fill(opened, model.session(day))
        today = model.session(DAY)
        candles = today.option_candles("NIFTY")
        for symbol in (CALL, PUT):
            opened.add_candles(symbol, candles[symbol], "test")
        opened.add_chain(NIFTY, columns(today.chain("NIFTY")), "test")
        at = np.array([moment("2026-01-13 10:00"), moment("2026-01-13 11:00")])
        stats = StatsColumns.of(at, advances=np.array([20.0, np.nan]), declines=np.array([28.0, np.nan]))
        opened.add_market_stats(NIFTY, stats, "test")
        yield opened


@pytest.fixture(scope="module")
def market(store: Store) -> StoredMarket:
    return StoredMarket(store, CALENDAR, default_master(), DAY)


def listed(market: StoredMarket, symbol: str, day: date = DAY) -> Listing:
    found = market.named(symbol, day)
    assert found is not None, symbol
    return found


def test_it_says_which_day_it_replays(market: StoredMarket, store: Store) -> None:
    assert market.description == "replay of 2026-01-13"
    assert StoredMarket(store, CALENDAR, default_master()).description == "replay of 2026-01-09 to 2026-01-13"


def test_a_day_that_is_not_stored_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="2026-01-12"):
        StoredMarket(store, CALENDAR, default_master(), date(2026, 1, 12))
    with Store.open(tmp_path, origin="real") as empty, pytest.raises(MissingDataError, match="NIFTY or BANKNIFTY"):
        StoredMarket(empty, CALENDAR, default_master())


def test_only_what_has_data_is_listed_each_under_its_own_key(market: StoredMarket) -> None:
    listings = market.listings(DAY)

    assert {one.symbol for one in listings if one.segment != "FO"} == {NIFTY, TCS}
    assert {one.strike for one in listings if one.option_type} == {25_250.0, 25_300.0, 25_400.0}
    assert len({one.key for one in listings}) == len(listings) == 8
    assert listed(market, NIFTY).key == "NSE_INDEX|Nifty 50"
    assert all(market.find(one.key, DAY) == one for one in listings)
    assert market.named("NSE|EQ|INFY", DAY) is None
    assert {one.symbol for one in market.listings(FIRST)} == {NIFTY, TCS}


def test_an_expired_contract_is_found_later(market: StoredMarket) -> None:
    call = listed(market, CALL)
    later = date(2026, 2, 2)

    assert (call.lot, call.weekly, call.option_type) == (65, True, OptionType.CE)
    assert market.find(f"{call.key}|13-01-2026", later) == call
    assert market.named(CALL, later) == call
    assert [one.symbol for one in market.contracts("NIFTY", DAY)][2:4] == [CALL, PUT]
    assert market.expiries("NIFTY", FIRST, later) == [DAY]


def test_candles_are_the_stored_ones(market: StoredMarket, store: Store) -> None:
    stored = store.candles(CALL, day_start(DAY), day_start(DAY) + 86_400 * NANOS_PER_SECOND)
    bars = market.candles(listed(market, CALL), DAY)

    assert np.array_equal(bars.close, stored.close)
    assert len(market.candles(listed(market, FAR_CALL), DAY)) == 0
    assert len(market.candles(listed(market, NIFTY), date(2026, 1, 12))) == 0


@pytest.mark.parametrize("symbol", [NIFTY, TCS, CALL])
def test_a_state_agrees_with_the_candles(market: StoredMarket, symbol: str) -> None:
    listing = listed(market, symbol)
    bars = market.candles(listing, DAY)
    for row in (0, 40, len(bars) - 1):
        state = market.state(listing, int(bars.ts[row]) + NANOS_PER_MINUTE)
        assert (state.ltp, state.minute and state.minute.high) == (bars.close[row], bars.high[row])
        assert state.day is not None
        assert state.day[1:4] == (bars.open[0], bars.high[: row + 1].max(), bars.low[: row + 1].min())
        within = market.state(listing, int(bars.ts[row]) + 31 * NANOS_PER_SECOND)
        assert bars.low[row] <= within.ltp <= bars.high[row]
        if symbol != NIFTY:
            assert state.volume == bars.volume[: row + 1].sum()


def test_what_is_not_stored_is_not_made_up(market: StoredMarket) -> None:
    at = moment("2026-01-13 10:32:20")
    index, share, call = (market.state(listed(market, symbol), at) for symbol in (NIFTY, TCS, CALL))

    assert index.depth == ()
    assert len(share.depth) == 1
    level = share.depth[0]
    assert (level.bid_price, level.ask_price) == pytest.approx((share.ltp - 0.1, share.ltp + 0.1))
    assert math.isnan(call.previous_close)
    assert index.previous_close == 25_700.0
    assert (index.lower_circuit, index.upper_circuit) == (0.0, 0.0)
    assert share.lower_circuit < share.ltp / 10 < share.ltp * 10 < share.upper_circuit


def test_a_volatility_is_implied_where_the_chain_gives_a_forward(market: StoredMarket) -> None:
    at = moment("2026-01-13 10:35")
    real = model_market()
    call = market.state(listed(market, CALL), at)
    model = real.named(CALL, DAY)
    assert model is not None

    assert call.iv == pytest.approx(real.state(model, at).iv, rel=0.15)
    assert 0.0 < call.greeks[0] < 1.0
    assert market.state(listed(market, TCS), at).greeks == (0.0,) * 5


def test_an_option_without_candles_shows_its_snapshots(market: StoredMarket, store: Store) -> None:
    at = moment("2026-01-13 10:36:10")
    rows = store.chain(NIFTY, day_start(DAY), at + 1, DAY)
    last = rows.ce_ltp[rows.strike == 25_400.0][-1]

    assert market.state(listed(market, FAR_CALL), at).ltp == last


def test_a_chain_is_the_last_snapshot_known(market: StoredMarket, store: Store) -> None:
    rows = market.chain("NIFTY", DAY, moment("2026-01-13 10:33:59"))
    stored = store.chain(NIFTY, moment("2026-01-13 10:30"), moment("2026-01-13 10:30") + 1, DAY)
    assert rows is not None

    assert rows.strike.tolist() == [25_250.0, 25_300.0, 25_400.0]
    assert np.array_equal(rows.ce_ltp, stored.ce_ltp)
    assert np.array_equal(rows.pe_previous_oi, stored.pe_oi - stored.pe_oi_change)
    assert market.chain("NIFTY", DAY, moment("2026-01-13 09:16")) is None
    assert market.chain("NIFTY", date(2026, 1, 20), moment("2026-01-13 10:30")) is None
    assert market.chain("NIFTY", DAY, moment("2026-01-14 10:30")) is None


def test_breadth_is_what_was_stored_last_and_zero_before(market: StoredMarket) -> None:
    assert market.breadth(moment("2026-01-13 09:59")) == (0, 0, 0)
    assert market.breadth(moment("2026-01-13 12:00")) == (20, 28, 2)
    assert len(market.members()) == 50


def test_between_stored_days_the_last_one_stands(market: StoredMarket) -> None:
    index = listed(market, NIFTY)
    weekend = market.state(index, moment("2026-01-11 12:00"))

    assert weekend.ltp == 25_700.0
    assert market.state(index, moment("2026-01-13 08:00")).ltp == 25_700.0


def test_before_the_first_stored_session_nothing_is_known(market: StoredMarket) -> None:
    for at in ("2026-01-08 12:00", "2026-01-09 09:00"):
        state = market.state(listed(market, NIFTY), moment(at))
        assert math.isnan(state.ltp)
        assert (state.ltt, state.day, state.minute, state.depth) == (0, None, None, ())
        assert market.breadth(moment(at)) == (0, 0, 0)


def test_daily_bars_are_of_the_stored_days(market: StoredMarket) -> None:
    daily = market.daily(listed(market, NIFTY), DAY, 10)

    assert daily.ts.tolist() == [day_start(FIRST), day_start(DAY)]
    assert daily.close[0] == 25_700.0
    assert len(market.daily(replace(listed(market, TCS), symbol="NSE|EQ|INFY"), DAY, 10)) == 0


def test_it_can_be_used_where_a_market_is_wanted(market: StoredMarket) -> None:
    bars = market.candles(listed(market, TCS), DAY)

    assert isinstance(bars, BarSeries)
    assert market.calendar is CALENDAR
