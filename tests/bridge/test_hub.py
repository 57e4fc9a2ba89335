"""The hub's inbox: nobody waits at it, nothing is lost unsaid, and one bad fact harms no other."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from sos_actors.bridge.hub import BridgeHub
from tests.bridge.bridges import INSTRUMENTS, NIFTY, alert, at, bar, mood, new_state, option_chain


class Ear:
    """An engine that has joined."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.ended = ""

    def offer(self, frame: bytes) -> None:
        self.heard.append(json.loads(frame)["type"])

    def fall_behind(self, reason: str) -> None:
        self.ended = reason


class Loop:
    """Wakes only when the test says so."""

    def __init__(self, hub: BridgeHub) -> None:
        self.hub, self.wakes = hub, 0
        hub.bind(self.wake)

    def wake(self) -> None:
        self.wakes += 1

    def run(self) -> None:
        while self.wakes:
            self.wakes -= 1
            self.hub.read()


def hub(most: int = 1000) -> BridgeHub:
    return BridgeHub(new_state(), lambda: at(0), most_waiting=most)


def joined(to: BridgeHub) -> Ear:
    ear = Ear()
    list(to.join(ear, bars=False))
    return ear


def test_facts_reach_whoever_has_joined_in_their_order() -> None:
    ours = hub()
    loop, ear = Loop(ours), joined(ours)
    ours.instruments(INSTRUMENTS)
    ours.bar(bar(0))
    ours.sentiment(mood(1))
    ours.chain(option_chain(1))
    ours.alert(alert(1))
    ours.history(NIFTY, [])
    assert ear.heard == []
    loop.run()
    ours.beat()
    assert ear.heard == [
        "MARKET_UPDATE", "SENTIMENT_UPDATE", "OPTION_CHAIN_UPDATE", "SCREENER_ALERT", "HEARTBEAT",
    ]  # fmt: skip


def test_whoever_leaves_hears_nothing_more() -> None:
    ours = hub()
    loop, ear = Loop(ours), joined(ours)
    ours.leave(ear)
    ours.bar(bar(0))
    loop.run()
    assert ear.heard == []


def test_many_facts_wake_the_loop_once() -> None:
    ours = hub()
    loop = Loop(ours)
    loop.run()
    for minute in range(100):
        ours.bar(bar(minute))
    assert loop.wakes == 1


def test_the_loop_looks_at_its_sockets_between_turns_of_a_long_queue() -> None:
    ours = hub()
    loop, ear = Loop(ours), joined(ours)
    loop.run()
    for minute in range(300):
        ours.sentiment(mood(minute))
    loop.wakes -= 1
    ours.read()
    assert 0 < len(ear.heard) < 300
    loop.run()
    assert len(ear.heard) == 300


def test_what_is_told_while_no_server_runs_is_read_by_the_next() -> None:
    ours = hub()
    ours.bar(bar(0))
    ear = joined(ours)
    Loop(ours).run()
    assert ear.heard == ["MARKET_UPDATE"]
    ours.bind(None)
    ours.bar(bar(1))
    Loop(ours).run()
    assert ear.heard == ["MARKET_UPDATE"] * 2


def test_an_inbox_that_is_full_loses_and_counts_and_every_engine_starts_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ours = hub(most=10)
    loop, ear = Loop(ours), joined(ours)
    for minute in range(13):
        ours.bar(bar(minute))
    assert ours.lost == 3
    loop.run()
    assert ear.ended
    assert "3 facts never reached an engine" in caplog.text


def test_a_fact_that_cannot_be_encoded_silences_no_other(caplog: pytest.LogCaptureFixture) -> None:
    ours = hub()
    loop, ear = Loop(ours), joined(ours)
    ours.chain(replace(option_chain(1), ce_oi=np.ones(7)))
    ours.bar(bar(0))
    loop.run()
    assert ear.heard == ["MARKET_UPDATE"]
    assert ours.counts["failed"] == 1
    assert "cannot send a OptionChain" in caplog.text
