from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from sos_actors.errors import ActorDownError, ActorTimeoutError
from sos_actors.runtime.child import ChildSpec
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.supervision import Backoff, ChildState, Intensity, Restart
from tests.runtime.families import PLENTY, Block, Family, family, settle


@pytest.fixture
def home() -> Iterator[Family]:
    with family() as made:
        yield made


def test_children_start_in_order_and_stop_in_reverse(home: Family) -> None:
    root = home.supervisor()
    for name in "abc":
        root.add(home.spec(name))
    root.start()
    assert root.stop().abandoned == ()
    assert home.starts_and_stops() == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]
    assert [node.state for node in root.tree().children] == [ChildState.STOPPED] * 3


@pytest.mark.parametrize("killer", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_child_that_fails_is_started_again_and_nobody_else(home: Family, killer: type[BaseException]) -> None:
    root = home.supervisor()
    root.start()
    first, other = root.add(home.spec("first")), root.add(home.spec("other"))
    first.tell(killer)
    home.revive("sos/first", 1)
    assert first.ask("still the same handle", 5.0) == other.ask("still the same handle", 5.0)
    assert home.starts_and_stops() == ["start first", "start other", "start first"]
    node = root.tree().children[0]
    assert (node.restarts, node.lost, node.kind, node.state) == (1, 1, "Mortal", ChildState.RUNNING)
    assert killer.__name__ in node.last_reason


def test_an_exception_of_an_ask_goes_to_the_asker_and_the_child_lives(home: Family) -> None:
    root = home.supervisor()
    root.start()
    child = root.add(home.spec("child"))
    with pytest.raises(ValueError, match="on demand"):
        child.ask(ValueError, 5.0)
    assert child.ask("fine", 5.0) == "fine"
    assert root.tree().children[0].restarts == 0


def test_an_ask_that_ends_the_interpreter_ends_only_that_child(home: Family) -> None:
    root = home.supervisor()
    root.start()
    child = root.add(home.spec("child"))
    with pytest.raises(ActorDownError, match="SystemExit"):
        child.ask(SystemExit, 5.0)
    home.revive("sos/child", 1)
    assert child.ask("again", 5.0) == "again"


def test_the_message_that_killed_is_lost_and_the_rest_goes_to_the_successor_in_order(home: Family) -> None:
    root = home.supervisor()
    root.start()
    child, block = root.add(home.spec("child")), Block()
    child.tell(block)
    assert block.entered.wait(5.0)
    for message in (1, ValueError, 2, 3):
        child.tell(message)
    block.release.set()
    home.await_change("sos/child", ChildState.RESTARTING)
    assert child.tell(4)
    assert root.tree().children[0].waiting == 3
    home.revive("sos/child", 1)
    assert child.ask(5, 5.0) == 5
    assert [it for it in home.seen.items if isinstance(it, int)] == [1, 2, 3, 4, 5]


def test_delays_double_and_nothing_is_started_before(home: Family) -> None:
    root = home.supervisor(backoff=Backoff(1.0, 3.0, 0.0))
    root.start()
    child = root.add(home.spec("child"))
    for restarts, delay_s in enumerate((1.0, 2.0, 3.0, 3.0)):
        child.tell(ValueError)
        home.await_change("sos/child", ChildState.RESTARTING, restarts)
        home.clock.advance(delay_s - 0.001)
        settle(root)
        assert root.tree().children[0].state is ChildState.RESTARTING
        home.clock.advance(0.001)
        home.await_change("sos/child", ChildState.RUNNING, restarts + 1)


def test_a_hundred_deaths_in_a_while_are_a_hundred_restarts(home: Family) -> None:
    root = home.supervisor(intensity=Intensity(1, 60.0))
    root.start()
    children = [root.add(home.spec(name)) for name in "ab"]
    for restarts in range(1, 101):
        for child in children:
            home.clock.advance(60.0)
            child.tell(ValueError)
            home.revive(f"sos/{child.name}", restarts)
    assert [node.restarts for node in root.tree().children] == [100, 100]


def test_too_many_deaths_at_once_leave_the_child_down_and_the_others_running(home: Family) -> None:
    said: list[str] = []
    root = home.supervisor(intensity=Intensity(3, 60.0), on_escalation=said.append)
    root.start()
    child, other = root.add(home.spec("child")), root.add(home.spec("other"))
    for restarts in range(1, 4):
        child.tell(ValueError)
        home.revive("sos/child", restarts)
    child.tell(ValueError)
    home.await_change("sos/child", ChildState.FAILED)
    settle(root)
    assert len(said) == 1
    assert "child" in said[0]
    assert other.ask("exits must run", 5.0) == "exits must run"
    assert not child.tell("anybody?")
    with pytest.raises(ActorDownError):
        child.ask("anybody?", 5.0)
    assert child.dead_letters == 2
    assert "ValueError" in root.tree().children[0].last_reason


@pytest.mark.parametrize(
    ("restart", "message", "state"),
    [
        (Restart.TRANSIENT, "stop", ChildState.STOPPED),
        (Restart.TEMPORARY, "stop", ChildState.STOPPED),
        (Restart.TEMPORARY, ValueError, ChildState.FAILED),
    ],
)
def test_who_is_not_to_be_restarted_stays_down(home: Family, restart: Restart, message: Any, state: ChildState) -> None:
    root = home.supervisor()
    root.start()
    child = root.add(home.spec("child", restart))
    child.tell(message)
    home.await_change("sos/child", state)
    assert not child.tell("late")


@pytest.mark.parametrize(
    ("restart", "message"),
    [(Restart.PERMANENT, "stop"), (Restart.TRANSIENT, ValueError), (Restart.PERMANENT, ValueError)],
)
def test_who_is_to_be_restarted_comes_back(home: Family, restart: Restart, message: Any) -> None:
    root = home.supervisor()
    root.start()
    child = root.add(home.spec("child", restart))
    child.tell(message)
    home.revive("sos/child", 1)


def test_a_child_that_cannot_start_is_tried_again(home: Family) -> None:
    root = home.supervisor()
    root.start()
    child = root.add(home.spec("child", fails=iter([True, True])))
    assert home.await_change("sos/child", ChildState.RESTARTING).reason == "RuntimeError: cannot start"
    home.clock.advance(0.001)
    home.revive("sos/child", 2)
    assert child.ask("up", 5.0) == "up"


def test_a_child_that_cannot_even_be_made_is_tried_again(home: Family) -> None:
    made = iter([True])

    def start(mailbox: Mailbox) -> pykka.ActorRef[Any]:
        if next(made, False):
            raise OSError("no socket")
        return home.spec("x").start(mailbox)

    root = home.supervisor()
    root.start()
    root.add(ChildSpec("child", start))
    assert home.await_change("sos/child", ChildState.RESTARTING).reason == "OSError: no socket"
    home.revive("sos/child", 1)


def test_an_ask_has_a_bound(home: Family) -> None:
    root = home.supervisor()
    root.start()
    child, block = root.add(home.spec("child")), Block()
    child.tell(block)
    with pytest.raises(ActorTimeoutError, match="child did not answer str"):
        child.ask("in vain", 0.01)
    block.release.set()


def test_children_come_and_go_while_the_group_runs(home: Family) -> None:
    root = home.supervisor()
    root.start()
    child = root.add(home.spec("child"))
    with pytest.raises(ValueError, match="already"):
        root.add(home.spec("child"))
    assert root.child("child") is child
    assert root.remove("child")
    assert root.remove("child")
    assert root.tree().children == ()
    assert not child.tell("late")
    with pytest.raises(KeyError):
        root.child("child")


def test_a_listener_that_fails_changes_nothing(home: Family) -> None:
    root = home.supervisor()
    root.on_change(lambda _: 1 / 0)  # type: ignore[arg-type]
    root.start()
    assert root.add(home.spec("child")).ask("fine", 5.0) == "fine"


def test_every_message_of_many_threads_is_handled_once_or_counted_while_the_child_dies(home: Family) -> None:
    root = home.supervisor(intensity=PLENTY)
    root.start()
    child = root.add(home.spec("child"))
    threads, each = 4, 200

    def tell(mine: int) -> None:
        for number in range(each):
            assert child.tell((mine, number))
            if number % 40 == 20:
                child.tell(ValueError)

    tellers = [threading.Thread(target=tell, args=(mine,)) for mine in range(threads)]
    for teller in tellers:
        teller.start()
    deaths = threads * each // 40
    home.revive("sos/child", deaths)
    for teller in tellers:
        teller.join()
    child.ask("last", 5.0)
    told = [it for it in home.seen.items if isinstance(it, tuple) and isinstance(it[0], int)]
    for mine in range(threads):
        assert [number for sender, number in told if sender == mine] == list(range(each))
    node = root.tree().children[0]
    assert (node.lost, node.restarts, node.dead_letters, node.dropped) == (deaths, deaths, 0, 0)
