"""The inbox of a supervised actor, which outlives it: what one incarnation has not read, the next one reads.

An incarnation reads through an ``Inbox``, a view it can be cut off from, since pykka empties a dead actor's inbox.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

log = logging.getLogger(__name__)
MOST_WAITING = 100_000
"""Messages that may wait before the oldest is dropped."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Asked of an actor to see whether it still takes messages; every ``Actor`` answers True. Passes all others."""


@dataclass(frozen=True, slots=True)
class MailboxCounts:
    """What became of the messages: ``put = taken + dropped + dead + waiting``, pings and stops not counted.

    Attributes:
        taken: handed to an incarnation (and handled by it, unless one of them killed it).
        dropped: the oldest, thrown away because too many waited.
        dead: dead letters: put, or left over, when no successor will come.
    """

    put: int
    taken: int
    dropped: int
    dead: int
    waiting: int


class Mailbox:
    """Messages for one actor and its successors, in the order they came. Thread-safe.

    Beyond ``most`` waiting messages the oldest that nobody waits for is dropped and counted; asks and stops are never
    dropped. Asks that wait when an incarnation dies are answered by its successor. Stops and pings are for one
    incarnation and die with it. When no successor will come (``close``), asks are answered with ActorDeadError.
    """

    def __init__(self, name: str = "", most: int = MOST_WAITING) -> None:
        self.name = name
        self._most = most
        self._ready = threading.Condition(threading.Lock())
        self._waiting: deque[Envelope[Any]] = deque()
        self._reader: Inbox | None = None
        self._lease: Lease | None = None
        self._closed = False
        self._put = self._taken = self._dropped = self._dead = self._private = 0

    def put(self, envelope: Envelope[Any]) -> bool:
        """Leave a message for whoever reads now or next; False when nobody ever will (a dead letter)."""
        with self._ready:
            self._put += 1
            if not self._closed:
                if len(self._waiting) >= self._most:
                    self._drop_oldest()
                self._waiting.append(envelope)
                self._ready.notify()
                return True
            self._dead += 1
        _refuse(envelope)
        return False

    def open(self) -> Inbox:
        """The view of a new incarnation; that of the one before is cut off."""
        if (before := self._reader) is not None:
            before.cut_off()
        inbox = Inbox(self)
        with self._ready:
            self._reader = inbox
        return inbox

    def lease(self) -> Lease:
        """The mailbox as the next incarnation is given it, which takes it from whoever was given it before."""
        self._lease = Lease(self)
        return self._lease

    def drain(self) -> list[Envelope[Any]]:
        """Take all that waits, for an actor that does not read from here."""
        with self._ready:
            rest = list(self._waiting)
            self._waiting.clear()
            self._taken += len(rest)
        return rest

    def close(self) -> int:
        """No successor will come: what waits becomes dead letters, asks are answered so; how many. Idempotent."""
        with self._ready:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.cut_off()
        with self._ready:
            self._closed = True
            rest = list(self._waiting)
            self._waiting.clear()
            self._dead += len(rest)
        for envelope in rest:
            _refuse(envelope)
        return len(rest)

    @property
    def counts(self) -> MailboxCounts:
        """What became of the messages so far."""
        with self._ready:
            waiting = len(self._waiting) - self._private
            return MailboxCounts(self._put, self._taken, self._dropped, self._dead, waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    def _drop_oldest(self) -> None:
        for place, envelope in enumerate(self._waiting):
            if envelope.reply_to is None and not _is_private(envelope):
                del self._waiting[place]
                self._dropped += 1
                if self._dropped % 10_000 == 1:
                    log.warning(
                        "%s is %d messages behind; the oldest are dropped.", self.name or "An actor", self._most
                    )
                return


class Lease(Mailbox):
    """A mailbox as one incarnation is given it. Who opens it after another was given it gets a view of nothing.

    So an actor whose making took so long that it has been replaced meanwhile takes no mail from its replacement.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self.name, self._mailbox = mailbox.name, mailbox

    def put(self, envelope: Envelope[Any]) -> bool:
        """As the mailbox's."""
        return self._mailbox.put(envelope)

    def open(self) -> Inbox:
        """The view of the incarnation this was given to."""
        if self._mailbox._lease is self:
            return self._mailbox.open()
        inbox = Inbox(self._mailbox)
        inbox._cut = True  # and no more: the stops and pings that wait are another's
        return inbox

    def drain(self) -> list[Envelope[Any]]:
        """As the mailbox's."""
        return self._mailbox.drain()

    def close(self) -> int:
        """An incarnation does not close what its successor reads."""
        return 0

    @property
    def counts(self) -> MailboxCounts:
        """The mailbox's."""
        return self._mailbox.counts

    def __len__(self) -> int:
        return len(self._mailbox)


class Inbox:
    """What pykka takes for an actor's inbox: one incarnation's view of a ``Mailbox``.

    Puts go to the mailbox even when this incarnation is over, so that nothing sent to an old reference is lost. Once
    cut off it looks empty, and ``get`` tells the actor to stop, should it ever wake up.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self._cut = False

    @property
    def is_cut(self) -> bool:
        """Whether the incarnation was given up, and has a successor or none."""
        return self._cut

    def put(self, envelope: Envelope[Any], /) -> None:
        """Leave a message; a ping is read next, a stop after all that waits."""
        if not _is_private(envelope):
            self.mailbox.put(envelope)
            return
        box = self.mailbox
        with box._ready:
            if not self._cut:
                box._private += 1
                if isinstance(envelope.message, Ping):
                    box._waiting.appendleft(envelope)
                else:
                    box._waiting.append(envelope)
                box._ready.notify()
                return
        _refuse(envelope)

    def get(self) -> Envelope[Any]:
        """The next message; waits for one."""
        box = self.mailbox
        with box._ready:
            while not self._cut:
                if box._waiting:
                    envelope = box._waiting.popleft()
                    if _is_private(envelope):
                        box._private -= 1
                    else:
                        box._taken += 1
                    return envelope
                box._ready.wait()
        return Envelope(_ActorStop())

    def empty(self) -> bool:
        """Whether nothing waits for this incarnation."""
        return self._cut or not self.mailbox._waiting

    def cut_off(self) -> None:
        """Hand out nothing more; what waits is the successor's, but for pings and stops, which are answered now."""
        box = self.mailbox
        with box._ready:
            if self._cut:
                return
            self._cut = True
            private = [envelope for envelope in box._waiting if _is_private(envelope)]
            if private:
                box._private = 0
                box._waiting = deque(envelope for envelope in box._waiting if not _is_private(envelope))
            box._ready.notify_all()
        for envelope in private:
            _refuse(envelope)


def _is_private(envelope: Envelope[Any]) -> bool:
    """Whether a message is for one incarnation only."""
    return isinstance(envelope.message, (_ActorStop, Ping))


def _refuse(envelope: Envelope[Any]) -> None:
    """Answer whoever waits, as pykka does: a stop has been obeyed, anything else nobody will handle."""
    if envelope.reply_to is None:
        return
    if isinstance(envelope.message, _ActorStop):
        envelope.reply_to.set(None)
    else:
        error = pykka.ActorDeadError("The actor ended before it handled the message, and nobody follows it.")
        envelope.reply_to.set_exception((pykka.ActorDeadError, error, None))
