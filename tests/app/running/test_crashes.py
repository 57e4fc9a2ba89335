"""`sos live` as a process, against a simulated Upstox that outlives it: killed, started again, stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sos_actors.app.replay import replay
from tests.app.running.books import doubled, where_killed
from tests.app.running.crashes import PLACES, Crashing, crashing

PROTECTED_WITHIN_S = 5.0


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crashing]:
    with crashing(tmp_path_factory.mktemp("crash")) as found:
        yield found


def sent(crash: Crashing, more: int = 1) -> None:
    """Wait until so many more orders were asked for, whatever came of them."""
    before = crash.placed()
    crash.wait(lambda: crash.placed() >= before + more, "an order is sent")


def check(crash: Crashing) -> None:
    """What must be so whenever it runs: nothing twice, and the engine holds what the broker holds."""
    assert doubled(crash.ours()) == []
    crash.wait(crash.agrees, "engine and broker hold the same")


def test_a_kill_between_send_and_acknowledgement(crash: Crashing) -> None:
    crash.start()
    crash.until("open")
    crash.fault(kind="delay", path=PLACES, seconds=3.0)
    sent(crash)
    crash.wait(lambda: crash.last_intent_is_at_the_broker(), "the broker has it")
    crash.kill()
    assert where_killed(crash.journal, crash.ours()) == "between send and ack"
    crash.calm()
    crash.start()
    crash.until("open")
    check(crash)


def test_a_kill_between_intent_and_send(crash: Crashing) -> None:
    crash.fault(kind="mute", path=PLACES)
    sizes = crash.intents()
    crash.wait(lambda: crash.intents() > sizes, "an order is meant")
    crash.kill()
    assert where_killed(crash.journal, crash.ours()) == "between intent and send"
    crash.calm()
    crash.start()
    crash.until("open")
    check(crash)


def test_a_second_run_is_refused_and_a_position_is_protected_again_within_seconds(crash: Crashing) -> None:
    refused = crash.run("live", "--source", "upstox", "--no-tui", "--clock", crash.simulator.addresses["control"])
    assert refused.returncode == 1
    assert "is at work on" in refused.stderr
    held = crash.until("held").positions
    crash.kill()
    crash.start()
    crash.until("started")
    crash.kill()  # once more, before it was ready
    crash.start()
    crash.until("started")
    begun = time.monotonic()
    status = crash.until("protected", PROTECTED_WITHIN_S)
    assert time.monotonic() - begun < PROTECTED_WITHIN_S
    kept = {one.position_id for one in status.positions}
    closed = {one.symbol for one in status.trades}
    assert all(one.position_id in kept or one.symbol in closed for one in held), "none is forgotten"
    numbers = {one.position_id for one in status.positions}
    crash.wait(lambda: not numbers & {one.position_id for one in crash.status_now().positions}, "stop or target is hit")
    check(crash)


def test_at_the_end_everything_is_closed_and_the_journal_tells_all_of_it(crash: Crashing) -> None:
    assert crash.run("stop", "--flat").returncode == 0
    assert crash.ended() == 0
    assert crash.holds() == {}
    assert doubled(crash.ours()) == []
    assert all(row.state.terminal for row in crash.ours())
    replayed = replay(crash.journal)
    assert replayed.identical, replayed.divergence
    assert replayed.restarts == crash.starts - 1
