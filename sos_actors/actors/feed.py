"""The actor that owns the market feed: connects it, decides what it carries, and follows the indices with contracts.

Bars, ticks and the feed's health are the intake's affair. It is told what to follow, and by timers when to look.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pykka

from sos_actors.actors.feed_intake import FeedIntake
from sos_actors.actors.feed_messages import Follow, Hold, Look, NewToken, Release, Unfollow
from sos_actors.actors.feed_roster import FeedRoster
from sos_actors.errors import VendorRefusedError
from sos_actors.messages.feed import FeedMode
from sos_actors.ports import FeedListener, MarketFeed
from sos_actors.runtime.actor import Actor
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.timers import Timers

__all__ = ["FeedActor", "Follow", "Hold", "Look", "NewToken", "Release", "Unfollow"]

_log = logging.getLogger(__name__)
_LOOK_EVERY_S, _MINUTE_S = 1.0, 60.0


class FeedActor(Actor):
    """One incarnation; intake and roster are those of the one before it.

    Args:
        mailbox: of the child.
        make_feed: makes the feed for a listener; it is started and stopped here.
        intake: listens.
        roster: what is to be carried.
        key_of: the broker's key of a canonical symbol; None when it is not listed.
        timers: their clock is the one the feed's frames are timed with.
        bar_grace_s: how long after a minute the exchange's candle is waited for, clock seconds.
    """

    def __init__(
        self, mailbox: Mailbox | None = None, *, make_feed: Callable[[FeedListener], MarketFeed], intake: FeedIntake,
        roster: FeedRoster, key_of: Callable[[str], str | None], timers: Timers, bar_grace_s: float,
    ) -> None:  # fmt: skip
        super().__init__(mailbox)
        self._make_feed, self._intake, self._roster, self._key_of = make_feed, intake, roster, key_of
        self._timers, self._grace_s = timers, bar_grace_s
        self._feed: MarketFeed | None = None
        self._carried: dict[str, str] = {}
        self._idle: frozenset[str] = frozenset()

    def on_start(self) -> None:
        """Connect, with everything that was carried before; a feed that a predecessor left behind is ended."""
        left, self._intake.feed = self._intake.feed, None
        if left is not None:
            left.stop()
        self._feed = self._intake.feed = self._make_feed(self._intake.listener())
        self._carry()
        self._intake.judge(self._timers.clock())
        self._feed.start()
        self.cancel_at_end(self._timers.every(_LOOK_EVERY_S, self._look, name="feed"))
        self.cancel_at_end(
            self._timers.every(_MINUTE_S, self._look, aligned=True, offset_s=self._grace_s, name="minute")
        )

    def on_stop(self) -> None:
        """Disconnect."""
        super().on_stop()
        feed, self._feed = self._feed, None
        if feed is not None:
            if self._intake.feed is feed:
                self._intake.feed = None
            feed.stop()

    def on_failure(self, *_: object) -> None:
        """The same; the successor connects anew."""
        self.on_stop()

    def on_receive(self, message: object) -> Any:
        """One of the feed's messages; Follow is answered with the symbols that do not flow."""
        match message:
            case Follow(symbols, known):
                self._intake.known(known)
                self._roster.follow(symbols)
                self._carry()
                return symbols & self._idle
            case Unfollow(symbols):
                self._roster.unfollow(symbols)
                self._carry()
            case Hold(symbol):
                self._roster.held.add(symbol)
                self._carry()
            case Release(symbol):
                self._roster.held.discard(symbol)
                self._recentre()
                self._carry()
            case NewToken():
                if self._feed is not None:
                    self._feed.retry_now()
            case Look():
                now = self._timers.clock()
                self._intake.close_minutes(now)
                self._intake.judge(now)
                if self._recentre():
                    self._carry()
            case _:
                _log.warning("The feed does not know what a %s is.", type(message).__name__)
        return None

    def _recentre(self) -> bool:
        prices = {symbol: self._intake.last_price(symbol) for symbol in self._roster.windows}
        return self._roster.recentre({symbol: last.price for symbol, last in prices.items() if last is not None})

    def _carry(self) -> None:
        """Have the feed carry what the roster wants; first make room, then listen, then ask for more."""
        wanted, waiting = self._roster.wanted()
        keys = {symbol: self._key_of(symbol) for symbol in wanted}
        carried = {key: symbol for symbol, key in keys.items() if key is not None}
        idle = frozenset((*waiting, *(symbol for symbol, key in keys.items() if key is None)))
        if news := idle - self._idle:
            _log.warning("The feed does not carry %d more (no room, or not listed): %s.", len(news), sorted(news)[:5])
        assert self._feed is not None
        self._feed.unsubscribe(self._carried.keys() - carried.keys())
        self._intake.carry(carried)
        try:
            self._feed.subscribe([key for key in carried if key not in self._carried], FeedMode.FULL)
        except VendorRefusedError as error:
            _log.warning("The feed carries no more: %s", error)
            carried = {key: symbol for key, symbol in carried.items() if key in self._carried}
            idle |= set(keys).difference(carried.values())
        self._carried, self._idle = carried, idle
        self._intake.hold(frozenset(self._roster.held))

    def _look(self) -> None:
        with suppress(pykka.ActorDeadError):  # it has ended since the timer was due
            self.actor_ref.tell(Look())
