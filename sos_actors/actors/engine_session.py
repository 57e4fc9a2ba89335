"""The session of one external engine: starts its stream, hears what it says, and ends with its connection."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from sos_actors.messages.engines import MOST_WORDS, EngineLeft, EngineSpoke
from sos_actors.ports import EngineSocket
from sos_actors.runtime.actor import Actor
from sos_actors.runtime.mailbox import Mailbox

_log = logging.getLogger(__name__)


class _Said(msgspec.Struct):
    """As much of a message as decides what it is."""

    type: str


_decode = msgspec.json.Decoder(_Said).decode


class EngineSession(Actor):
    """Owns one connection: what it begins with, what it answers, and its end. Supervised as *temporary*.

    The stream itself does not pass through here: the hub hands its messages to the connection on one loop, which is
    what makes history and stream fit together; an actor between them would add a thread's hop to each message and
    could do nothing for it. A session that dies closes its connection; the engine connects again and gets another.
    """

    def __init__(self, socket: EngineSocket, mailbox: Mailbox | None = None) -> None:
        super().__init__(mailbox)
        self._socket = socket

    def on_start(self) -> None:
        """The recovery sequence, then the stream."""
        self._socket.recover()

    def on_receive(self, message: Any) -> Any:
        """Hear ``EngineSpoke`` and ``EngineLeft``."""
        match message:
            case EngineSpoke():
                self._answer(message)
            case EngineLeft():
                _log.info("%s: the session ends (%s)", self._socket.name, message.reason)
                self.stop()
            case _:
                return super().on_receive(message)
        return None

    def on_stop(self) -> None:
        """Close, if that has not happened."""
        super().on_stop()
        self._socket.close(1001, "the session ends")

    def on_failure(self, *_: object) -> None:
        """Close, so that the engine comes again."""
        self._socket.close(1011, "the session failed: connect again")
        super().on_failure()

    def _answer(self, spoken: EngineSpoke) -> None:
        """Exactly one answer to each message, or the connection would wait for it."""
        if spoken.size > MOST_WORDS:
            self._socket.refuse("too_big", f"A message may have {MOST_WORDS} bytes; this one had {spoken.size}.")
            return
        if spoken.binary:
            self._socket.refuse("binary", "Messages are JSON in text frames.")
            return
        try:
            said = _decode(spoken.words)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            self._socket.refuse("malformed", f"Not a JSON object with a type: {str(error)[:200]}")
            return
        if said.type == "REQUEST_HISTORY_SYNC":
            self._socket.recover()
        else:
            self._socket.refuse("unknown_type", f"Only REQUEST_HISTORY_SYNC is understood, not {said.type[:50]!r}.")
