"""States, candles, chains and breadth of the model's market are one story, told from any moment."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.market.calendar import Calendar
from sos_actors.market.pricing import implied_volatility, years_to_expiry
from sos_actors.simulator.model_market import ModelMarket
from sos_actors.simulator.view import Listing, State
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, OptionType, Segment
from tests.simulator.markets import model_market, moment

MARKET = model_market()
CALENDAR = MARKET.calendar
DAYS = [date(2026, 1, 12), date(2026, 1, 13), date(2026, 1, 27), date(2026, 8, 3), date(2024, 3, 2)]
KINDS = ["NIFTY", "BANKNIFTY", "RELIANCE", "IDEA", "BOSCHLTD", "FUT", "FAR", "CE", "PE", "NEXT", "WING"]
moments = st.tuples(st.sampled_from(DAYS), st.sampled_from(KINDS), st.floats(0.0, 0.9999))


def pick(kind: str, day: date) -> Listing:
    """One instrument of a kind: of options, about the money of the nearest series, the next one, or its edge."""
    symbols = {"NIFTY": "NSE|INDEX|NIFTY", "BANKNIFTY": "NSE|INDEX|BANKNIFTY"}
    if kind in symbols or kind in ("RELIANCE", "IDEA", "BOSCHLTD"):
        found = MARKET.named(symbols.get(kind, f"NSE|EQ|{kind}"), day)
        assert found is not None
        return found
    listed = [one for one in MARKET.listings(day) if one.underlying == "BANKNIFTY"]
    if kind in ("FUT", "FAR"):
        return [one for one in listed if one.kind == "FUT"][-1 if kind == "FAR" else 0]
    expiries = sorted({one.expiry for one in listed if one.option_type and one.expiry})
    expiry = expiries[1 if kind == "NEXT" else 0]
    market = MARKET.model.session(day).option_market("BANKNIFTY", expiry)
    strikes = market.series.strikes
    strike = strikes[0] if kind == "WING" else strikes[len(strikes) // 2]
    side = OptionType.PE if kind == "PE" else OptionType.CE
    return next(one for one in listed if (one.expiry, one.strike, one.option_type) == (expiry, strike, side))


def at_fraction(day: date, segment: Segment, fraction: float) -> int:
    """A moment inside the session's minutes."""
    opens = CALENDAR.session(day, segment).bar_opens()
    place = fraction * len(opens)
    return int(opens[int(place)]) + int((place % 1.0) * NANOS_PER_MINUTE)


@given(moments)
@settings(max_examples=120, deadline=None, derandomize=True)
def test_a_state_agrees_with_the_candles(example: tuple[date, str, float]) -> None:
    day, kind, fraction = example
    listing = pick(kind, day)
    ts = at_fraction(day, listing.segment, fraction)
    state, bars = MARKET.state(listing, ts), MARKET.candles(listing, day)
    over = bars[bars.ts + NANOS_PER_MINUTE <= ts]
    running = bars[(bars.ts <= ts) & (bars.ts + NANOS_PER_MINUTE > ts)]
    known = 0.0 if np.isnan(bars.volume).any() else float(over.volume.sum())

    assert known <= state.volume <= known + (0.0 if np.isnan(bars.volume).any() else float(running.volume.sum()))
    assert state.ltt <= ts
    if len(over):
        assert state.minute is not None
        assert state.minute[:5] == (over.ts[-1], over.open[-1], over.high[-1], over.low[-1], over.close[-1])
        assert state.minute.volume == (0 if np.isnan(over.volume[-1]) else over.volume[-1])
    else:
        assert state.minute is None
    if len(running) and state.ltt >= running.ts[0]:
        assert running.low[0] <= state.ltp <= running.high[0]
    elif len(over):
        assert state.ltp == over.close[-1]
    else:
        assert (state.ltp, state.ltt, state.day) == (state.previous_close, 0, None)
    if state.day is not None:
        assert state.day.low <= state.ltp <= state.day.high
        assert state.day.open == bars.open[0]
        assert state.day.high >= over.high.max(initial=0.0)


@given(moments)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_at_a_minutes_end_everything_is_the_candles(example: tuple[date, str, float]) -> None:
    day, kind, fraction = example
    listing = pick(kind, day)
    bars = MARKET.candles(listing, day)
    if not len(bars):
        return
    row = int(fraction * len(bars))
    state = MARKET.state(listing, int(bars.ts[row]) + NANOS_PER_MINUTE)

    assert state.ltp == bars.close[row]
    assert state.day is not None
    assert state.day[1:5] == (bars.open[0], bars.high[: row + 1].max(), bars.low[: row + 1].min(), bars.close[row])
    if listing.segment is not Segment.INDEX:
        assert state.volume == bars.volume[: row + 1].sum()
        assert bars.low[: row + 1].min() <= state.average_price <= bars.high[: row + 1].max()
    if listing.segment is Segment.FO:
        assert state.oi == bars.oi[row]


