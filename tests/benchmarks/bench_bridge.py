"""Bridge: messages a second and microseconds from the hub to an engine, beside a bare aiohttp WebSocket, same run.

Run: python -m tests.benchmarks.bench_bridge [messages]. Engines are bare sockets in one other process. Latency is of
messages sent one at a time (each waits until all engines have the one before); throughput of all at once.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection

import numpy as np
from aiohttp import WSMsgType, web

from sos_actors.bridge import contract
from tests.bridge.bridges import NIFTY, bar, eventually, mood, new_state, running

MESSAGES, ALONE = 10_000, 1_000
QUEUE = 1_000_000
SHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SYMBOLS = 200
FRAME = contract.market_update(bar(0, NIFTY), mood(0))
Send = Callable[[int], None]


def on_wire(frame: bytes) -> int:
    """Bytes of a text frame, its header included."""
    return len(frame) + (2 if len(frame) < 126 else 4 if len(frame) < 65_536 else 10)


def engines(port: int, count: int, rounds: list[int], pipe: Connection) -> None:
    """The other process: reads each round on every engine; tells when (monotonic ns) the round had arrived."""
    opened = []
    for _ in range(count):
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(SHAKE)
        head = b""
        while b"\r\n\r\n" not in head:
            head += one.recv(1)
        opened.append(one)
    for place, one in enumerate(opened):
        if pipe.recv():  # what begins a stream: its length
            _read(one, pipe.recv())
        pipe.send(place)
    for size in rounds:
        for one in opened:
            _read(one, size)
        pipe.send(time.monotonic_ns())
    pipe.recv()
    for one in opened:
        one.close()


def _read(one: socket.socket, size: int) -> None:
    while size:
        size -= len(one.recv(min(size, 262_144)))


def measure(
    port: int, count: int, send: Send, ready: Callable[[], None], greeting: int, sizes: list[int]
) -> tuple[float, float, float]:
    """Messages a second to each engine, p50 and p99 in microseconds; ``send`` sends so many to all, of such sizes."""
    here, there = multiprocessing.Pipe()
    rounds = [*sizes[:ALONE], sum(sizes[ALONE:])]
    context = multiprocessing.get_context("spawn")
    other = context.Process(target=engines, args=(port, count, rounds, there))
    other.start()
    for _ in range(count):
        here.send(greeting > 0)
        if greeting:
            here.send(greeting)
        here.recv()
    ready()
    delays = []
    for _ in range(ALONE):
        begun = time.monotonic_ns()
        send(1)
        delays.append(here.recv() - begun)
    begun = time.monotonic_ns()
    send(MESSAGES)
    taken = (here.recv() - begun) / 1e9
    here.send(None)
    other.join()
    return MESSAGES / taken, *(float(np.percentile(delays, p)) / 1e3 for p in (50, 99))


def bridge(count: int) -> tuple[float, float, float]:
    """Through the hub of a real bridge: bars of 200 symbols in, encoded, kept for later engines, candles made, sent."""
    with running(queue=QUEUE, most_engines=count) as ours:
        ours.hub.sentiment(mood(0))
        eventually(lambda: ours.hub.counts["facts"] == 1)
        number = 0

        def send(messages: int) -> None:
            nonlocal number
            for _ in range(messages):
                ours.hub.bar(made[number])
                number += 1

        made = [bar(number // SYMBOLS, f"NSE|EQ|S{number % SYMBOLS:03d}") for number in range(ALONE + MESSAGES)]
        twin = new_state()
        twin.take(mood(0))
        sizes = [sum(map(on_wire, twin.take(one))) for one in made]
        greeting = sum(map(on_wire, ours.state.recovery(bars=False)))
        return measure(ours.port, count, send, lambda: None, greeting, sizes)


def bare(count: int) -> tuple[float, float, float]:
    """A server of twenty lines that writes the same bytes to every socket, told by the same call across threads."""
    sockets: list[web.WebSocketResponse] = []
    loop = asyncio.new_event_loop()
    port = 0
    opened = threading.Event()

    async def handle(request: web.BaseRequest) -> web.WebSocketResponse:
        one = web.WebSocketResponse(compress=False)
        await one.prepare(request)
        sockets.append(one)
        async for _ in one:
            pass
        return one

    async def serve() -> None:
        nonlocal port
        server = web.Server(handle, access_log=None)
        listener = await loop.create_server(server, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        opened.set()
        await stopping.wait()
        listener.close()
        await server.shutdown(0.1)

    async def write(messages: int) -> None:
        for _ in range(messages):
            for one in sockets:
                await one.send_frame(FRAME, WSMsgType.TEXT)

    def send(messages: int) -> None:
        asyncio.run_coroutine_threadsafe(write(messages), loop)

    stopping = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    opened.wait()
    with closing(loop):
        figures = measure(
            port,
            count,
            send,
            lambda: eventually(lambda: len(sockets) == count),
            0,
            [on_wire(FRAME)] * (ALONE + MESSAGES),
        )
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
    return figures


def main(messages: int = MESSAGES) -> None:
    """Print both, and how they compare."""
    global MESSAGES
    MESSAGES = messages
    print("                     messages/s  p50 us   p99 us")
    for count in (1, 10):
        plain, ours = bare(count), bridge(count)
        for name, (rate, middle, high) in (("bare aiohttp", plain), ("the bridge", ours)):
            print(f"{count:2} engines {name:12} {rate:8,.0f} {middle:7.0f}  {high:7.0f}")
        ratios = [ours[0] / plain[0], ours[1] / plain[1], ours[2] / plain[2]]
        print(f"   the bridge / bare: {ratios[0]:.2f} x the rate, {ratios[1]:.2f} x p50, {ratios[2]:.2f} x p99")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
