from __future__ import annotations

from collections.abc import Iterator

import pytest

from sos_actors.errors import ActorDownError
from sos_actors.runtime.supervision import Backoff, ChildState, Intensity, Restart, Strategy
from tests.runtime.families import Block, Family, family, settle

ONCE = Intensity(1, 60.0)


@pytest.fixture
def home() -> Iterator[Family]:
    with family() as made:
        yield made


def test_those_started_later_are_stopped_in_reverse_and_started_again_in_order(home: Family) -> None:
    root = home.supervisor(strategy=Strategy.REST_FOR_ONE, backoff=Backoff(1.0, 1.0, 0.0))
    root.start()
    refs = {name: root.add(home.spec(name)) for name in "abcd"}
    refs["b"].tell(ValueError)
    home.await_change("sos/b", ChildState.RESTARTING)
    assert home.starts_and_stops()[4:] == ["stop d", "stop c"]
    assert [node.state for node in root.tree().children] == ["RUNNING", *["RESTARTING"] * 3]
    assert root.tree().children[2].last_reason == "waits for b"
    assert refs["d"].tell("kept for the successor")
    home.clock.advance(1.0)
    home.await_change("sos/d", ChildState.RUNNING, 1)
    assert home.starts_and_stops()[6:] == ["start b", "start c", "start d"]
    assert refs["d"].ask("after it", 5.0)
    assert [it for it in home.seen.items if isinstance(it, str)] == ["kept for the successor", "after it"]


def test_nobody_starts_behind_one_that_does_not_come_up(home: Family) -> None:
    root = home.supervisor(strategy=Strategy.REST_FOR_ONE)
    root.add(home.spec("a", fails=iter([True, True])))
    root.add(home.spec("b"))
    root.start()
    late = root.add(home.spec("c"))
    assert home.starts_and_stops() == []
    home.clock.advance(0.001)
    home.revive("sos/a", 2)
    home.await_change("sos/c", ChildState.RUNNING)
    assert home.starts_and_stops() == ["start a", "start b", "start c"]
    assert late.ask("up", 5.0) == "up"


def test_a_temporary_child_stopped_for_another_is_not_started_again(home: Family) -> None:
    root = home.supervisor(strategy=Strategy.REST_FOR_ONE)
    root.start()
    first, temporary = root.add(home.spec("a")), root.add(home.spec("b", Restart.TEMPORARY))
    first.tell(ValueError)
    home.revive("sos/a", 1)
    assert not temporary.tell("late")
    assert root.tree().children[1].state is ChildState.STOPPED


def test_a_follower_that_dies_during_the_delay_of_another_is_started_once(home: Family) -> None:
    root = home.supervisor(strategy=Strategy.REST_FOR_ONE, backoff=Backoff(1.0, 1.0, 0.0))
    root.start()
    first, second = root.add(home.spec("a")), root.add(home.spec("b"))
    second.tell(ValueError)
    home.await_change("sos/b", ChildState.RESTARTING)
    first.tell(ValueError)
    home.await_change("sos/a", ChildState.RESTARTING)
    home.clock.advance(5.0)
    home.await_change("sos/b", ChildState.RUNNING, 1)
    home.clock.advance(5.0)
    settle(root)
    assert home.starts_and_stops().count("start b") == 2


def test_a_group_that_gives_up_is_restarted_by_its_parent_with_all_its_children_and_their_mail(home: Family) -> None:
    root, group = home.supervisor(), home.supervisor("feeds", root=False, intensity=ONCE)
    feed, other = group.add(home.spec("feed")), group.add(home.spec("other"))
    root.add(group.spec())
    root.start()
    feed.tell(ValueError)
    home.revive("sos/feeds/feed", 1)
    feed.tell(ValueError)
    home.await_change("sos/feeds", ChildState.RESTARTING)
    assert "more than 1 times within 60 s; the last was feed: ValueError" in root.tree().children[0].last_reason
    assert home.starts_and_stops()[-1] == "stop other"
    assert feed.tell("kept")
    home.revive("sos/feeds", 1)
    assert feed.ask("same handle", 5.0)
    assert other.ask("same handle", 5.0)
    assert "kept" in home.seen.items
    node = root.tree().children[0]
    assert (node.kind, node.restarts) == ("Supervisor", 1)
    assert [child.restarts for child in node.children] == [2, 1]


