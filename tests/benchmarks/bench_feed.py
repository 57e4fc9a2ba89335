"""Market feed: what decoding a quote costs beside protobuf's and the SDK's ways, and what the simulated feed carries.

Run: python -m tests.benchmarks.bench_feed [instruments]. Frames are those the simulated market makes, in full mode.
Costs are of this thread's processor time, the best of several runs.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import date
from itertools import groupby

from google.protobuf import json_format
from google.protobuf.internal import api_implementation
from upstox_client.feeder.proto import MarketDataFeedV3_pb2 as pb

from sos_actors.simulator.upstox.feed_frames import FrameWriter
from sos_actors.simulator.upstox.feed_schedule import SLOT_NS, FeedSchedule, Update
from sos_actors.simulator.view import Listing
from sos_actors.types import NANOS_PER_MINUTE
from sos_actors.vendors.upstox.feed_decode import FeedDecoder
from sos_actors.vendors.upstox.feed_kernel import scan
from sos_actors.vendors.upstox.feed_layout import FrameArrays
from sos_actors.vendors.upstox.feed_protobuf import ProtobufDecoder
from tests.simulator.markets import model_market, moment

DAY, AT = date(2026, 1, 13), moment("2026-01-13 10:30")
FEEDS, CAPTURED, FRAMES, RUNS = 50, 8, 20, 25
"""Instruments a frame: many; and as in the captured frames of a subscription to some sixty."""
Due = tuple[Listing, str, Update]


def microseconds(work: Callable[[], object], count: int, runs: int = RUNS) -> float:
    """Processor time of one of ``count`` things, microseconds."""
    best = float("inf")
    for _ in range(runs):
        begun = time.thread_time()
        work()
        best = min(best, time.thread_time() - begun)
    return best / count * 1e6


def contracts() -> list[Listing]:
    """Everything listed, the most traded contracts first."""
    listings = list(model_market().listings(DAY))
    options = [one for one in listings if one.option_type is not None]
    options.sort(key=lambda one: float(model_market().candles(one, DAY).volume.sum()), reverse=True)
    return options + [one for one in listings if one.option_type is None]


def frames(listings: list[Listing], feeds: int) -> list[bytes]:
    """Frames of so many instruments each."""
    writer = FrameWriter(model_market())
    made = []
    for number in range(FRAMES):
        at = AT + number * 1_000_000_000
        update = Update(at // SLOT_NS, at, at, number * 37 % 1024, False)
        made.append(writer.quotes([(one, "full", update) for one in listings[:feeds]], at))
    return made


def print_decoding(listings: list[Listing], feeds: int) -> None:
    """Our decoder beside its kernel, protobuf's and the SDK's."""
    made, count = frames(listings, feeds), feeds * FRAMES
    arrays = FrameArrays.of(feeds, 5)

    def cost(work: Callable[[bytes], object], runs: int = RUNS) -> float:
        return microseconds(lambda: deque(map(work, made), 0), count, runs)

    ours = cost(FeedDecoder().decode)
    size, by = len(made[0]) / feeds, api_implementation.Type()
    print(f"{feeds} instruments a frame, {size:.0f} bytes each, protobuf by {by}")
    print(f"  decode to Quote, 5 levels    {ours:8.2f} us an instrument")
    ways: dict[str, tuple[Callable[[bytes], object], int]] = {
        "decode to Quote, best only": (FeedDecoder(levels=1).decode, RUNS),
        "the kernel alone": (lambda frame: scan(frame, *arrays), RUNS),
        "protobuf's FromString alone": (pb.FeedResponse.FromString, RUNS),
        "protobuf to Quote, 5 levels": (ProtobufDecoder(30, Counter()).decode, RUNS),
        "the SDK's dictionaries": (lambda frame: json_format.MessageToDict(pb.FeedResponse.FromString(frame)), 3),
    }
    for name, (work, runs) in ways.items():
        other = cost(work, runs)
        ratio = f"{other / ours:6.1f} x more" if other > ours else f"{ours / other:6.1f} x less"
        print(f"  {name:28} {other:8.2f} us {ratio}")


def print_capacity(listings: list[Listing]) -> None:
    """What the simulated feed spends on a minute of so many instruments."""
    market = model_market()
    schedule, writer = FeedSchedule(market, 7), FrameWriter(market)
    for one in listings:  # a session is computed when first looked at
        schedule.updates(one, AT - NANOS_PER_MINUTE)
        market.state(one, AT)
    due: list[Due] = []

    def plan() -> None:
        due.clear()
        due.extend((one, "full", update) for one in listings for update in schedule.updates(one, AT))

    planning = microseconds(plan, 1, runs=2)
    due.sort(key=lambda row: row[2].slot)
    size = 0

    def write() -> None:
        nonlocal size
        size = sum(
            len(writer.quotes(list(rows), slot * SLOT_NS)) for slot, rows in groupby(due, key=lambda row: row[2].slot)
        )

    writing = microseconds(write, 1, runs=2)
    busy = (planning + writing) / 60e6
    print(f"{len(listings)} instruments say {len(due) / 60:,.0f} things a second, {size / 60e6:.2f} MB")
    print(f"at speed 1 that takes {busy:6.1%} of a core; one core carries {len(due) / 60 / busy:,.0f} updates a second")


def main(instruments: int = 2000) -> None:
    """Print both."""
    listings = contracts()
    print_decoding(listings, FEEDS)
    print_decoding(listings, CAPTURED)
    print_capacity(listings[:instruments])


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
