"""The journal's file format and its reader. A file is ``SOSJ``, a format version, and records until it ends.

A record is its payload's length and crc32 (u32 each, little-endian), then the payload: a msgpack array of the record's
kind and its content. Whoever reads stops at the first record that is not whole; the first one is the header.
A block is one record that holds several of one kind, whole or not at all; a reader gives them one by one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO, NamedTuple
from zlib import crc32

import msgspec

from sos_actors.errors import JournalError

FORMAT = 1
PREFIX = struct.Struct("<4sI")
FRAME = struct.Struct("<II")
MAGIC = b"SOSJ"
LARGEST = 1 << 28
"""Bytes of a payload; a larger length is damage."""
_PAIR = 0x92
"""An array of two, in msgpack."""
_READ_AHEAD = 1 << 18
_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(tuple[int, list[bytes]])


class RecordKind(IntEnum):
    """What a record is; part of the format, never renumber."""

    HEADER = 0
    EVENT = 1
    """What the engine was told."""
    DECISION = 2
    """What it decided because of the events before."""
    INTENT = 3
    """An order that is about to be sent."""
    OUTCOME = 4
    """What became of sending it."""
    NOTE = 5
    """What else happened to the session: opened, started again, ended."""
    BLOCK = 6
    """Several records of one kind: an array of that kind and their payloads, as binaries."""


class Record(NamedTuple):
    """One record.

    Attributes:
        payload: the content, one msgpack value.
        offset: where the record, or the block it is in, begins in the file, bytes.
    """

    kind: RecordKind
    payload: bytes
    offset: int


_KINDS = {int(kind): kind for kind in RecordKind}
_OPENINGS = {kind: bytes((_PAIR, kind)) for kind in RecordKind}


def framed(kind: RecordKind, payload: bytes) -> bytes:
    """A record as it stands in the file.

    Raises:
        JournalError: the payload is larger than a record may be.
    """
    body = _OPENINGS[kind] + payload
    if len(body) > LARGEST:
        raise JournalError(f"A record of {len(body):,} bytes does not fit into the journal (at most {LARGEST:,}).")
    return FRAME.pack(len(body), crc32(body)) + body


def framed_block(kind: RecordKind, payloads: Sequence[bytes]) -> bytes:
    """Several records of one kind as they stand in the file.

    Raises:
        JournalError: together they are larger than a record may be.
    """
    return framed(RecordKind.BLOCK, _ENCODER.encode((int(kind), payloads)))


def prefix() -> bytes:
    """What every journal begins with."""
    return PREFIX.pack(MAGIC, FORMAT)


class JournalReader:
    """Reads a journal as far as it is whole, also while another process writes it.

    Args:
        path: of the file.

    Raises:
        JournalError: it cannot be read, is no journal, or its header is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._torn = ""
        self._end = 0
        try:
            with path.open("rb") as file:
                self._check_prefix(file.read(PREFIX.size))
                header = self._next(file, PREFIX.size)
                self._size = file.seek(0, 2)
        except OSError as error:
            raise JournalError(f"The journal {path} cannot be read: {error.strerror}.") from error
        if header is None or header.kind is not RecordKind.HEADER:
            raise JournalError(f"The header of the journal {path} is damaged: nothing says what the session ran with.")
        self._header = header.payload
        self._begin = self._end

    @property
    def header(self) -> bytes:
        """The content of the header record."""
        return self._header

    @property
    def size(self) -> int:
        """Bytes of the file when it was opened."""
        return self._size

    @property
    def end(self) -> int:
        """Where the last whole record read so far ends, bytes."""
        return self._end

    @property
    def torn(self) -> str:
        """What ``records`` left out at the end, in a sentence; empty when it left out nothing."""
        return self._torn

    def records(self) -> Iterator[Record]:
        """Every whole record after the header, in order; ``torn`` and ``end`` hold when it is used up.

        Raises:
            JournalError: the file cannot be read any more.
        """
        self._end, self._torn = self._begin, ""
        try:
            with self.path.open("rb", buffering=_READ_AHEAD) as file:
                file.seek(self._begin)
                while (record := self._next(file, self._end)) is not None:
                    if record.kind is RecordKind.BLOCK:
                        yield from self._held(record)
                    else:
                        yield record
                left = file.seek(0, 2) - self._end
        except OSError as error:
            raise JournalError(f"The journal {self.path} cannot be read: {error.strerror}.") from error
        if left:
            self._torn = f"{left:,} bytes after byte {self._end:,} are no whole record and were left out."

    def _held(self, block: Record) -> Iterator[Record]:
        try:
            number, payloads = _DECODER.decode(block.payload)
            kind = _KINDS[number]
        except (msgspec.MsgspecError, KeyError) as error:
            raise JournalError(f"The block at byte {block.offset:,} of {self.path} holds no records.") from error
        for payload in payloads:
            yield Record(kind, payload, block.offset)

    def _check_prefix(self, start: bytes) -> None:
        if len(start) < PREFIX.size or start[:4] != MAGIC:
            raise JournalError(f"{self.path} is no journal: it does not begin like one.")
        version = PREFIX.unpack(start)[1]
        if version != FORMAT:
            raise JournalError(f"The journal {self.path} has format {version}; this version of SOS reads {FORMAT}.")

    def _next(self, file: BinaryIO, offset: int) -> Record | None:
        """The record at ``offset``, where the file stands; None when there is no whole one."""
        frame = file.read(FRAME.size)
        if len(frame) < FRAME.size:
            return None
        length, checksum = FRAME.unpack(frame)
        if not 2 < length <= LARGEST:
            return None
        body = file.read(length)
        if len(body) < length or crc32(body) != checksum or body[0] != _PAIR:
            return None
        kind = _KINDS.get(body[1])
        if kind is None:
            return None
        self._end = offset + FRAME.size + length
        return Record(kind, body[2:], offset)
