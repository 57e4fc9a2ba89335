"""What must hold of the trades of any history."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sos_actors.engine import codes
from sos_actors.engine.records import Outcome
from sos_actors.types import NANOS_PER_MINUTE
from tests.engine.markets import FIRST, RATES, SECOND, minute
from tests.engine.sweeps import MINUTES, Sweep, flat


@st.composite
def histories(draw: st.DrawFn) -> Sweep:
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    bars = []
    for _ in range(draw(st.integers(1, 3))):
        both = flat(days=2)
        close = 100 + np.cumsum(rng.integers(-20, 21, len(both))) * 0.05
        open_ = close + rng.integers(-10, 11, len(both)) * 0.05
        high, low = np.maximum(open_, close) + 0.3, np.minimum(open_, close) - 0.3
        volume = (rng.random(len(both)) > draw(st.sampled_from((0.0, 0.5)))) * 100.0
        keep = rng.random(len(both)) > draw(st.sampled_from((0.0, 0.5)))
        bars.append(type(both)(both.ts, open_, high, low, close, volume, both.oi)[keep])
    signals = []
    for _ in range(draw(st.integers(0, 60))):
        side = int(rng.choice((-1, 1)))
        risk, reward = rng.integers(0, 30, 2) * 0.05
        signals.append((
            int(rng.integers(2)), int(rng.integers(1, MINUTES + 1)), int(rng.integers(len(bars))), side, 100.0,
            100.0 - side * risk, 100.0 + side * reward, int(rng.integers(8)), float(rng.choice((0.0, 0.5, 1.0, 2.0))),
        ))  # fmt: skip
    limits = {
        "max_per_symbol": draw(st.integers(1, 3)), "max_trades": draw(st.integers(1, 9)),
        "max_loss": draw(st.sampled_from((30.0, 1e6))), "slippage_ticks": draw(st.integers(0, 3)),
        "entry_valid_ns": draw(st.integers(1, 400)) * NANOS_PER_MINUTE, "by_risk": draw(st.integers(0, 1)),
    }  # fmt: skip
    return Sweep(bars, sorted(signals), limits, slots=draw(st.integers(1, 4)), room=128)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(histories())
def test_any_history_keeps_the_limits(run: Sweep) -> None:
    run.run()
    trades, signals, limits = run.trades, run.account.signals, run.grounds.limits[0]
    day_ns = minute(SECOND, 0) - minute(FIRST, 0)
    day = (trades["entry_ts"] - minute(FIRST, 0)) // day_ns
    assert np.array_equal((trades["exit_ts"] - minute(FIRST, 0)) // day_ns, day), "nothing is carried overnight"
    assert (trades["exit_ts"] >= trades["entry_ts"]).all()
    assert (np.diff(trades["exit_ts"]) >= 0).all()
    for number in (0, 1):
        assert (day == number).sum() <= limits["max_trades"]
    for now in run.grounds.minutes:
        held = trades[(trades["entry_ts"] <= now) & (trades["exit_ts"] > now)]
        assert len(held) <= run.slots
        assert np.bincount(held["symbol"], minlength=1).max() <= limits["max_per_symbol"]
    entered = signals[trades["signal"]]
    assert (entered["ts"] <= trades["entry_ts"]).all()
    assert (trades["entry_ts"] - entered["ts"] < limits["entry_valid_ns"]).all()
    assert (entered["ts"] <= run.grounds.sessions["last_entry_equity"][day]).all()
    traded = np.flatnonzero(signals["outcome"] == Outcome.TRADED)
    assert sorted(trades["signal"].tolist()) == traded.tolist(), "one trade each"
    assert (signals["outcome"] != Outcome.PENDING).all()
    assert signals["trade"][traded].tolist() == sorted(trades["id"].tolist())
    assert (run.account.book["active"][0], set(run.account.positions["state"])) == (0, {codes.FREE})


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(histories())
def test_the_book_holds_exactly_what_the_trades_of_the_day_earned(run: Sweep) -> None:
    run.run()
    last = run.account.book["session"][0] - 100
    expected = 0.0
    for trade in run.trades:
        if run.account.signals[trade["signal"]]["session"] != last:
            continue
        gross = (trade["exit_price"] - trade["entry_price"]) * trade["side"] * trade["quantity"]
        long = trade["side"] > 0
        bought, sold = (trade["entry_price"], trade["exit_price"])[:: 1 if long else -1]
        charges = (bought * RATES.buy_fraction + sold * RATES.sell_fraction) * trade["quantity"]
        orders = 2 * -(-trade["quantity"] // 1_000)
        expected += gross - charges - orders * RATES.flat_per_order
    assert run.account.book["realised_today"][0] == pytest.approx(expected, abs=1e-6)
