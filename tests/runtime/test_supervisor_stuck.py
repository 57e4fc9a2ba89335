from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from sos_actors.runtime.child import ChildSpec
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.group_loop import GroupLoop
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.supervision import ChildChanged, ChildState
from sos_actors.runtime.supervisor import Supervisor
from tests.runtime.families import Block, Family, family, settle


@pytest.fixture
def home() -> Iterator[Family]:
    with family() as made:
        yield made


def look(home: Family, root: Supervisor, times: int) -> None:
    """Let the supervisor look so many times, five seconds apart."""
    for _ in range(times):
        home.clock.advance(5.0)
        settle(root)


def test_a_child_that_hangs_is_dumped_abandoned_and_replaced(home: Family, caplog: pytest.LogCaptureFixture) -> None:
    root = home.supervisor()
    root.start()
    child, block = root.add(home.spec("child")), Block()
    child.tell(block)
    child.tell("for the successor")
    assert block.entered.wait(5.0)
    look(home, root, 3)
    assert root.tree().children[0].state is ChildState.RUNNING, "pinged first after 5 s, so silent for 10 s only"
    with caplog.at_level(logging.ERROR):
        look(home, root, 1)
    home.revive("sos/child", 1)
    dumps = [record.getMessage() for record in caplog.records if "All threads" in record.getMessage()]
    assert len(dumps) == 1
    assert "message.release.wait(PATIENCE_S)" in dumps[0]
    assert child.ask("answered by the successor", 5.0)
    node = root.tree().children[0]
    assert (node.lost, node.last_reason) == (1, "hung: no answer for 15.0 s")
    assert [it.state for it in home.changes.items] == ["RUNNING", "HUNG", "RESTARTING", "RUNNING"]
    before = list(home.seen.items)
    block.release.set()
    home.seen.wait(lambda items: ("stop", "child") in items)
    assert home.seen.items == [*before, ("stop", "child")], "it woke up, and was given nothing but its end"
    assert child.ask("still the successor", 5.0)


def test_a_busy_child_with_a_long_queue_is_not_taken_for_hung(home: Family) -> None:
    root = home.supervisor()
    root.start()
    child = root.add(home.spec("child"))
    for _ in range(20):
        block = Block()
        child.tell(block)
        for number in range(50):
            child.tell(number)
        assert block.entered.wait(5.0)
        look(home, root, 2)
        block.release.set()
        child.ask("through", 5.0)
    assert root.tree().children[0].restarts == 0


def test_a_machine_that_slept_kills_nobody(home: Family) -> None:
    root = home.supervisor()
    root.start()
    child, block = root.add(home.spec("child")), Block()
    child.tell(block)
    look(home, root, 1)
    home.clock.jump_to(home.clock() + 3_600_000_000_000)
    settle(root)
    block.release.set()
    child.ask("awake", 5.0)
    look(home, root, 1)
    assert root.tree().children[0].restarts == 0


def test_a_group_that_hangs_is_replaced_and_may_do_nothing_when_it_wakes_up(home: Family) -> None:
    block, blocks = Block(), iter([True])

    def start(mailbox: Mailbox) -> pykka.ActorRef[Any]:
        if next(blocks, False):
            block.entered.set()
            block.release.wait(10.0)
        return home.spec("late").start(mailbox)

    root, group = home.supervisor(), home.supervisor("group", root=False)
    first = group.add(home.spec("first"))
    root.add(group.spec())
    root.start()
    late = group.add(ChildSpec("late", start), wait=False)
    assert block.entered.wait(5.0)
    stuck = group._group.actor
    group._group.excused_until_ns = 0
    look(home, root, 4)
    home.await_change("sos/group", ChildState.HUNG)
    home.revive("sos/group", 1)
    assert first.ask("replaced", 5.0) == late.ask("replaced", 5.0)
    assert home.starts_and_stops() == ["start first", "stop first", "start first", "start late"]
    block.release.set()
    home.seen.wait(lambda items: ("stop", "late") in items)
    assert isinstance(stuck, GroupLoop)
    stuck.actor_stopped.wait(5.0)
    assert first.ask("untouched", 5.0) == late.ask("untouched", 5.0)
    assert home.starts_and_stops()[4:] == ["start late", "stop late"], "the one that came too late"


