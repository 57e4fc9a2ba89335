"""A contract's bar that reaches the engine after the signal it should have priced is a matter of timing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from sos_actors.app.parity import Cause, find_parity
from sos_actors.market.instruments import default_master
from sos_actors.messages.market import BarClosed
from sos_actors.messages.trading import OrderUpdated
from sos_actors.simulator.model import MarketModel
from tests.app.journals import CONFIG, header_of, kept, play, strategy_text, write_events
from tests.engine.markets import CALENDAR, NIFTY, SECOND, Market, minute

MINUTES = 10


def test_a_contract_priced_only_after_the_signal_is_a_matter_of_timing(tmp_path: Path) -> None:
    session = MarketModel(7, CALENDAR).session(SECOND)
    spot, ends = session.candles(NIFTY.symbol), minute(SECOND, MINUTES)
    contracts = {name: bars[bars.ts < ends] for name, bars in session.option_candles("NIFTY").items()}
    bars = {NIFTY.symbol: spot[spot.ts < ends]}
    market = Market((NIFTY,), bars, (SECOND,), (), contracts, (date(2026, 1, 13),))
    header = header_of(strategies=[strategy_text("UP", "close > prev_candle.close", sl="entry - 12", tp="entry + 20")])
    played = list(play(tmp_path / "in order.sosj", market, header).events)
    ordered = next(number for number, event in enumerate(played) if isinstance(event, OrderUpdated))
    before = [event for event in played[:ordered] if isinstance(event, BarClosed)]
    late = [event for event in before if event.symbol != NIFTY.symbol]
    path = tmp_path / "late.sosj"
    write_events(path, header, [*(event for event in before if event.symbol == NIFTY.symbol), *late])
    with kept(tmp_path / "data", {**bars, **contracts}) as store:
        found = find_parity(path, CONFIG, store, CALENDAR, default_master())
    first = min(found.differences, key=lambda one: one.key.ts)
    assert first.cause is Cause.TIMING
    assert first.why.endswith("came after the signal")
    assert first.then == "skipped: the contract has no price yet in this session"
    assert first.stored.startswith("65 at ")
