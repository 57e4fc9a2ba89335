"""The written policy: what is done after every answer, and every lack of one, to a request that places an order.

Nothing is ever sent again under the same tag. *Later* is after reprice_after_s, growing to a bound, for ever.

    outcome                           entry                         exit
    PLACED     there is an id         watched until over            watched, repriced until filled
    REFUSED    a clear no             REJECTED to the engine        later under a new tag at a new price
    THROTTLED  429: not placed        new tag after a back-off      the same, and first in the queue
    LOCKED     token, IP, account     REJECTED; entries are closed  later under a new tag; entries are closed
    UNSENT     never left here        REJECTED                      new tag at once
    UNKNOWN    time-out, reset, 5xx,  searched: look_again times by tag, then in a whole book asked for after
               no data, lost          that; nothing is sent in the meantime
    ABSENT     searched, not there    REJECTED or CANCELLED         new tag
    surfaced   there after all        cancelled at once; what it    the copy too many is cancelled at once;
               (ABSENT, REFUSED)      filled is told, and sold      what it sold too much is bought back

A stop order that waits at the broker is an exit here, but no reason to take waiting entries back; ``stops`` says more.
An order with an id that is missing in look_again whole books in a row is UNKNOWN too. A modify or cancel that is
refused (the order is over: 100040, 100041), or whose outcome is unknown, is a reason to look at the book, no failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from sos_actors.messages.trading import Purpose


class Fate(StrEnum):
    """What became of a request, as far as anybody can tell."""

    PLACED = "placed"
    REFUSED = "refused"
    THROTTLED = "throttled"
    LOCKED = "locked"
    UNSENT = "unsent"
    UNKNOWN = "unknown"
    ABSENT = "absent"


class Step(StrEnum):
    """What is done then."""

    WATCH = "watch"
    GIVE_UP = "give up"
    """The slice is not sent any more; the engine hears of the end of its order when all of it is over."""
    AGAIN = "again"
    """A new attempt, as soon as the budget allows."""
    AGAIN_LATER = "again later"
    """A new attempt at a new price, after a while that grows up to a bound."""
    SEARCH = "search"


POLICY: Final[Mapping[tuple[Fate, Purpose], Step]] = {
    (Fate.PLACED, Purpose.ENTRY): Step.WATCH,
    (Fate.PLACED, Purpose.EXIT): Step.WATCH,
    (Fate.REFUSED, Purpose.ENTRY): Step.GIVE_UP,
    (Fate.REFUSED, Purpose.EXIT): Step.AGAIN_LATER,
    (Fate.THROTTLED, Purpose.ENTRY): Step.AGAIN,
    (Fate.THROTTLED, Purpose.EXIT): Step.AGAIN,
    (Fate.LOCKED, Purpose.ENTRY): Step.GIVE_UP,
    (Fate.LOCKED, Purpose.EXIT): Step.AGAIN_LATER,
    (Fate.UNSENT, Purpose.ENTRY): Step.GIVE_UP,
    (Fate.UNSENT, Purpose.EXIT): Step.AGAIN,
    (Fate.UNKNOWN, Purpose.ENTRY): Step.SEARCH,
    (Fate.UNKNOWN, Purpose.EXIT): Step.SEARCH,
    (Fate.ABSENT, Purpose.ENTRY): Step.GIVE_UP,
    (Fate.ABSENT, Purpose.EXIT): Step.AGAIN,
}
"""The table above as data."""
WORRY: Final = 3
"""After so many refusals of an exit in a row no new entry is taken."""
ALARM: Final = 10
"""After so many, entries that wait are taken back as well."""
MOST_TRIES_A_MINUTE: Final = 12
"""An exit's slice that is refused again and again is not tried more often."""
UNPRICED_S: Final = 5.0
"""A fill whose price nobody tells for so long is told with its limit, the worst it can be: it has to be protected."""
IDLE_POLL_S: Final = 60.0
"""The book is looked at as often when nothing of ours works."""
ENTRIES_IN_FLIGHT: Final = 2
"""So many entries may be on the way at once: the others wait where they can still be taken back."""
LOCKED_S: Final = 60.0
"""After so long without a word that the broker takes orders again, one entry may try."""
BLIND_AFTER: Final = 5
"""An exit that has not filled for so many times reprice_after_s, and whose price does not move, is moved by itself."""
