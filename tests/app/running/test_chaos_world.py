"""The vendors of mood and screener fail: the mood is unknown rather than old, and nothing else suffers."""

from __future__ import annotations

import pytest

from sos_actors.actors.describing import Describe
from sos_actors.messages.signals import SignalFormed
from sos_actors.runtime.trading_gate import Rung
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.types import NANOS_PER_MINUTE, Regime
from tests.app.running.invariants import check
from tests.app.running.systems import Whole

MOOD = "mood"
LAG_NS = 2 * NANOS_PER_MINUTE
"""A mood counts from the minute after it was read, and so ends up to two minutes after entries wait."""
SPEECHLESS = {"down": FaultKind.REFUSE, "html": FaultKind.HTML, "stale": FaultKind.STALE}


@pytest.mark.parametrize("how", SPEECHLESS)
def test_a_mood_that_nobody_tells_is_unknown_rather_than_old_and_entries_wait(healthy: Whole, how: str) -> None:
    healthy.until(lambda: MOOD not in healthy.holds(), "the mood is known")
    faults = [Fault(vendor, SPEECHLESS[how]) for vendor in ("nse", "trendlyne")]
    with healthy.fault(*faults):
        healthy.until(lambda: MOOD in healthy.holds(), "entries wait for the mood")
        assert healthy.system.machine.gate.rung is Rung.STOP_ENTRIES
        assert set(healthy.holds()) == {MOOD}
        [hold] = healthy.system.machine.gate.reasons()
        mark = len(healthy.decided)

        def later() -> list[SignalFormed]:
            """By their own time: a busy machine hears of some minutes after the next ones."""
            signals = [one for one in healthy.decided[mark:] if isinstance(one, SignalFormed)]
            return [one for one in signals if one.ts_event > hold.since + LAG_NS]

        healthy.until(lambda: len(later()) > 4, "signals are formed without a mood")
        assert {one.regime for one in later()} == {Regime.UNKNOWN}
        check(healthy)
    healthy.until(lambda: MOOD not in healthy.holds(), "the mood is known again")
    healthy.trades(1)
    check(healthy)


def test_a_screener_that_is_down_brings_nobody_new_and_nothing_else_suffers(healthy: Whole) -> None:
    def trouble() -> str:
        return str(healthy.ref("screener").ask(Describe(), 2.0)["trouble"])

    followed = set(healthy.system.market.stocks.followed)
    with healthy.fault(Fault("tradingview", FaultKind.STATUS, status=503)):
        healthy.until(trouble, "the screener is in trouble")
        followed = set(healthy.system.market.stocks.followed)
        healthy.trades(2)
        assert set(healthy.system.market.stocks.followed) <= followed
        assert healthy.holds() == {}
    healthy.until(lambda: not trouble(), "the screener answers again")
    healthy.until(lambda: healthy.system.market.stocks.followed, "stocks are in play")
    healthy.trades(1)
    check(healthy)
