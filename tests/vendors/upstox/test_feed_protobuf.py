"""The decoder says of every frame what protobuf says of it, and refuses what protobuf refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upstox_client.feeder.proto import MarketDataFeedV3_pb2 as pb

from sos_actors.vendors.upstox.feed_decode import FeedDecoder
from tests.vendors.upstox.frames import V2_FILE, V3_FILES, captured, encoded, encoded_prices
from tests.vendors.upstox.test_feed_kernel import DECLINES, READS
from tests.vendors.upstox.wire import Pair, WireWriter

FIGURES = st.floats(0.0, 2e9) | st.floats()
NUMBERS = st.integers(0, 2**42) | st.integers(-(2**63), 2**63 - 1)
BY_TYPE = {
    pb.FeedResponse.DESCRIPTOR.fields_by_name["currentTs"].type: NUMBERS,
    pb.LTPC.DESCRIPTOR.fields_by_name["ltp"].type: FIGURES,
    pb.OHLC.DESCRIPTOR.fields_by_name["interval"].type: st.sampled_from(["I1", "1d", ""]),
    pb.MarketFullFeed.DESCRIPTOR.fields_by_name["casEligible"].type: st.booleans(),
    pb.Feed.DESCRIPTOR.fields_by_name["requestMode"].type: st.integers(0, 5),
}


@pytest.fixture(scope="module", autouse=True)
def _kernel_is_compiled() -> None:
    """So that no example of a property pays for it."""
    FeedDecoder()


@pytest.mark.parametrize("name", [*V3_FILES, V2_FILE])
def test_captured_frames_decode_as_protobuf_does_to_the_bit(shared_data: Path, name: str) -> None:
    pair = Pair()
    for place, document in enumerate(captured(shared_data, name)):
        if name != V2_FILE:
            pair.agree(encoded(document))
        elif place % 20 == 0:  # all 26,000 take seconds
            pair.agree(encoded_prices(document))


@pytest.mark.parametrize("payload", [*DECLINES.values(), *(payload for payload, _ in READS.values())])
def test_odd_frames_are_read_or_refused_as_protobuf_does(payload: bytes) -> None:
    Pair().agree(payload)


def filled(message: type[Any]) -> st.SearchStrategy[Any]:
    """A message of the schema with any of its fields, and at most one of a union."""
    fields = {}
    for field in message.DESCRIPTOR.fields:
        if field.message_type is None:
            fields[field.name] = BY_TYPE[field.type]
            continue
        inner = filled(field.message_type._concrete_class)
        fields[field.name] = st.lists(inner, max_size=2) if field.is_repeated else inner
    unions = [[field.name for field in union.fields] for union in message.DESCRIPTOR.oneofs]
    if not unions:
        return st.fixed_dictionaries({}, optional=fields).map(lambda chosen: message(**chosen))
    rest = {name: strategy for name, strategy in fields.items() if name not in unions[0]}
    return st.sampled_from(unions[0]).flatmap(
        lambda name: st.fixed_dictionaries(rest, optional={name: fields[name]}).map(lambda chosen: message(**chosen))
    )


@settings(max_examples=40)
@given(
    st.dictionaries(st.text(max_size=8) | st.just("NSE_EQ|X"), filled(pb.Feed), max_size=2), st.integers(0, 1), NUMBERS
)
def test_every_message_protobuf_can_write_is_read_without_it(feeds: dict[str, Any], kind: int, sent: int) -> None:
    pair = Pair()
    pair.agree(pb.FeedResponse(type=kind, feeds=feeds, currentTs=sent).SerializeToString())
    assert pair.decoder.declined == 0


@pytest.mark.parametrize("wildness", [0.0, 0.005, 0.02, 0.2])
def test_what_only_a_stranger_would_write_is_read_or_refused_as_protobuf_does(wildness: float) -> None:
    pair, answers = Pair(), []
    for seed in range(150):
        writer = WireWriter(seed, wildness)
        frame = writer.frame()
        answers += [pair.agree(frame), pair.agree(writer.broken(frame))]
    refused = sum(isinstance(answer, str) for answer in answers)
    assert 0 < refused < len(answers)
    assert pair.decoder.declined < len(answers)