def test_trouble_climbs_two_levels_to_the_root_which_keeps_everybody_else_running(home: Family) -> None:
    said: list[str] = []
    root = home.supervisor(intensity=ONCE, on_escalation=said.append)
    upper = home.supervisor("upper", root=False, intensity=Intensity(0, 60.0))
    lower = home.supervisor("lower", root=False, intensity=Intensity(0, 60.0))
    orders = root.add(home.spec("orders"))
    feed, beside = lower.add(home.spec("feed")), upper.add(home.spec("beside"))
    upper.add(lower.spec())
    root.add(upper.spec())
    root.start()
    feed.tell(ValueError)
    home.await_change("sos/upper", ChildState.RESTARTING)
    assert home.starts_and_stops()[3:] == ["stop beside"]
    home.revive("sos/upper", 1)
    feed.tell(ValueError)
    home.await_change("sos/upper", ChildState.FAILED)
    settle(root)
    assert len(said) == 1
    assert "EscalatedError" in said[0]
    assert "feed: ValueError" in said[0]
    assert orders.ask("exits run", 5.0) == "exits run"
    for lost in (feed, beside):
        assert not lost.tell("nobody will come")
        with pytest.raises(ActorDownError):
            lost.ask("nobody will come", 5.0)


def test_a_group_whose_child_cannot_start_fails_at_its_own_start_and_is_tried_again(home: Family) -> None:
    root, group = home.supervisor(), home.supervisor("feeds", root=False, intensity=Intensity(0, 60.0))
    feed = group.add(home.spec("feed", fails=iter([True])))
    root.add(group.spec())
    root.start()
    assert "feed: RuntimeError: cannot start" in home.await_change("sos/feeds", ChildState.RESTARTING).reason
    home.revive("sos/feeds", 1)
    assert feed.ask("up", 5.0) == "up"


def test_the_defect_of_a_group_s_own_actor_is_cured_by_its_parent(home: Family) -> None:
    root, group = home.supervisor(), home.supervisor("feeds", root=False)
    feed = group.add(home.spec("feed"))
    root.add(group.spec())
    root.start()
    assert group._loop is not None
    group._loop.stop()
    home.revive("sos/feeds", 1)
    assert feed.ask("up", 5.0) == "up"


def test_children_can_be_added_to_a_group_that_is_down_and_start_with_it(home: Family) -> None:
    root, group = home.supervisor(backoff=Backoff(1.0, 1.0, 0.0)), home.supervisor("feeds", root=False)
    root.add(group.spec())
    root.start()
    assert group._loop is not None
    group._loop.stop()
    home.await_change("sos/feeds", ChildState.RESTARTING)
    added = group.add(home.spec("added"))
    assert added.tell("early")
    home.clock.advance(1.0)
    home.await_change("sos/feeds/added", ChildState.RUNNING)
    assert added.ask("late", 5.0)
    assert [it for it in home.seen.items if isinstance(it, str)] == ["early", "late"]


def test_a_group_busy_with_a_slow_child_is_not_taken_for_hung(home: Family) -> None:
    root, group = home.supervisor(), home.supervisor("feeds", root=False)
    root.add(group.spec())
    root.start()
    slow, block = group.add(home.spec("slow")), Block()
    slow.tell(block)
    assert block.entered.wait(5.0)
    group._group.excuse(60.0)
    for _ in range(10):
        home.clock.advance(5.0)
        settle(root)
    block.release.set()
    assert root.tree().children[0].restarts == 0
