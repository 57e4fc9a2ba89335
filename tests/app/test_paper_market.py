"""What the paper exchange sees of real quotes."""

from __future__ import annotations

from datetime import date

import pytest

from sos_actors.app.paper_market import PaperMarket
from sos_actors.errors import MissingDataError
from sos_actors.market.calendar import Calendar
from sos_actors.messages.feed import DepthLevel, FeedState, MinuteBar, Quote
from sos_actors.simulator.view import Candle, Level, Listing, State
from sos_actors.types import OptionType, Segment, UnixNanos
from tests.app.papers import CALL, EXPIRY, NIFTY, RELIANCE, TODAY, master
from tests.simulator.markets import moment

NOW = UnixNanos(moment("2026-01-13 10:30"))


def market() -> PaperMarket:
    made = PaperMarket(master(), Calendar.default())
    made.on_feed_state(NOW, FeedState.UP, "")
    return made


def call_of(made: PaperMarket) -> Listing:
    listing = made.find(CALL, TODAY)
    assert listing is not None
    return listing


def quote(price: float, **more: object) -> Quote:
    return Quote(CALL, price, NOW, 65, 90.0, depth=(DepthLevel(130, 99.95, 65, 100.05),), **more)  # type: ignore[arg-type]


def test_a_state_is_the_last_quote() -> None:
    made = market()
    bar = MinuteBar(NOW, 100.0, 101.0, 99.0, 100.5, 650)
    made.on_quotes(NOW, [quote(100.0, volume=6_500, oi=1_000.0, iv=0.15, delta=0.5, minute=bar, average_price=99.5)])
    state = made.state(call_of(made), NOW)
    assert (state.ts, state.ltp, state.ltt, state.volume, state.oi, state.iv) == (NOW, 100.0, NOW, 6_500, 1_000.0, 0.15)
    assert state.depth == (Level(130, 99.95, 65, 100.05),)
    assert (state.total_buy, state.total_sell, state.greeks[0]) == (130, 65, 0.5)
    assert (state.minute, state.day) == (Candle(*bar), None)


def test_at_one_moment_everybody_sees_the_same() -> None:
    made = market()
    made.on_quotes(NOW, [quote(100.0)])
    first = made.state(call_of(made), NOW)
    made.on_quotes(NOW, [quote(120.0)])
    assert made.state(call_of(made), NOW) is first
    assert made.state(call_of(made), NOW + 1).ltp == 120.0


def test_a_quote_without_a_price_leaves_the_last_one() -> None:
    made = market()
    made.on_quotes(NOW, [quote(100.0), quote(float("nan"))])
    assert made.state(call_of(made), NOW).ltp == 100.0


def test_nothing_is_offered_while_the_feed_is_down() -> None:
    made = market()
    made.on_quotes(NOW, [quote(100.0)])
    made.on_feed_state(NOW, FeedState.SILENT, "")
    state = made.state(call_of(made), NOW)
    assert (state.ltp, state.depth) == (100.0, ())
    made.on_quotes(NOW, [quote(100.0)])
    assert made.state(call_of(made), NOW + 1).depth != ()


def test_what_was_never_quoted_has_no_price() -> None:
    made = market()
    assert not made.has_price(CALL)
    with pytest.raises(MissingDataError, match="NIFTY 25600 CE"):
        made.state(call_of(made), NOW)


def test_looks_are_told_with_whether_they_show_something_new() -> None:
    made = market()
    told: list[tuple[str, State, bool]] = []
    made.seen = lambda key, state, is_new: told.append((key, state, is_new))
    made.on_quotes(NOW, [quote(100.0)])
    for later in range(3):
        made.state(call_of(made), NOW + later)
    made.on_quotes(NOW, [quote(101.0)])
    made.state(call_of(made), NOW + 3)
    assert {key for key, _, _ in told} == {CALL}
    assert [(state.ts - NOW, state.ltp, is_new) for _, state, is_new in told] == [
        (0, 100.0, True),
        (1, 100.0, False),
        (2, 100.0, False),
        (3, 101.0, True),
    ]


def test_a_look_back_shows_what_was_seen_and_the_last_of_it_stands_until_a_quote() -> None:
    made = market()
    made.on_quotes(NOW, [quote(100.0)])
    seen = made.state(call_of(made), NOW)
    again = market()
    again.look_back({CALL: [seen, seen._replace(ts=NOW + 10, ltp=110.0)]})
    assert again.state(call_of(again), NOW + 9) == seen._replace(ts=NOW + 9)
    assert again.state(call_of(again), NOW + 10).ltp == 110.0
    with pytest.raises(MissingDataError, match="does not say"):
        again.state(call_of(again), NOW - 1)
    again.look_up()
    assert again.has_price(CALL)
    state = again.state(call_of(again), NOW + 20)
    assert (state.ltp, state.depth) == (110.0, ())
    again.on_quotes(NOW, [quote(120.0)])
    assert again.state(call_of(again), NOW + 21).ltp == 120.0


def test_instruments_are_those_of_the_master() -> None:
    made = market()
    listing = call_of(made)
    assert (listing.symbol, listing.token, listing.lot, listing.tick) == (
        "NSE|FO|NIFTY 25600 CE 13 JAN 26", "50001", 65, 0.05,
    )  # fmt: skip
    assert (listing.underlying, listing.underlying_key, listing.kind) == ("NIFTY", NIFTY, "CE")
    assert (listing.strike, listing.option_type, listing.freeze) == (25_600.0, OptionType.CE, 1755)
    assert made.find("NSE_FO|99999", TODAY) is None
    assert made.find(CALL, date(2026, 1, 14)) is None
    assert made.find("RELIANCE", TODAY) is None  # a name, no key
    assert made.named("NIFTY 25600 CE 13 JAN 26", TODAY) is listing
    assert made.named("NSE|EQ|NOBODY", TODAY) is None
    index = made.named("NIFTY", TODAY)
    assert index is not None
    assert (index.segment, index.tick) == (Segment.INDEX, 0.0)
    assert {CALL, RELIANCE, NIFTY} <= {each.key for each in made.listings(TODAY)}
    assert made.expiries("NIFTY", TODAY, TODAY) == [EXPIRY]
    assert made.contracts("NIFTY", EXPIRY) == [listing]


def test_it_knows_no_past_and_says_so() -> None:
    made = market()
    assert len(made.candles(call_of(made), TODAY)) == len(made.daily(call_of(made), TODAY, 5)) == 0
    assert made.chain("NIFTY", EXPIRY, NOW) is None
    assert made.members() == ()
    with pytest.raises(MissingDataError, match="advances"):
        made.breadth(NOW)