@given(moments)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_book_has_thirty_levels_about_the_last_price(example: tuple[date, str, float]) -> None:
    day, kind, fraction = example
    listing = pick(kind, day)
    state = MARKET.state(listing, at_fraction(day, listing.segment, fraction))
    if listing.segment is Segment.INDEX:
        assert (state.depth, state.lower_circuit, state.upper_circuit) == ((), 0.0, 0.0)
        return
    first = state.depth[0]
    bids = [level.bid_price for level in state.depth if level.bid_quantity]
    asks = [level.ask_price for level in state.depth]

    assert len(state.depth) == 30
    assert state.ltp in (first.bid_price, first.ask_price)
    assert first.bid_price < first.ask_price
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    for price in bids + asks:
        assert price / listing.tick == pytest.approx(round(price / listing.tick), abs=1e-6)
    for level in state.depth:
        assert level.bid_quantity % listing.lot == 0 < level.ask_quantity
    assert state.total_buy >= sum(level.bid_quantity for level in state.depth)
    assert state.lower_circuit <= state.ltp <= state.upper_circuit


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_session_starts_where_the_last_one_ended(day: date, kind: str) -> None:
    listing = pick(kind, day)
    before = CALENDAR.previous_session(day)
    opens = CALENDAR.session(day, listing.segment).open_ns
    first, night = MARKET.state(listing, opens), MARKET.state(listing, opens - 1)
    bars = MARKET.candles(listing, before)

    assert (first.ltt, first.volume, first.day, first.minute) == (0, 0, None, None)
    if len(bars):
        assert first.previous_close == night.ltp == bars.close[-1]
        assert first.ltp == first.previous_close
        assert night.depth == ()
        if listing.segment is Segment.FO:
            assert first.previous_oi == bars.oi[-1] or bars.ts[-1] + NANOS_PER_MINUTE < opens


@given(st.sampled_from(DAYS), st.floats(0.0, 0.9999))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_a_chain_is_the_states_of_its_contracts(day: date, fraction: float) -> None:
    ts = at_fraction(day, Segment.FO, fraction)
    expiry = MARKET.expiries("NIFTY", day, date(2026, 12, 31))[0]
    rows = MARKET.chain("NIFTY", expiry, ts)
    assert rows is not None
    index = MARKET.named("NSE|INDEX|NIFTY", day)
    assert index is not None
    by_name = {(one.strike, one.option_type): one for one in MARKET.contracts("NIFTY", expiry)}

    assert rows.spot == MARKET.state(index, ts).ltp
    for row in range(0, len(rows.strike), 7):
        call = MARKET.state(by_name[rows.strike[row], OptionType.CE], ts)
        put = MARKET.state(by_name[rows.strike[row], OptionType.PE], ts)
        assert (rows.ce_ltp[row], rows.ce_oi[row], rows.ce_volume[row]) == (call.ltp, call.oi, call.volume)
        assert (rows.pe_ltp[row], rows.pe_previous_oi[row]) == (put.ltp, put.previous_oi)


def test_a_chain_that_is_not_listed_is_none() -> None:
    assert MARKET.chain("NIFTY", date(2026, 1, 6), moment("2026-01-13 10:30")) is None
    assert MARKET.chain("NIFTY", date(2026, 6, 30), moment("2026-01-13 10:30")) is None
    assert MARKET.chain("RELIANCE", date(2026, 1, 27), moment("2026-01-13 10:30")) is None


@given(st.sampled_from(DAYS), st.floats(0.0, 0.9999))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_breadth_is_what_counting_the_members_candles_gives(day: date, fraction: float) -> None:
    ts = at_fraction(day, Segment.INDEX, fraction)
    sides = []
    for name in MARKET.members():
        listing = MARKET.named(f"NSE|EQ|{name}", day)
        assert listing is not None
        bars = MARKET.candles(listing, day)
        over = bars[bars.ts + NANOS_PER_MINUTE <= ts]
        yesterday = MARKET.candles(listing, CALENDAR.previous_session(day)).close[-1]
        sides.append(np.sign((over.close[-1] if len(over) else bars.open[0]) - yesterday))
    count = MARKET.breadth(ts)

    assert sum(count) == 50
    assert count == (sides.count(1.0), sides.count(-1.0), sides.count(0.0))


