"""Errands come back to their actor; what was given up, or sent by a predecessor, no longer counts."""

from __future__ import annotations

import threading

from sos_actors.actors.errands import Errands, Failed, Returned


class Desk:
    def __init__(self, most: int = 2) -> None:
        self.told: list[Returned] = []
        self.waiting: list[object] = []
        self.now_ns = 0
        self.errands = self.make(most)

    def make(self, most: int = 2) -> Errands:
        return Errands(
            "test", self.told.append, timeout_s=5.0, most=most, spawn=lambda _name, work: self.waiting.append(work),
            now_ns=lambda: self.now_ns,
        )  # fmt: skip

    def run(self) -> Returned:
        work = self.waiting.pop(0)
        assert callable(work)
        work()
        return self.told.pop()


def test_an_answer_comes_back_under_its_key() -> None:
    desk = Desk()
    assert desk.errands.send("a", lambda: 7)
    assert desk.errands.out == ("a",)
    returned = desk.run()
    assert desk.errands.accept(returned)
    assert (returned.key, returned.outcome) == ("a", 7)
    assert desk.errands.is_free


def test_an_error_comes_back_as_what_it_is() -> None:
    desk, error = Desk(), ValueError("no")

    def fail() -> None:
        raise error

    desk.errands.send("a", fail)
    assert desk.run().outcome == Failed(error)


def test_no_more_are_out_than_may_be_and_no_key_twice() -> None:
    desk = Desk()
    assert desk.errands.send("a", lambda: 1)
    assert not desk.errands.send("a", lambda: 2)
    assert desk.errands.send("b", lambda: 3)
    assert not desk.errands.is_free
    assert not desk.errands.send("c", lambda: 4)


def test_what_is_given_up_is_ignored_when_it_comes_and_may_be_sent_again() -> None:
    desk = Desk()
    desk.errands.send("a", lambda: 1)
    desk.now_ns = 5_000_000_000
    assert desk.errands.overdue() == []
    desk.now_ns += 1
    assert desk.errands.overdue() == ["a"]
    assert desk.errands.send("a", lambda: 2)
    late, fresh = desk.run(), desk.run()
    assert not desk.errands.accept(late)
    assert desk.errands.accept(fresh)
    assert not desk.errands.accept(fresh)


def test_what_a_predecessor_sent_does_not_count() -> None:
    desk = Desk()
    before = desk.make()
    before.send("a", lambda: 1)
    desk.errands.send("a", lambda: 2)
    assert not desk.errands.accept(desk.run())
    assert desk.errands.accept(desk.run())


def test_a_real_errand_runs_on_a_thread_of_its_own_and_blocks_nobody() -> None:
    told: list[Returned] = []
    came, go = threading.Event(), threading.Event()

    def tell(returned: Returned) -> None:
        told.append(returned)
        came.set()

    errands = Errands("test", tell, timeout_s=5.0)
    errands.send("a", lambda: (go.wait(10), threading.current_thread().name)[1])
    assert told == []
    go.set()
    assert came.wait(10)
    assert told[0].outcome == "test-a"
