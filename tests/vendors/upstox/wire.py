"""Frames of the market feed written byte by byte: legal forms that no library writes, and broken ones."""

from __future__ import annotations

import random
import struct
from collections import Counter
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from upstox_client.feeder.proto import MarketDataFeedV3_pb2 as pb

from sos_actors.errors import VendorAnswerError
from sos_actors.vendors.upstox.feed_decode import FeedDecoder
from sos_actors.vendors.upstox.feed_protobuf import ProtobufDecoder

AT = 1_765_771_372_000
TEXTS = (b"", b"NSE_EQ|x", b"BSE_EQ|y", b"I1", b"I30", b"\xff", b"\xed\xa0\x80", b"\xc3\xa9", b"A\x00b")
NUMBERS = (0, 1, 5, -1, 2**63 - 1, -(2**63), 2**32 + 1, 2**40, AT)
PRICES = (0.0, -0.0, 1.0, -1.0, float("nan"), float("inf"), 1e9, 999_999_999.0, 5e-324)
STRANGE = (1, 2, 3, 11, 16, 17, 100, 2047, 2048, 2**29 - 1, 0)


class Pair:
    """The decoder and the one of protobuf, which must agree."""

    def __init__(self, levels: int = 5) -> None:
        self.decoder, self._counter = FeedDecoder(levels), Counter[str]()
        self._protobuf = ProtobufDecoder(levels, self._counter)

    def agree(self, payload: bytes) -> object:
        """What both say of a frame."""
        ours = told(self.decoder, self.decoder.left_out, payload)
        assert ours == told(self._protobuf, self._counter, payload), payload.hex()
        return ours


def told(decoder: FeedDecoder | ProtobufDecoder, counter: Counter[str], payload: bytes) -> object:
    """What a decoder makes of a frame, to the bit and the type, in an order that does not matter."""
    counter.clear()
    try:
        frame = decoder.decode(payload)
    except VendorAnswerError as error:
        return str(error)
    return frame.sent, sorted(map(bits, frame.quotes), key=repr), sorted(frame.statuses), dict(counter)


def bits(value: Any) -> object:
    """A value that equals another only if they are the same to the bit, NaN or not."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    return (type(value), *map(bits, value)) if isinstance(value, tuple) else (type(value), value)


def varint(value: int, padding: int = 0) -> bytes:
    """A whole number as the wire has it, with bytes it does not need."""
    value &= 2**64 - 1
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    digits.append(value)
    if padding:
        digits = [*digits[:-1], digits[-1] | 128, *[128] * (padding - 1), 0]
    return bytes(digits)


def field(number: int, wire_type: int, content: bytes) -> bytes:
    """A field; the length of bytes is put before them."""
    return varint(number << 3 | wire_type) + (varint(len(content)) if wire_type == 2 else b"") + content


class WireWriter:
    """Writes random frames.

    Args:
        seed: same seed, same bytes.
        wildness: how often something is written that Upstox never would, 0..1.
    """

    def __init__(self, seed: int, wildness: float) -> None:
        self._random = random.Random(seed)
        self._wildness = wildness

    def frame(self) -> bytes:
        """A whole frame."""
        return self._message(pb.FeedResponse.DESCRIPTOR)

    def broken(self, frame: bytes) -> bytes:
        """A frame with some bytes changed, cut out, put in or missing at its end."""
        dice, content = self._random, bytearray(frame)
        for _ in range(dice.choice((1, 1, 2, 4))):
            at, kind = dice.randrange(len(content) + 1), dice.randrange(4)
            if kind == 0:
                content[at : at + 1] = dice.randbytes(1)
            elif kind == 1:
                del content[at : at + dice.randrange(1, 5)]
            elif kind == 2:
                content[at:at] = dice.randbytes(dice.randrange(1, 4))
            else:
                del content[at:]
        return bytes(content)

    def _wild(self) -> bool:
        return self._random.random() < self._wildness

    def _padding(self) -> int:
        return self._random.choice((1, 2, 3, 5, 8)) if self._wild() else 0

    def _message(self, descriptor: Descriptor) -> bytes:
        dice = self._random
        fields = [one for one in descriptor.fields if dice.random() < 0.85 or self._is_needed(one)]
        for union in descriptor.oneofs:
            if not self._wild():
                chosen = dice.choice(list(union.fields))
                fields = [chosen, *(one for one in fields if one.containing_oneof is not union)]
        if dice.random() < 0.2:
            dice.shuffle(fields)
        return b"".join(self._times(one) for one in fields if one.name != "marketInfo" or self._wild())

    @staticmethod
    def _is_needed(one: FieldDescriptor) -> bool:
        return one.name in ("type", "feeds", "key", "value", "ltpc", "ltp", "cp", "ltt")

    def _times(self, one: FieldDescriptor) -> bytes:
        times = self._random.choice((0, 1, 2, 2, 5)) if one.is_repeated else 2 if self._wild() else 1
        strange = self._strange() if self._wild() else b""
        return strange + b"".join(self._field(one) for _ in range(times))

    def _field(self, one: FieldDescriptor) -> bytes:
        if one.type == FieldDescriptor.TYPE_DOUBLE:
            wire_type, content = 1, self._double()
        elif one.type == FieldDescriptor.TYPE_MESSAGE:
            wire_type, content = 2, self._sized(self._message(one.message_type))
        elif one.type == FieldDescriptor.TYPE_STRING:
            wire_type, content = 2, self._sized(self._text(one.name))
        else:
            wire_type, content = 0, self._number(one.name)
        if self._wild() and self._wild():
            wire_type = self._random.choice((0, 1, 2, 5))
        return varint(one.number << 3 | wire_type, self._padding() if self._wild() else 0) + content

    def _strange(self) -> bytes:
        dice = self._random
        wire_type = dice.choice((0, 0, 1, 2, 2, 5, 3, 4, 6, 7) if self._wild() else (0, 1, 2, 5))
        content = {0: self._number("?"), 1: dice.randbytes(8), 2: self._sized(dice.randbytes(3)), 5: dice.randbytes(4)}
        return varint(dice.choice(STRANGE) << 3 | wire_type, self._padding()) + content.get(wire_type, b"")

    def _sized(self, content: bytes) -> bytes:
        return varint(len(content), self._padding()) + content

    def _text(self, name: str) -> bytes:
        dice = self._random
        if self._wild():
            return dice.choice(TEXTS)
        return dice.choice((b"I1", b"1d", b"")) if name == "interval" else b"NSE_FO|%d" % dice.randrange(100_000)

    def _number(self, name: str) -> bytes:
        dice = self._random
        if self._wild():
            return varint(dice.choice((*NUMBERS, dice.getrandbits(64))), self._padding())
        return varint(dice.randrange(2) if name == "type" else AT if name in ("ltt", "ts") else dice.randrange(2**40))

    def _double(self) -> bytes:
        dice = self._random
        if self._wild():
            return dice.choice((dice.randbytes(8), struct.pack("<d", dice.choice(PRICES))))
        return struct.pack("<d", dice.choice((0.0, 1.0, round(dice.uniform(0.05, 30_000), 2), dice.uniform(0.05, 9e8))))
