"""Engine events and decisions as bytes and back, bit for bit: what stands in a journal's records.

An event is a msgpack array of its class's number and its fields in order; ``plain_values.py`` says how fields are
written. Any msgpack reader takes them. To record another class, add a line to a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from sos_actors.engine.events import Event
from sos_actors.engine.following import SymbolDropped, SymbolFollowed
from sos_actors.engine.plain_values import FieldsConversion, fields_conversion, number_to_plain
from sos_actors.engine.positions import Decision
from sos_actors.errors import JournalError
from sos_actors.messages.market import (
    BarClosed,
    PriceSpan,
    QuarantineChanged,
    ScreenerAlert,
    Sentiment,
    Tick,
    Ticks,
    TimerFired,
)
from sos_actors.messages.signals import EntryRefused, SignalFormed
from sos_actors.messages.trading import (
    CancelOrder,
    EntriesStopped,
    EntriesWithdrawn,
    FlattenRequested,
    OrderUpdated,
    PositionClosed,
    PositionCorrected,
    PositionOpened,
    SubmitOrder,
)

EVENTS: Mapping[int, type[Any]] = {
    1: BarClosed,
    2: Sentiment,
    3: ScreenerAlert,
    4: QuarantineChanged,
    5: Tick,
    6: PriceSpan,
    7: OrderUpdated,
    8: TimerFired,
    9: EntriesStopped,
    10: EntriesWithdrawn,
    11: FlattenRequested,
    12: PositionCorrected,
    13: SymbolFollowed,
    14: SymbolDropped,
    15: Ticks,
}
"""Numbers of events; part of the journal, never renumber."""
DECISIONS: Mapping[int, type[Any]] = {
    64: SignalFormed,
    65: EntryRefused,
    66: SubmitOrder,
    67: CancelOrder,
    68: PositionOpened,
    69: PositionClosed,
}
"""Numbers of decisions; part of the journal, never renumber."""


class _Table:
    """One family of classes by number."""

    def __init__(self, family: str, kinds: Mapping[int, type[Any]]) -> None:
        self._family = family
        self._kinds: dict[int, FieldsConversion] = {number: fields_conversion(kind) for number, kind in kinds.items()}
        self._values = {
            kinds[number]: ((number,), whole.pack if whole.to_plain else whole.values_of)
            for number, whole in self._kinds.items()
        }
        self._encode = msgspec.msgpack.Encoder(enc_hook=number_to_plain).encode
        self._decoder = msgspec.msgpack.Decoder(list[Any])

    def encode(self, value: object) -> bytes:
        number, values_of = self._values[type(value)]
        return self._encode((*number, *values_of(value)))

    def decode(self, data: bytes) -> Any:
        try:
            values = self._decoder.decode(data)
            whole = self._kinds[values.pop(0)]
        except (msgspec.MsgspecError, IndexError, KeyError, TypeError) as error:
            raise JournalError(
                f"A record is no {self._family} that this version of SOS knows; a newer one wrote it."
            ) from error
        return whole.unpack(values)


_EVENTS = _Table("event", EVENTS)
_DECISIONS = _Table("decision", DECISIONS)


def encode_event(event: Event) -> bytes:
    """An event as one msgpack value.

    Raises:
        KeyError: it is of a class that no table names.
    """
    return _EVENTS.encode(event)


def decode_event(data: bytes) -> Event:
    """What ``encode_event`` was given.

    Raises:
        JournalError: it was not written by this version or an older one.
    """
    return cast(Event, _EVENTS.decode(data))


def encode_decision(decision: Decision) -> bytes:
    """A decision as one msgpack value; two are the same, bit for bit, when these bytes are.

    Raises:
        KeyError: it is of a class that no table names.
    """
    return _DECISIONS.encode(decision)


def decode_decision(data: bytes) -> Decision:
    """What ``encode_decision`` was given.

    Raises:
        JournalError: it was not written by this version or an older one.
    """
    return cast(Decision, _DECISIONS.decode(data))


def encode_document(document: Mapping[str, Any]) -> bytes:
    """Plain values by name, for headers and notes, as one msgpack value."""
    return msgspec.msgpack.encode(document, enc_hook=number_to_plain)


def decode_document(data: bytes) -> dict[str, Any]:
    """What ``encode_document`` was given.

    Raises:
        JournalError: it is something else.
    """
    try:
        return msgspec.msgpack.decode(data, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise JournalError("A header or a note of the journal is not one.") from error