def test_breadth_is_lively() -> None:
    days = CALENDAR.sessions(date(2026, 1, 1), date(2026, 1, 23))
    shares = [MARKET.breadth(int(CALENDAR.session(day, Segment.INDEX).close_ns)).advances for day in days]

    assert len(set(shares)) > 8
    assert min(shares) < 20
    assert max(shares) > 30


def test_an_options_volatility_is_the_one_its_price_implies() -> None:
    ts = moment("2026-01-12 11:17:30")
    index = MARKET.named("NSE|INDEX|NIFTY", date(2026, 1, 12))
    assert index is not None
    rows = MARKET.chain("NIFTY", date(2026, 1, 20), ts)
    assert rows is not None
    strike = float(rows.strike[np.argmin(np.abs(rows.strike - rows.spot))])
    for side in OptionType:
        series = MARKET.contracts("NIFTY", date(2026, 1, 20))
        listing = next(one for one in series if (one.strike, one.option_type) == (strike, side))
        state = MARKET.state(listing, ts)
        years = years_to_expiry(ts, int(CALENDAR.session(date(2026, 1, 20), Segment.FO).close_ns))
        forward = rows.spot * math.exp(0.065 * years)
        implied = implied_volatility(state.ltp, forward, strike, years, side is OptionType.CE)
        assert state.iv == pytest.approx(implied, rel=0.03)
        assert 0.3 < abs(state.greeks[0]) < 0.7
        assert (state.greeks[0] > 0) == (side is OptionType.CE)
        assert state.greeks[1] < 0 < state.greeks[3]


def test_nothing_is_nan_in_the_last_minute_of_an_expiry() -> None:
    day = date(2026, 1, 13)
    close = int(CALENDAR.session(day, Segment.FO).close_ns)
    for listing in MARKET.contracts("NIFTY", day)[::20]:
        for ts in (close - NANOS_PER_SECOND, close, close + 3_600 * NANOS_PER_SECOND):
            state = MARKET.state(listing, ts)
            assert not any(math.isnan(value) for value in (state.ltp, state.iv, *state.greeks, state.oi))
    assert MARKET.state(listing, close).depth == ()


def test_an_expired_contract_shows_the_end_of_its_last_session() -> None:
    listing = MARKET.contracts("NIFTY", date(2026, 1, 13))[181]
    end = MARKET.state(listing, moment("2026-01-13 16:00"))

    assert MARKET.state(listing, moment("2026-02-20 11:00"))._replace(ts=end.ts) == end
    assert len(MARKET.candles(listing, date(2026, 1, 14))) == 0


def test_a_holiday_shows_the_last_session_and_has_no_candles() -> None:
    listing = pick("RELIANCE", date(2026, 1, 26))
    friday, holiday = (MARKET.state(listing, moment(at)) for at in ("2026-01-23 20:00", "2026-01-26 11:00"))

    assert holiday._replace(ts=friday.ts) == friday
    assert len(MARKET.candles(listing, date(2026, 1, 26))) == 0


def test_daily_bars_are_those_of_the_minutes() -> None:
    for kind in ("NIFTY", "IDEA", "FUT", "NEXT"):
        listing = pick(kind, date(2026, 1, 13))
        daily = MARKET.daily(listing, date(2026, 1, 13), 3)
        bars = MARKET.candles(listing, date(2026, 1, 12))
        assert daily.ts.tolist() == [moment(f"2026-01-{day:02d} 00:00") for day in (9, 12, 13)]
        assert (daily.high[1], daily.close[1]) == (bars.high.max(), bars.close[-1])
        assert daily.volume[1] == bars.volume.sum() or kind == "NIFTY"


def test_daily_bars_of_a_contract_begin_when_it_is_listed() -> None:
    listing = pick("FUT", date(2026, 1, 13))

    assert 20 < len(MARKET.daily(listing, date(2026, 1, 13), 400)) < 80


def test_the_same_seed_gives_the_same_bytes() -> None:
    def told(market: ModelMarket) -> list[State]:
        day, ts = date(2026, 1, 13), moment("2026-01-13 10:31:07")
        return [market.state(one, ts + 250 * place) for place, one in enumerate(market.listings(day)[:280:9])]

    other = ModelMarket(7, Calendar.default())
    backward = moment("2026-01-13 14:00")
    other.state(other.listings(date(2026, 1, 13))[3], backward)

    assert repr(told(other)) == repr(told(MARKET))
    assert other.description == "seed 7"
