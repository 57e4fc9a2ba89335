from __future__ import annotations

import asyncio
import json

import pytest
import websocket
from aiohttp import WSMsgType, WSServerHandshakeError
from aiohttp.test_utils import TestServer

from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.servers import tradingview
from sos_actors.simulator.servers.chart import PATH, ChartOptions
from tests.simulator.servers.chart_client import ORIGIN, QUICK, Chart, charted
from tests.simulator.servers.serving import Client, few_shares, served


def test_quotes_come_whole_and_then_only_what_changed() -> None:
    world = few_shares("2026-01-13 10:30:25")

    async def talk(chart: Chart) -> None:
        await chart.send("quote_create_session", "qs_a")
        await chart.send("quote_set_fields", "qs_a", "lp", "lp_time", "volume", "update_mode")
        await chart.send("quote_add_symbols", "qs_a", "NSE:TCS", {"flags": ["force_permission"]}, "NSE:BOGUS")
        told = [await chart.next() for _ in range(3)]
        assert [name for name, _ in told] == ["qsd", "quote_completed", "qsd"]
        assert told[0][1][1]["v"].keys() == {"lp", "lp_time", "volume", "update_mode"}
        assert told[2][1][1] == {"n": "NSE:BOGUS", "s": "error", "errmsg": "no such symbol"}
        world.clock.step(30)
        _, parameters = await chart.next()
        assert "volume" in parameters[1]["v"]
        assert "update_mode" not in parameters[1]["v"]

    charted(world, talk)


def test_who_does_not_answer_a_heartbeat_is_disconnected() -> None:
    async def talk(client: Client) -> list[str]:
        async with client.ws_connect(PATH, headers=ORIGIN) as ws:
            heard = [(await ws.receive(timeout=5)).data[:3] for _ in range(2)]
            assert (await ws.receive(timeout=5)).type is WSMsgType.CLOSE
            return heard

    options = ChartOptions(heartbeat_s=0.03)
    assert served(tradingview.make_app(few_shares(), chart=options), talk) == ["~m~", "~m~"]


@pytest.mark.parametrize(
    "raw",
    ["nonsense", "~m~9~m~{}", "~m~2~m~{}", '~m~24~m~{"m":"fly","p":["cs_a"]}', '~m~16~m~{"m":"x","p":[]}'],
)
def test_what_is_no_message_is_a_protocol_error_and_the_end(raw: str) -> None:
    async def talk(chart: Chart) -> None:
        await chart.ws.send_str(raw)
        assert await chart.next() == ("protocol_error", ["wrong data"])
        assert (await chart.ws.receive(timeout=5)).type is WSMsgType.CLOSE

    charted(few_shares(), talk)


def test_an_unknown_session_is_a_critical_error() -> None:
    async def talk(chart: Chart) -> None:
        await chart.send("create_series", "cs_b", "sds_1", "s1", "sym_1", "1", 10, "")
        assert await chart.next() == ("critical_error", ["cs_b", "create_series", "no such session"])

    charted(few_shares(), talk)


def test_a_foreign_origin_and_too_many_sockets_are_refused_at_the_handshake() -> None:
    async def talk(client: Client) -> None:
        with pytest.raises(WSServerHandshakeError) as refused:
            await client.ws_connect(PATH, headers={"Origin": "http://127.0.0.1"})
        assert refused.value.status == 403
        async with client.ws_connect(PATH, headers=ORIGIN):
            with pytest.raises(WSServerHandshakeError) as refused:
                await client.ws_connect(PATH, headers=ORIGIN)
            assert refused.value.status == 429

    served(tradingview.make_app(few_shares(), chart=ChartOptions(most_sockets=1)), talk)


def test_faults_of_the_channel_strike_its_frames() -> None:
    world = few_shares()

    async def talk(chart: Chart) -> None:
        world.faults.add(Fault("tradingview", FaultKind.HTML, path="chart", times=1))
        await chart.send("create_series", "cs_b", "sds_1", "s1", "sym_1", "1", 10, "")
        received = await chart.ws.receive(timeout=5)
        assert received.data.startswith("<!DOCTYPE html>")

    charted(world, talk)


def test_equal_moments_give_equal_bytes() -> None:
    async def talk(chart: Chart) -> list[list[str]]:
        await chart.series("NSE:NIFTY", "5", 50)
        return chart.batches

    world, again = few_shares("2026-01-13 10:30:25"), few_shares("2026-01-13 10:30:25")
    assert charted(world, talk) == charted(again, talk)


def test_the_unmodified_websocket_library_reads_a_series() -> None:
    def converse(port: int) -> list[str | bytes]:
        ws = websocket.create_connection(
            f"ws://127.0.0.1:{port}{PATH}?type=chart",
            origin="https://www.tradingview.com",
            timeout=5,
            http_proxy_host=None,
        )
        try:
            heard = [ws.recv()]
            for said in (
                {"m": "chart_create_session", "p": ["cs", ""]},
                {"m": "resolve_symbol", "p": ["cs", "sym", "NSE:NIFTY"]},
                {"m": "create_series", "p": ["cs", "sds", "s", "sym", "1", 3, ""]},
            ):
                text = json.dumps(said)
                ws.send(f"~m~{len(text)}~m~{text}")
            return [*heard, ws.recv()]
        finally:
            ws.close()

    async def run() -> list[str | bytes]:
        async with TestServer(tradingview.make_app(few_shares(), chart=QUICK)) as server:
            assert server.port is not None
            return await asyncio.to_thread(converse, server.port)

    hello, answer = asyncio.run(run())
    assert '"session_id"' in str(hello)
    assert '"series_completed"' in str(answer)
