from __future__ import annotations

import threading
from typing import Any

import pykka
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from sos_actors.runtime.mailbox import Inbox, Mailbox, MailboxCounts, Ping


def put(box: Mailbox, *messages: object) -> None:
    for message in messages:
        assert box.put(Envelope(message))


def read(inbox: Inbox) -> list[Any]:
    """All that waits, as an incarnation would get it."""
    found = []
    while not inbox.empty():
        found.append(inbox.get().message)
    return found


def asked(inbox: Inbox, message: object) -> pykka.Future[Any]:
    future: pykka.Future[Any] = pykka.ThreadingFuture()
    inbox.put(Envelope(message, reply_to=future))
    return future


@given(st.lists(st.one_of(st.just("die"), st.just("ping"), st.just("stop"), st.integers(0, 9)), max_size=60))
def test_what_one_incarnation_has_not_read_the_next_reads_in_order(script: list[str | int]) -> None:
    box, taken, sent = Mailbox(), list[Any](), list[int]()
    inbox = box.open()
    for place, step in enumerate(script):
        if step == "die":
            before, inbox = inbox, box.open()
            assert before.empty()
            assert isinstance(before.get().message, _ActorStop)
            before.put(Envelope(place))  # somebody still holds the old reference
            sent.append(place)
        elif step == "ping":
            asked(inbox, Ping())
        elif step == "stop":
            asked(inbox, _ActorStop())
        else:
            put(box, place)
            sent.append(place)
            for _ in range(int(step) % 3):
                if not inbox.empty():
                    taken.append(inbox.get().message)
    taken += read(box.open())
    assert [it for it in taken if isinstance(it, int)] == sent
    assert box.counts == MailboxCounts(len(sent), len(sent), 0, 0, 0)


def test_stops_and_pings_are_for_one_incarnation_only() -> None:
    box = Mailbox()
    inbox = box.open()
    stop, ping = asked(inbox, _ActorStop()), asked(inbox, Ping())
    successor = box.open()
    assert successor.empty()
    assert stop.get(timeout=0) is None
    with pytest.raises(pykka.ActorDeadError):
        ping.get(timeout=0)
    with pytest.raises(pykka.ActorDeadError):
        asked(inbox, Ping()).get(timeout=0)
    assert successor.empty()


def test_a_ping_passes_what_waits_and_a_stop_does_not() -> None:
    box = Mailbox()
    inbox = box.open()
    put(box, 1, 2)
    inbox.put(Envelope(_ActorStop()))
    inbox.put(Envelope(Ping()))
    assert read(inbox) == [Ping(), 1, 2, _ActorStop()]


def test_when_it_is_full_the_oldest_nobody_waits_for_is_dropped_and_counted() -> None:
    box = Mailbox("full", most=3)
    inbox = box.open()
    future = asked(inbox, "question")
    put(box, 1, 2, 3, 4)
    assert read(inbox) == ["question", 3, 4]
    assert box.counts == MailboxCounts(5, 3, 2, 0, 0)
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0)


def test_a_closed_mailbox_answers_whoever_waits_and_counts_dead_letters() -> None:
    box = Mailbox()
    inbox = box.open()
    future = asked(inbox, "question")
    put(box, 1, 2)
    assert box.close() == 3
    assert box.close() == 0
    assert not box.put(Envelope(3))
    for late in (future, asked(inbox, "late")):
        with pytest.raises(pykka.ActorDeadError):
            late.get(timeout=0)
    assert box.counts == MailboxCounts(5, 0, 0, 5, 0)


def test_who_opens_it_too_late_takes_nothing_from_its_replacement() -> None:
    box = Mailbox("feed")
    early, late = box.lease(), box.lease()
    inbox = late.open()
    put(box, 1)
    ping = asked(inbox, Ping())
    stale = early.open()
    assert stale.empty()
    assert isinstance(stale.get().message, _ActorStop)
    assert early.close() == 0
    with pytest.raises(pykka.Timeout):
        ping.get(timeout=0)
    assert read(inbox) == [Ping(), 1]
    assert (late.name, late.counts, len(late)) == ("feed", box.counts, 0)


def test_an_ask_outlives_the_incarnation_it_was_meant_for() -> None:
    box = Mailbox()
    future = asked(box.open(), "question")
    envelope = box.open().get()
    assert envelope.reply_to is not None
    envelope.reply_to.set("answer")
    assert future.get(timeout=0) == "answer"


def test_whoever_waits_for_a_message_wakes_up_when_it_is_cut_off() -> None:
    box, found = Mailbox(), list[Any]()
    inbox = box.open()
    reader = threading.Thread(target=lambda: found.append(inbox.get().message))
    reader.start()
    box.open()
    reader.join(5.0)
    assert found == [_ActorStop()]


def test_what_many_put_at_once_is_read_once_while_readers_change() -> None:
    box, found, threads, each = Mailbox(), list[Any](), 4, 500

    def put_all(mine: int) -> None:
        for number in range(each):
            put(box, (mine, number))

    putters = [threading.Thread(target=put_all, args=(mine,)) for mine in range(threads)]
    for putter in putters:
        putter.start()
    while len(found) < threads * each:
        inbox = box.open()
        found += [inbox.get().message for _ in range(min(37, threads * each - len(found)))]
    for putter in putters:
        putter.join()
    for mine in range(threads):
        assert [number for sender, number in found if sender == mine] == list(range(each))
