"""A small chart client for tests: frames by length, heartbeats answered, messages in their order."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiohttp import ClientWebSocketResponse, WSMsgType

from sos_actors.simulator.servers import tradingview
from sos_actors.simulator.servers.chart import PATH, ChartOptions
from sos_actors.simulator.world import World
from tests.simulator.servers.serving import Client, served

ORIGIN = {"Origin": "https://www.tradingview.com"}
QUICK = ChartOptions(heartbeat_s=30.0, update_s=0.01)
_HEAD = re.compile(r"~m~(\d+)~m~")
_Result = TypeVar("_Result")
Message = tuple[str, list[Any]]


class Chart:
    """One connection with one chart session, ``cs_a``."""

    def __init__(self, ws: ClientWebSocketResponse) -> None:
        self.ws = ws
        self.heartbeats: list[str] = []
        self.batches: list[list[str]] = []
        self._waiting: list[str] = []

    async def send(self, name: str, *parameters: Any) -> None:
        text = json.dumps({"m": name, "p": list(parameters)}, separators=(",", ":"))
        await self.ws.send_str(f"~m~{len(text)}~m~{text}")

    async def payload(self) -> str:
        """The next payload; heartbeats are answered and passed over."""
        while True:
            while not self._waiting:
                received = await self.ws.receive(timeout=5)
                assert received.type is WSMsgType.TEXT, received
                self._waiting = split(received.data)
                self.batches.append(list(self._waiting))
            text = self._waiting.pop(0)
            if not text.startswith("~h~"):
                return text
            self.heartbeats.append(text)
            await self.ws.send_str(f"~m~{len(text)}~m~{text}")

    async def next(self) -> Message:
        told = json.loads(await self.payload())
        assert {"t", "t_ms"} <= told.keys()
        return told["m"], told["p"]

    async def until(self, *names: str) -> list[Message]:
        """Messages up to one of these, it included."""
        told = [await self.next()]
        while told[-1][0] not in names:
            told.append(await self.next())
        return told

    async def series(self, symbol: str, resolution: str, *request: Any, number: int = 1) -> list[Message]:
        """What a new series is answered with."""
        described = json.dumps({"symbol": symbol, "adjustment": "splits", "session": "regular"})
        await self.send("resolve_symbol", "cs_a", f"sym_{number}", "=" + described)
        wanted = request or (300, "")
        await self.send("create_series", "cs_a", f"sds_{number}", f"s{number}", f"sym_{number}", resolution, *wanted)
        return await self.until("series_completed", "series_error")


def split(raw: str) -> list[str]:
    payloads, at = [], 0
    while at < len(raw):
        head = _HEAD.match(raw, at)
        assert head is not None, raw[at : at + 40]
        at = head.end() + int(head[1])
        payloads.append(raw[head.end() : at])
    return payloads


def bars_of(told: list[Message], name: str = "timescale_update", series: str = "sds_1") -> list[list[float]]:
    return [bar["v"] for said, parameters in told if said == name for bar in parameters[1][series]["s"]]


def charted(world: World, talk: Callable[[Chart], Awaitable[_Result]], options: ChartOptions = QUICK) -> _Result:
    """What a conversation over the chart socket came to."""

    async def run(client: Client) -> _Result:
        async with client.ws_connect(PATH, headers=ORIGIN) as ws:
            chart = Chart(ws)
            hello = json.loads(await chart.payload())
            assert {"session_id", "timestamp", "release", "protocol", "javastudies"} <= hello.keys()
            await chart.send("set_auth_token", "unauthorized_user_token")
            await chart.send("chart_create_session", "cs_a", "")
            return await talk(chart)

    return served(tradingview.make_app(world, chart=options), run)
