"""How orders fill from bars, minute by minute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sos_actors.engine.records import TRADE, ExitReason, InstrumentKind, Outcome, PriceSource, Reason
from sos_actors.engine.sweep import NEED_CONTRACT, TRADES_FULL, fill_price
from sos_actors.types import NANOS_PER_MINUTE
from tests.engine.markets import FIRST, OPTION_RATES, minute
from tests.engine.sweeps import MINUTES, Sweep, changed, flat

LONG = (0, 5, 0, 1, 100.0, 98.0, 103.0)
SHORT = (0, 5, 0, -1, 100.0, 102.0, 97.0)


def only(run: Sweep) -> tuple[Any, ...]:
    """Entry minute, entry price, exit minute, exit price and reason of the one trade."""
    (trade,) = run.trades
    at = [int(trade[name] - minute(FIRST, 0)) // NANOS_PER_MINUTE for name in ("entry_ts", "exit_ts")]
    return at[0], round(trade["entry_price"], 4), at[1], round(trade["exit_price"], 4), ExitReason(int(trade["reason"]))


def test_an_entry_fills_at_the_open_that_follows_the_signal_with_slippage_against_us() -> None:
    bars = changed(flat(), {5: (100.5, 100.6, 100.4, 100.5), 8: (101.0, 103.2, 101.0, 102.0)})
    assert only(Sweep([bars], [LONG]).run()) == (5, 100.55, 8, 103.0, ExitReason.TARGET)
    bars = changed(flat(), {5: (99.5, 99.6, 99.4, 99.5), 8: (99.0, 99.0, 96.8, 99.0)})
    assert only(Sweep([bars], [SHORT]).run()) == (5, 99.45, 8, 97.0, ExitReason.TARGET)


def test_a_stop_pays_slippage_and_comes_first_when_a_bar_touches_both() -> None:
    bars = changed(flat(), {7: (100.0, 104.0, 97.0, 100.0)})
    assert only(Sweep([bars], [LONG]).run()) == (5, 100.05, 7, 97.95, ExitReason.STOP)
    assert only(Sweep([changed(flat(), {7: (100.0, 104.0, 96.0, 100.0)})], [SHORT]).run())[2:] == (
        7,
        102.05,
        ExitReason.STOP,
    )


def test_a_gap_through_the_stop_fills_at_the_open() -> None:
    bars = changed(flat(), {7: (95.0, 99.0, 94.0, 96.0)})
    assert only(Sweep([bars], [LONG]).run())[2:] == (7, 94.95, ExitReason.STOP)


def test_a_gap_over_the_target_fills_at_the_open_of_a_candle_but_never_at_a_snapshot() -> None:
    bars = changed(flat(), {7: (106.0, 106.0, 106.0, 106.0)})
    assert only(Sweep([bars], [LONG]).run())[2:] == (7, 106.0, ExitReason.TARGET)
    snapshots = Sweep([bars], [LONG])
    snapshots.holdings.instruments["priced"] = PriceSource.CHAIN
    assert only(snapshots.run())[2:] == (7, 103.0, ExitReason.TARGET)


def test_the_bar_of_the_entry_can_end_the_trade() -> None:
    bars = changed(flat(), {5: (100.0, 103.5, 99.0, 103.0)})
    assert only(Sweep([bars], [LONG]).run()) == (5, 100.05, 5, 103.0, ExitReason.TARGET)


def test_slippage_never_takes_a_price_below_one_tick() -> None:
    assert fill_price(0.1, -1, 5, 0.05) == 0.05
    assert fill_price(100.0, 1, 2, 0.05) == pytest.approx(100.1)


@pytest.mark.parametrize("missing", [False, True])
def test_a_minute_without_trades_fills_nothing(missing: bool) -> None:
    bars = changed(
        flat(), {5: (50.0, 50.0, 50.0, 50.0, 0.0), 6: (50.0, 50.0, 50.0, 50.0, 0.0), 9: (90.0, 90.0, 90.0, 90.0, 0.0)}
    )
    if missing:
        bars = bars[bars.volume > 0]
    run = Sweep([bars], [LONG]).run()
    assert only(run) == (7, 100.05, 17, 99.95, ExitReason.SQUARE_OFF)


def test_an_unknown_volume_counts_as_trading() -> None:
    bars = changed(flat(), {5: (100.0, 100.0, 100.0, 100.0, np.nan)})
    assert only(Sweep([bars], [LONG]).run())[0] == 5


def test_an_entry_is_taken_back_when_nothing_trades_in_time() -> None:
    bars = flat()
    quiet = bars[(bars.ts < minute(FIRST, 5)) | (bars.ts >= minute(FIRST, 8))]
    run = Sweep([quiet], [LONG, (0, 8, *LONG[2:]), (0, 9, *LONG[2:])]).run()
    assert run.outcomes == [
        (Outcome.SKIPPED, Reason.NOT_FILLED), (Outcome.DENIED, Reason.PER_SYMBOL), (Outcome.TRADED, Reason.NONE),
    ]  # fmt: skip
    assert only(run)[0] == 9
    assert run.account.signals["trade"].tolist() == [-1, -1, 1]


def test_an_entry_still_open_at_the_end_is_dropped() -> None:
    bars = flat()[slice(0, 15)]
    run = Sweep([bars], [(0, 15, *LONG[2:])], {"entry_valid_ns": 400 * NANOS_PER_MINUTE}).run()
    assert run.outcomes == [(Outcome.SKIPPED, Reason.NOT_FILLED)]
    assert run.account.book["active"][0] == 0


def test_square_off_is_at_the_first_trade_from_its_time_on() -> None:
    bars = changed(flat(), {17: (99.0, 99.0, 99.0, 99.0, 0.0), 18: (101.0, 110.0, 90.0, 101.0)})
    assert only(Sweep([bars], [LONG]).run()) == (5, 100.05, 18, 100.95, ExitReason.SQUARE_OFF)


def test_what_never_trades_again_is_valued_at_its_last_price_when_the_session_closes() -> None:
    bars = changed(flat(), {10: (100.0, 101.0, 99.0, 100.7)})[slice(0, 11)]
    assert only(Sweep([bars], [LONG]).run()) == (5, 100.05, MINUTES, 100.7, ExitReason.SESSION_END)


def test_a_stock_that_closes_before_the_grid_ends_is_valued_at_its_own_close() -> None:
    run = Sweep([flat()[slice(0, 11)]], [LONG])
    run.grounds.sessions["close_equity"] -= 2 * NANOS_PER_MINUTE
    assert only(run.run())[2:] == (MINUTES - 2, 100.0, ExitReason.SESSION_END)


def test_an_entry_does_not_fill_in_a_bar_after_its_stock_closed() -> None:
    """Such as the print of the closing auction."""
    bars = flat()[np.r_[np.ones(15, np.bool_), np.zeros(3, np.bool_), np.ones(2, np.bool_)]]
    run = Sweep([bars], [(0, 15, *LONG[2:])], {"entry_valid_ns": 400 * NANOS_PER_MINUTE})
    run.grounds.sessions["close_equity"] -= 2 * NANOS_PER_MINUTE
    assert run.run().outcomes == [(Outcome.SKIPPED, Reason.NOT_FILLED)]


def test_signals_after_the_last_bar_of_history_get_an_outcome() -> None:
    late = (1, MINUTES, *LONG[2:])
    assert Sweep([flat(days=2)], [late]).run().outcomes == [(Outcome.DENIED, Reason.AFTER_LAST_ENTRY)]


def test_vetoed_unsound_and_denied_signals_say_so() -> None:
    signals = [
        (*LONG, 4), (0, 5, 0, 1, 100.0, 101.0, 103.0), (0, 5, 0, 1, 100.0, 99.99, 103.0),
        (0, 5, 0, 1, 100.0, 98.0, 100.01),
        (*LONG, 0, 0.0), LONG, LONG, (0, 16, 1, 1, 100.0, 98.0, 103.0),
    ]  # fmt: skip
    assert Sweep([flat(), flat()], signals).run().outcomes == [
        (Outcome.VETOED, Reason.REGIME_VETO),
        (Outcome.REFUSED, Reason.RISK_NOT_POSITIVE),
        (Outcome.REFUSED, Reason.RISK_NOT_POSITIVE),  # the stop is the entry, on the tick
        (Outcome.REFUSED, Reason.RISK_NOT_POSITIVE),
        (Outcome.DENIED, Reason.ZERO_QUANTITY),
        (Outcome.TRADED, Reason.NONE),
        (Outcome.DENIED, Reason.PER_SYMBOL),
        (Outcome.DENIED, Reason.AFTER_LAST_ENTRY),
    ]


def test_limits_of_a_day_start_anew_the_next() -> None:
    losing = changed(flat(days=2), {6: (100.0, 100.0, 90.0, 90.0)})
    signals = [LONG, (0, 8, *LONG[2:]), (1, 5, *LONG[2:])]
    run = Sweep([losing], signals, {"max_loss": 100.0}).run()
    assert run.outcomes[1:] == [(Outcome.DENIED, Reason.DAILY_LOSS), (Outcome.TRADED, Reason.NONE)]
    run = Sweep([losing], signals, {"max_trades": 1}).run()
    assert run.outcomes[1:] == [(Outcome.DENIED, Reason.TRADES_A_DAY), (Outcome.TRADED, Reason.NONE)]


def test_several_symbols_share_the_slots() -> None:
    signals = [(0, 5, symbol, *LONG[3:]) for symbol in range(3)]
    run = Sweep([flat(), flat(), flat()], signals, slots=2).run()
    assert run.outcomes[2] == (Outcome.DENIED, Reason.OPEN_POSITIONS)
    assert sorted(run.trades["symbol"].tolist()) == [0, 1]


def test_an_instrument_can_be_held_again_and_twice_at_once() -> None:
    bars = changed(flat(), {7: (100.0, 103.0, 100.0, 100.0)})
    signals = [LONG, (0, 5, *LONG[2:]), (0, 9, *LONG[2:])]
    run = Sweep([bars], signals, {"max_per_symbol": 2}).run()
    assert (run.trades["exit_ts"] - minute(FIRST, 0)).tolist() == [m * NANOS_PER_MINUTE for m in (7, 7, 17)]
    assert run.trades["entry_ts"][2] == minute(FIRST, 9)


def test_trades_that_find_no_room_wait_for_it() -> None:
    bars = changed(flat(), dict.fromkeys(range(MINUTES), (100.0, 103.0, 100.0, 100.0)))
    signals = [(0, k, *LONG[2:]) for k in range(1, 15)]
    run = Sweep([bars], signals, room=4)
    grown = 0
    while run.step() == TRADES_FULL:
        run.account = run.account._replace(trades=np.concatenate([run.account.trades, np.zeros(2, TRADE)]))
        grown += 1
    assert grown > 3
    assert run.trades.tobytes() == Sweep([bars], signals).run().trades.tobytes()
    assert len(run.trades) == 14


INDEX = (0, 5, 0, 1, 25_600.0, 25_550.0, 25_700.0)


def answered(**choice: float) -> Sweep:
    """An index signal whose contract costs 120 and then goes up to 180."""
    run = Sweep([], [INDEX, (0, 6, *INDEX[2:])], index=True)
    assert run.step() == NEED_CONTRACT
    assert run.cursor["signal"][0] == 0
    bars = changed(flat(120.0), {9: (120.0, 180.0, 119.0, 170.0)})
    run.holdings.add("NSE|FO|X", InstrumentKind.OPTION, 0, 0.05, 65, 1_755, OPTION_RATES, bars)
    for name, value in {"ready": 1, "price": 119.0, "stop_distance": 25.02, "target_distance": 50.0, **choice}.items():
        run.choice[name] = value
    return run


def test_an_index_signal_waits_for_its_contract_and_trades_the_contracts_prices() -> None:
    run = answered().run()
    assert only(run) == (5, 120.05, 9, 170.05, ExitReason.TARGET)
    assert (run.trades["stop"][0], run.trades["target"][0], run.trades["quantity"][0]) == (95.05, 170.05, 65)
    assert run.outcomes == [(Outcome.TRADED, Reason.NONE), (Outcome.DENIED, Reason.PER_SYMBOL)]


def test_a_contract_that_cannot_be_had_is_skipped_and_the_next_signal_asks_again() -> None:
    run = answered(reason=Reason.NO_PRICE)
    assert run.step() == NEED_CONTRACT
    assert (run.cursor["signal"][0], run.choice["ready"][0]) == (1, 0)
    run.choice["ready"], run.choice["reason"] = 1, Reason.NO_DELTA
    assert run.run().outcomes == [(Outcome.SKIPPED, Reason.NO_PRICE), (Outcome.SKIPPED, Reason.NO_DELTA)]


def test_a_risk_budget_buys_whole_lots_of_a_contract_and_never_risks_more_than_its_price() -> None:
    run = answered(stop_distance=2.0)
    run.grounds.limits["by_risk"] = 1
    assert run.run().trades["quantity"][0] == 195  # 500 / 2 = 250 units
    run = answered(stop_distance=1e9, price=2.0)
    run.grounds.limits["by_risk"], run.grounds.limits["risk_budget"] = 1, 400.0
    assert run.run().trades["quantity"][0] == 195  # 400 / (2.00 - 0.05) = 205 units


@pytest.mark.parametrize("distances", [(0.01, 50.0), (25.0, 0.01)])
def test_a_contract_whose_levels_are_no_tick_away_is_refused(distances: tuple[float, float]) -> None:
    run = answered(stop_distance=distances[0], target_distance=distances[1])
    assert run.step() == NEED_CONTRACT
    assert run.outcomes[0] == (Outcome.REFUSED, Reason.RISK_NOT_POSITIVE)