def test_a_stuck_child_is_left_behind_and_named_and_the_others_stop_cleanly(home: Family) -> None:
    block = Block()
    root = home.supervisor()
    for spec in (home.spec("a"), home.spec("stuck", stop_within_s=0.05, stop_block=block), home.spec("c")):
        root.add(spec)
    root.start()
    begun = monotonic_ns()
    assert root.stop(5.0).abandoned == ("sos/stuck",)
    assert monotonic_ns() - begun < 3e9
    assert home.starts_and_stops()[3:] == ["stop c", "stop stuck", "stop a"]
    assert [node.last_reason for node in root.tree().children] == ["", "abandoned", ""]
    assert root.stop(5.0).abandoned == ("sos/stuck",), "a second stop says the same"
    block.release.set()
    home._roots.clear()


def test_no_stuck_child_takes_all_the_time_there_is(home: Family) -> None:
    blocks = [Block(), Block()]
    root, group = home.supervisor(), home.supervisor("group", root=False)
    root.add(home.spec("a"))
    group.add(home.spec("deep", stop_block=blocks[0]))
    root.add(group.spec())
    root.add(home.spec("stuck", stop_block=blocks[1]))
    root.start()
    assert root.stop(1.0).abandoned == ("sos/stuck", "sos/group/deep")
    assert "stop a" in home.starts_and_stops()
    for block in blocks:
        block.release.set()
    home._roots.clear()


def test_a_second_stop_makes_the_first_one_hurry(home: Family) -> None:
    block = Block()
    root, group = home.supervisor(), home.supervisor("group", root=False, stop_within_s=60.0)
    group.add(home.spec("stuck", stop_within_s=60.0, stop_block=block))
    root.add(home.spec("a"))
    root.add(group.spec())
    root.start()
    first = threading.Thread(target=root.stop, args=(60.0,))
    first.start()
    assert block.entered.wait(5.0)
    begun = monotonic_ns()
    assert root.stop(60.0).abandoned == ("sos/group/stuck",)
    first.join(5.0)
    assert not first.is_alive()
    assert monotonic_ns() - begun < 5e9
    assert home.starts_and_stops()[-1] == "stop a"
    block.release.set()
    home._roots.clear()


def test_a_child_stuck_while_it_is_made_does_not_hold_up_the_end(home: Family) -> None:
    block = Block()

    def start(mailbox: Mailbox) -> pykka.ActorRef[Any]:
        block.entered.set()
        block.release.wait(10.0)
        return home.spec("late").start(mailbox)

    root = home.supervisor()
    root.start()
    root.add(home.spec("a"))
    adding = threading.Thread(target=root.add, args=(ChildSpec("late", start),))
    adding.start()
    assert block.entered.wait(5.0)
    assert root.stop(1.0).abandoned == ("sos",)
    assert "stop a" in home.starts_and_stops()
    block.release.set()
    adding.join(5.0)
    home.seen.wait(lambda items: items.count(("start", "late")) == items.count(("stop", "late")))
    home._roots.clear()


def test_stop_may_be_asked_for_from_a_listener_and_before_any_start(home: Family) -> None:
    assert home.supervisor("never").stop().abandoned == ()
    root = home.supervisor()
    root.start()

    def stop(_: ChildChanged) -> None:
        assert root.stop().abandoned == ()

    root.on_change(stop)
    root.add(home.spec("child"))
    assert root.stop().abandoned == ()
    assert home.starts_and_stops() == ["start child", "stop child"]


class Plain(pykka.ThreadingActor):
    """An actor that knows nothing of supervision."""

    use_daemon_thread = True

    def on_receive(self, message: Any) -> Any:
        if message == "die":
            raise ValueError(message)
        return message


def test_an_actor_with_an_inbox_of_its_own_is_supervised_too(home: Family) -> None:
    root = home.supervisor()
    child = root.add(ChildSpec("plain", lambda _: Plain.start()))
    assert child.tell("waits until there is somebody")
    root.start()
    assert child.ask("hello", 5.0) == "hello"
    (actor,) = pykka.ActorRegistry.get_by_class(Plain)
    child.tell("die")
    assert actor.actor_stopped.wait(5.0)
    assert not child.tell("down")
    assert child.dead_letters == 1
    look(home, root, 2)
    home.revive("sos/plain", 1)
    assert child.ask("back", 5.0) == "back"
    assert root.stop().abandoned == ()
