"""What the tests of the simulated feed share: frames without a socket, and a client that only collects."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import websocket
from upstox_client.feeder.proto import MarketDataFeedV3_pb2 as pb

from sos_actors.simulator.upstox.feed_frames import FrameWriter
from sos_actors.simulator.upstox.feed_schedule import SLOT_NS, FeedSchedule
from sos_actors.simulator.view import Listing, MarketView
from sos_actors.types import NANOS_PER_MINUTE

Row = tuple[int, Any]
"""When a frame was sent, epoch milliseconds, and what it says of the instrument."""


def stream(market: MarketView, listing: Listing, start: int, minutes: int, mode: str = "full") -> list[Row]:
    """What the feed says of one instrument in some minutes from ``start`` on, UnixNanos."""
    schedule, writer, rows = FeedSchedule(market, 7), FrameWriter(market), []
    for minute in range(start, start + minutes * NANOS_PER_MINUTE, NANOS_PER_MINUTE):
        for update in schedule.updates(listing, minute):
            frame = pb.FeedResponse.FromString(writer.quotes([(listing, mode, update)], update.slot * SLOT_NS))
            rows.append((frame.currentTs, frame.feeds[listing.key]))
    return rows


def figures(rows: list[tuple[float, Any]], seconds: float) -> dict[str, float]:
    """The measures of a stream; rows are of seconds and ``MarketFullFeed``."""
    times = np.array([at for at, _ in rows])
    told = [full for _, full in rows]
    pairs = list(pairwise(told))
    count = len(rows)
    return {
        "a second": count / seconds,
        "same ltt": sum(a.ltpc.ltt == b.ltpc.ltt for a, b in pairs) / count,
        "repeats": sum(a == b for a, b in pairs) / count,
        "jumps": sum(b.vtt - a.vtt > b.ltpc.ltq for a, b in pairs) / count,
        "steps back": float(sum(b.ltpc.ltt < a.ltpc.ltt for a, b in pairs)),
        "median gap": float(np.median(np.diff(times))),
    }


class Client:
    """A plain websocket at the feed, and what comes over it."""

    def __init__(self, ws: websocket.WebSocket) -> None:
        self.ws = ws

    def ask(self, method: str, keys: list[str], text: bool = False, **more: str) -> None:
        document = json.dumps({"guid": "g", "method": method, "data": {"instrumentKeys": keys, **more}})
        self.ws.send(document if text else document.encode(), 1 if text else 2)

    def frame(self) -> Any:
        """The next frame of quotes or states."""
        kind, content = self.ws.recv_data()
        assert kind == websocket.ABNF.OPCODE_BINARY, content
        return pb.FeedResponse.FromString(content)

    def raw(self) -> bytes:
        return bytes(self.ws.recv_data()[1])

    def text(self) -> Any:
        kind, content = self.ws.recv_data()
        assert kind == websocket.ABNF.OPCODE_TEXT
        return json.loads(content)


@contextmanager
def client(url: str, **options: Any) -> Iterator[Client]:
    """Connected; every read has a bound."""
    ws: Any = websocket.create_connection(url, timeout=10, sslopt={"cert_reqs": ssl.CERT_NONE}, **options)
    try:
        yield Client(ws)
    finally:
        ws.close(timeout=1)
        ws.shutdown()  # which close leaves out where the server closed first
