"""A broker that fails: orders refused, throttled or never answered, streams that end, a token that does."""

from __future__ import annotations

from pathlib import Path

import pytest

from sos_actors.app.credentials import UpstoxLogin, account_of, write_login
from sos_actors.app.live_login import LOGIN
from sos_actors.engine.execution.outcomes import LOCK
from sos_actors.runtime.trading_gate import Rung
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.upstox.tokens import TOKENS
from sos_actors.types import Secret
from tests.app.running.invariants import check, flat, held
from tests.app.running.systems import Whole, whole

PLACE = "/v3/order/place"


def upstox(kind: FaultKind, path: str, **more: object) -> Fault:
    """A fault of the broker's."""
    return Fault("upstox", kind, path, **more)  # type: ignore[arg-type]


def struck(found: Whole, times: int) -> bool:
    """Whether the fault in force has struck so often, or is used up."""
    active = found.bench.world.faults.active()
    return not active or active[0][1] >= times


def said(found: Whole, mark: int, text: str) -> bool:
    """Whether the log has a line with a text since a mark."""
    return any(text in line for line in found.lines.since(mark))


def test_lost_acknowledgements_are_looked_up_and_nothing_is_sent_twice(healthy: Whole) -> None:
    mark = healthy.lines.mark
    with healthy.fault(upstox(FaultKind.LOST_ACK, PLACE, times=4)):
        healthy.until(lambda: struck(healthy, 4), "four answers are lost", 40.0)
    healthy.until(lambda: said(healthy, mark, "nobody knows whether it was placed"), "the doubt is told")
    check(healthy)


def test_requests_that_never_arrive_are_searched_and_given_up_or_sent_anew(healthy: Whole) -> None:
    mark = healthy.lines.mark
    with healthy.fault(upstox(FaultKind.DROP, PLACE, times=4)):
        healthy.until(lambda: struck(healthy, 4), "four requests are reset", 40.0)
        healthy.until(lambda: said(healthy, mark, "It is searched"), "the doubt is told")
    check(healthy)


def test_a_storm_of_429_delays_orders_and_loses_none(healthy: Whole) -> None:
    mark = healthy.lines.mark
    with healthy.fault(upstox(FaultKind.STATUS, PLACE, status=429)):
        healthy.until(lambda: struck(healthy, 3), "orders are throttled", 40.0)
    assert said(healthy, mark, "too many requests")
    check(healthy)
    healthy.trades(1)


def test_a_broker_that_refuses_everything_rejects_entries_and_is_asked_again_for_exits(healthy: Whole) -> None:
    for _ in range(5):  # what is held may be on its way out already
        healthy.until(lambda: healthy.source().positions, "something is held", 40.0)
        if refused(healthy):
            break
    else:
        pytest.fail("Whatever was held was sold a moment before the broker refused it.")
    flat(healthy)
    healthy.trades(1)


def refused(found: Whole) -> bool:
    """The broker refuses while everything is to go; False when all that was held had just been sold."""
    mark, gate = found.lines.mark, found.system.machine.gate
    with found.fault(upstox(FaultKind.STATUS, PLACE, status=403)):
        gate.hold("test", Rung.SQUARE_OFF, "the test wants exits")
        try:
            found.until(lambda: LOCK in found.holds() or not held(found), "the broker is held for locked", 40.0)
            if not held(found):
                return False
            found.until(lambda: struck(found, 3), "the exit is tried again and again", 40.0)
            assert found.source().positions
            assert gate.rung >= Rung.EXITS_ONLY
            assert said(found, mark, "The broker takes no orders")
        finally:
            gate.release("test")
    return True


def test_without_the_order_stream_the_book_is_asked(healthy: Whole) -> None:
    with healthy.fault(upstox(FaultKind.MUTE, "portfolio")):
        healthy.trades(2, 60.0)
        check(healthy)
    with healthy.fault(upstox(FaultKind.DROP, "portfolio")):
        healthy.trades(2, 60.0)
        check(healthy)


def test_a_token_that_ends_closes_entries_and_a_new_login_is_taken_up_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOS_SECRETS", str(tmp_path / "secrets.json"))
    with whole(tmp_path, source="upstox") as found:
        found.trades(1)
        mark = found.lines.mark
        found.bench.add(upstox(FaultKind.TOKEN_EXPIRED, "*"))
        found.bench.reset_connections("upstox")
        found.until(lambda: LOGIN in found.holds(), "the login is missed", 30.0)
        assert found.system.machine.gate.rung >= Rung.EXITS_ONLY
        assert "sos login" in found.holds()[LOGIN]
        assert "sos login" in found.status().gate.holds[0].reason or LOGIN in found.holds()
        token = found.bench.served.call(lambda: found.bench.apps["upstox"][TOKENS].issue())
        write_login(account_of(found.config.upstox.rest_url), UpstoxLogin(Secret(token)))
        found.until(lambda: said(found, mark, "There is a new login"), "the new login is seen", 10.0)
        found.trades(1, 60.0)
        check(found)
        assert not any(token in line for line in found.lines.since())
        found.system.flatten("The test is over.")
        flat(found)
