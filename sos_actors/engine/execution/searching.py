"""Orders nobody knows of whether they are there, and when the broker's book is looked at."""

from __future__ import annotations

from collections.abc import Collection

from sos_actors.config.running import Orders
from sos_actors.engine.execution.attempts import AttemptState
from sos_actors.engine.execution.commands import LookUp, Output, PollBook
from sos_actors.engine.execution.ledger import Ledger, Place
from sos_actors.engine.execution.policy import IDLE_POLL_S
from sos_actors.types import NANOS_PER_SECOND, UnixNanos


class Searcher:
    """Asks for tags and for the book, and says what is certainly not there.

    Args:
        config: how often, and with how much time between.
        ledger: what there is.
    """

    def __init__(self, config: Orders, ledger: Ledger) -> None:
        self._ledger, self._looks = ledger, config.look_again
        self._apart = int(config.look_again_after_s * NANOS_PER_SECOND)
        self._poll_ns, self._idle_ns = int(config.poll_s * NANOS_PER_SECOND), int(IDLE_POLL_S * NANOS_PER_SECOND)
        self._polling, self._polled_at, self._due_at = False, 0, 0

    def poll_soon(self, now: UnixNanos, *, at_once: bool = False) -> None:
        """There is a reason to look at the book: at once, or a moment after the last time."""
        due = now if at_once else max(now, self._polled_at + min(self._apart, self._poll_ns))
        self._due_at = min(self._due_at or due, due)

    def lost(self) -> None:
        """Whatever was asked for will not be answered any more."""
        self._polling = False
        for place in self._ledger.places():
            place.attempt.looking = False

    def step(self, now: UnixNanos) -> list[Output]:
        """What has to be asked for now."""
        outputs: list[Output] = []
        working = unpriced = wanted = False
        for place in self._ledger.places():
            attempt = place.attempt
            working = working or attempt.may_fill
            unpriced = unpriced or attempt.unpriced > 0
            if attempt.state is not AttemptState.DOUBT or attempt.looking:
                continue
            rested = not attempt.looked_at or now - attempt.looked_at >= self._apart
            if rested and attempt.looks < self._looks:
                attempt.looking, attempt.looked_at = True, now
                outputs.append(LookUp(attempt.tag))
            elif rested:
                wanted = True
        every = self._poll_ns if working or unpriced else self._idle_ns
        if wanted or unpriced:
            self.poll_soon(now)
        due = (self._due_at and now >= self._due_at) or now - self._polled_at >= every
        if due and not self._polling:
            self._polling, self._polled_at, self._due_at = True, now, 0
            outputs.append(PollBook(fills=unpriced))
        return outputs

    def not_found(self, place: Place) -> None:
        """A look-up came back with nothing."""
        attempt = place.attempt
        attempt.looking = False
        if attempt.state is AttemptState.DOUBT:
            attempt.looks += 1

    def no_answer(self, place: Place) -> None:
        """A look-up failed: it does not count."""
        place.attempt.looking = False

    def book_failed(self, now: UnixNanos) -> None:
        """The book did not come: it is asked for again."""
        self._polling = False
        self.poll_soon(now)

    def book_came(self, tags: Collection[str], ids: Collection[str], asked_at: int) -> tuple[list[Place], list[Place]]:
        """What a whole book proves, after its rows were taken in.

        Args:
            tags, ids: those of its rows.
            asked_at: when it was asked for, UnixNanos; it proves nothing about what was sent or looked for later.

        Returns:
            Attempts that are not there, after all that was done to find them; and acknowledged ones that are now in
            doubt because they were missing so often.
        """
        self._polling = False
        absent: list[Place] = []
        doubtful: list[Place] = []
        for place in self._ledger.places():
            attempt = place.attempt
            if attempt.tag in tags or attempt.broker_id in ids or attempt.is_copy:
                continue
            searched = attempt.looks >= self._looks and asked_at > attempt.looked_at and not attempt.looking
            if attempt.state is AttemptState.DOUBT and searched:
                absent.append(place)
            elif attempt.state is AttemptState.ALIVE and asked_at > max(attempt.since, attempt.acted_at) + self._apart:
                attempt.missing += 1
                if attempt.missing >= self._looks:
                    doubtful.append(place)
        return absent, doubtful
