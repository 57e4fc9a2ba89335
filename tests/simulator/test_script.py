"""Scripts: read with clear errors, and followed to the same bytes twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import websocket

from sos_actors.errors import UsageError
from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.script import EXAMPLE, Script, read_script
from sos_actors.simulator.server import running
from tests.simulator.quiet import DAY, ask, make_app, quiet_world

STORY = [
    {"at": "09:16:00", "fault": {"vendor": "upstox", "kind": "corrupt", "path": "/price", "times": 2}},
    {"at": "09:17:00", "fault": {"vendor": "upstox", "kind": "reorder", "path": "feed"}},
    {"at": "2026-01-13 09:18:00", "clear": True},
    {"at": "09:19:00", "strictness": {"rate_limits": False}},
    {"at": "09:19:00", "fault": {"vendor": "upstox", "kind": "html"}},
]


def story(tmp_path: Path, actions: object = STORY) -> Script:
    file = tmp_path / "story.json"
    file.write_text(actions if isinstance(actions, str) else json.dumps(actions), encoding="utf-8")
    return read_script(file, DAY)


def test_the_example_is_a_script(tmp_path: Path) -> None:
    assert len(story(tmp_path, EXAMPLE)) == 5


def follow(script: Script) -> list[bytes]:
    """What a client sees that steps through five minutes."""
    world, seen = quiet_world(), list[bytes]()
    with running(world, apps=lambda: {"upstox": make_app(world)}, script=script) as simulator:
        address = simulator.addresses["upstox"]
        socket = websocket.create_connection(f"{address.replace('http', 'ws')}/socket", timeout=2)
        for _ in range(5):
            seen += [ask(f"{address}/price").body, ask(f"{address}/item/3").body]
            socket.send_binary(b"4")
            seen += [frame if isinstance(frame := socket.recv(), bytes) else frame.encode() for _ in range(4)]
            ask(f"{simulator.addresses['control']}/clock", "POST", {"step": 60})
        socket.close()
    return seen


def test_the_same_script_and_steps_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = follow(story(tmp_path)), follow(story(tmp_path))
    assert first == second
    minutes = [first[number : number + 6] for number in range(0, 30, 6)]
    in_order = minutes[0][2:]
    assert minutes[1][0][0] == ord("{") ^ 0xFF
    assert minutes[2][2:] == [in_order[1], in_order[0], in_order[3], in_order[2]]
    assert minutes[3][2:] == in_order
    assert minutes[4][0].startswith(b"<!DOCTYPE html>")


def test_actions_strike_by_themselves_and_a_long_step_does_them_in_order(tmp_path: Path) -> None:
    world = quiet_world()
    with running(world, apps=lambda: {"upstox": make_app(world)}, script=story(tmp_path)) as simulator:
        simulator.call(lambda: world.clock.step(3600))
        assert ask(simulator.addresses["upstox"] + "/price").content_type == "text/html"
        assert [fault.kind for fault, _ in simulator.call(world.faults.active)] == [FaultKind.HTML]
        assert not world.strictness.rate_limits


def test_a_script_changes_the_speed_and_what_lies_before_the_start_happens_at_once(tmp_path: Path) -> None:
    script = story(tmp_path, [{"at": "09:00", "speed": 60}])
    world = quiet_world()
    with running(world, apps=dict, script=script):
        assert world.clock.speed == 60
    assert len(script) == 0


def test_a_fault_of_a_script_begins_at_its_own_time(tmp_path: Path) -> None:
    world, script = quiet_world(), story(tmp_path)
    world.clock.step(90)
    script.apply_due(world)
    begun = [fault.begun for fault, _ in world.faults.active()]
    assert begun == [world.clock.now() - 30_000_000_000]


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        ("[", "is no JSON"),
        ({"at": "10:00"}, "must be a list"),
        ([7], "action 1: It is no object"),
        ([{"at": "10:00"}], "one of fault, clear, speed, strictness"),
        ([{"clear": True}], "has an 'at'"),
        ([{"at": "10:00", "clear": True, "speed": 1}], "one of fault"),
        ([{"at": "10:00", "clear": True}, {"at": "ten", "clear": True}], "action 2: 'ten' is not a time"),
        ([{"at": "10:00", "clear": False}], "can only be true"),
        ([{"at": "10:00", "speed": True}], "must be a number"),
        ([{"at": "10:00", "fault": "html"}], "must be an object"),
        ([{"at": "10:00", "fault": {"vendor": "nse", "kind": "flood"}}], "No fault is called 'flood'"),
        ([{"at": "10:00", "strictness": {}}], "one or more of"),
        ([{"at": "10:00", "explode": 1}], "no key 'explode'"),
    ],
)
def test_a_script_that_cannot_be_meant_is_refused(tmp_path: Path, actions: object, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        story(tmp_path, actions)
    assert "story.json" in str(refused.value)


def test_a_script_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_script(tmp_path / "none.json", DAY)
