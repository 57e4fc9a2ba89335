"""What a plan follows, what it vetoes, and what the configuration becomes."""

from __future__ import annotations

import pytest

from sos_actors.app.backtest import followed
from sos_actors.config import Fills, Mood, Risk, Sizing
from sos_actors.engine.plan import FollowedSymbol, Plan, follows, make_plan
from sos_actors.engine.records import InstrumentKind
from sos_actors.market.instruments import default_master
from sos_actors.strategy.tree import Strategy
from sos_actors.types import NANOS_PER_MINUTE, Regime
from tests.engine.markets import NIFTY, STOCKS, strategy


def planned(*strategies: Strategy, mood: Mood | None = None) -> Plan:
    return make_plan(strategies, (NIFTY, *STOCKS), Risk(), Sizing(), mood or Mood(), Fills())


@pytest.mark.parametrize("regime", list(Regime))
@pytest.mark.parametrize("vetoed", [(), (Regime.SIDEWAYS,), (Regime.SIDEWAYS, Regime.UNKNOWN), tuple(Regime)])
@pytest.mark.parametrize("named", [None, {}, {"allow_entry": True}, {"allow_entry": False}])
def test_a_vetoed_regime_is_lifted_only_by_a_file_that_names_it_and_allows_entry(
    regime: Regime, vetoed: tuple[Regime, ...], named: dict[str, object] | None
) -> None:
    one = strategy("S", regimes={} if named is None else {regime.name: named})
    plan = planned(one, mood=Mood(veto_regimes=vetoed))
    lifted = named is not None and named.get("allow_entry", True)
    assert plan.veto[0, regime] == int(regime in vetoed and not lifted)


def test_naming_another_regime_lifts_nothing() -> None:
    plan = planned(strategy("A", regimes={"BULLISH": {"allow_entry": True}}), strategy("B"))
    assert plan.veto[:, Regime.SIDEWAYS].tolist() == [1, 1]
    assert plan.veto.sum() == 2


@pytest.mark.parametrize(
    ("spelling", "of"),
    [
        ("NIFTY 50", "NIFTY"), ("NSE_INDEX|Nifty 50", "NIFTY"), ("nse:nifty", "NIFTY"), ("NSE:RELIANCE", "RELIANCE"),
        ("NSE_EQ|INE002A01018", "RELIANCE"), ("NSE|EQ|RELIANCE", "RELIANCE"),
    ],
)  # fmt: skip
def test_a_file_may_name_a_symbol_as_the_broker_or_tradingview_does(spelling: str, of: str) -> None:
    master = default_master()
    one = strategy("S", symbols=(spelling,))
    known = [followed(master.resolve(name)) for name in ("NIFTY", "BANKNIFTY", "RELIANCE", "TCS")]
    assert [symbol.short_name for symbol in known if follows(one, symbol)] == [of]


def test_a_strategy_follows_the_symbols_it_names_in_any_spelling_or_all() -> None:
    plan = planned(
        strategy("ALL"), strategy("NIFTY", symbols=("nifty",)), strategy("TCS", symbols=("NSE|EQ|TCS",)),
        strategy("OTHER", symbols=("WIPRO",)),
    )  # fmt: skip
    followed = {watch.symbol: watch.strategies.tolist() for watch in plan.watches}
    assert followed == {0: [0, 1], 1: [0], 2: [0, 2], 3: [0]}


def test_each_timeframe_of_a_symbol_is_one_watch_and_equal_sets_share_their_program() -> None:
    plan = planned(strategy("A"), strategy("B", timeframe="5m"), strategy("C"))
    first = [(watch.symbol, watch.compiled.timeframe_minutes, watch.strategies.tolist()) for watch in plan.watches[:2]]
    assert first == [(0, 1, [0, 2]), (0, 5, [1])]
    assert plan.watches[2].compiled is plan.watches[0].compiled


def test_a_symbol_is_found_by_its_canonical_name() -> None:
    plan = planned(strategy("A"))
    assert plan.symbol_index("NSE|EQ|TCS") == 2
    with pytest.raises(KeyError):
        plan.symbol_index("TCS")


def test_the_configuration_becomes_limits() -> None:
    followed = FollowedSymbol("NSE|EQ|TCS", InstrumentKind.EQUITY)
    risk, sizing = Risk(5, 2, 9, 750.0), Sizing("risk", 3, 900.0, 5e4)
    limits = make_plan([strategy("A")], [followed], risk, sizing, Mood(), Fills(2, 4)).limits[0]
    assert limits.tolist() == (5, 2, 9, 750.0, 1, 3, 900.0, 5e4, 2, 4 * NANOS_PER_MINUTE)


def test_a_plan_without_strategies_watches_nothing() -> None:
    plan = planned()
    assert plan.watches == ()
    assert plan.veto.shape == (0, 8)
