"""The simulator as a whole: its ports, one-write answers, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from sos_actors.errors import UsageError
from sos_actors.market.calendar import Calendar
from sos_actors.simulator.clock import SimulatedClock
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.model_market import ModelMarket
from sos_actors.simulator.script import Script, ScriptedAction
from sos_actors.simulator.server import SimulatorServer, make_apps, running
from sos_actors.simulator.world import World
from tests.simulator.quiet import OPEN, ask, make_app, quiet_world


def port_of(address: str) -> int:
    return urlsplit(address).port or 0


def test_each_vendor_and_the_control_have_a_port() -> None:
    world = quiet_world()
    with running(world, apps=lambda: {"upstox": make_app(world), "nse": make_app(world)}) as simulator:
        assert set(simulator.addresses) == {"upstox", "nse", "control"}
        assert len(set(simulator.addresses.values())) == 3
        for vendor in ("upstox", "nse"):
            assert ask(f"{simulator.addresses[vendor]}/price").json() == {"ltp": 101.5, "at": OPEN}


def test_an_end_leaves_no_thread_no_task_and_no_port() -> None:
    world, threads = quiet_world(), threading.active_count()
    left: list[asyncio.Task[object]] = []

    async def run() -> str:
        server = SimulatorServer(world, {"upstox": make_app(world)}, script=Script([ScriptedAction(OPEN * 2)]))
        await server.start()
        address = server.addresses()["upstox"]
        keep_alive = socket.create_connection(("127.0.0.1", port_of(address)))
        await asyncio.to_thread(ask, f"{address}/price")
        world.faults.add(Fault("upstox", FaultKind.MUTE))
        muted = asyncio.create_task(asyncio.to_thread(ask, f"{address}/price"))
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        await server.stop()
        assert time.monotonic() - begun < 1
        with pytest.raises(ConnectionError):
            await muted
        keep_alive.close()
        await asyncio.sleep(0.03)
        left.extend(task for task in asyncio.all_tasks() if task is not asyncio.current_task())
        return address

    address = asyncio.run(run())
    assert left == []
    assert threading.active_count() <= threads + 1  # the pool's thread of to_thread
    with pytest.raises(ConnectionRefusedError):
        ask(f"{address}/price")


def test_a_port_in_use_is_told_and_leaves_nothing_open() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]

        async def run() -> None:
            world = quiet_world()
            server = SimulatorServer(world, {"upstox": make_app(world)}, ports={"control": number})
            with pytest.raises(UsageError, match=f"Port {number} .* is in use"):
                await server.start()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.to_thread(ask, server.addresses()["upstox"])

        asyncio.run(run())


def test_a_failed_start_is_raised_where_the_simulator_was_wanted() -> None:
    def no_apps() -> dict[str, web.Application]:
        raise LookupError("no market")

    with pytest.raises(LookupError, match="no market"), running(quiet_world(), apps=no_apps):
        pass


def test_a_wanted_port_is_the_port() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]

    async def run() -> str:
        world = quiet_world()
        server = SimulatorServer(world, {"nse": make_app(world)}, ports={"nse": number})
        await server.start()
        await server.stop()
        return server.addresses()["nse"]

    assert asyncio.run(run()) == f"http://127.0.0.1:{number}"


def test_an_answer_leaves_in_one_write_and_the_connection_is_kept() -> None:
    world = quiet_world()
    with (
        running(world, apps=lambda: {"upstox": make_app(world)}) as simulator,
        socket.create_connection(("127.0.0.1", port_of(simulator.addresses["upstox"])), timeout=2) as connection,
    ):
        begun = time.monotonic()
        for _ in range(10):
            connection.sendall(b"GET /price HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b'"ltp": 101.5, "at": %d}' % OPEN)
        assert time.monotonic() - begun < 0.4  # ten delayed acknowledgements would take 0.43 s


def test_a_refused_port_opens_and_closes_as_often_as_asked() -> None:
    world = quiet_world()
    with running(world, apps=lambda: {"nse": make_app(world), "upstox": make_app(world)}) as simulator:
        for _ in range(20):
            simulator.call(lambda: world.faults.add(Fault("nse", FaultKind.REFUSE)))
            with pytest.raises(ConnectionRefusedError):
                ask(f"{simulator.addresses['nse']}/price")
            assert ask(f"{simulator.addresses['upstox']}/price").status == 200
            simulator.call(world.faults.clear)
            assert ask(f"{simulator.addresses['nse']}/price").status == 200
        simulator.call(lambda: world.faults.remove(world.faults.add(Fault("nse", FaultKind.REFUSE)).id))
        assert ask(f"{simulator.addresses['nse']}/price").status == 200


def test_a_port_can_be_refused_from_the_start() -> None:
    world = quiet_world()
    world.faults.add(Fault("nse", FaultKind.REFUSE))
    with running(world, apps=lambda: {"nse": make_app(world)}) as simulator, pytest.raises(ConnectionRefusedError):
        ask(f"{simulator.addresses['nse']}/price")


def test_what_fails_in_a_call_is_raised_to_the_caller() -> None:
    world = quiet_world()
    with running(world, apps=dict) as simulator, pytest.raises(ValueError, match="No vendor is called 'bse'"):
        simulator.call(lambda: make_apps(world, ["bse"]))


def test_two_simulators_of_one_seed_answer_with_the_same_bytes() -> None:
    def answers() -> list[bytes]:
        world, seen = World(ModelMarket(7, Calendar.default()), SimulatedClock(OPEN, 0)), list[bytes]()
        with running(world, ["upstox", "trendlyne"]) as simulator:
            candles = f"{simulator.addresses['upstox']}/v3/historical-candle/intraday/NSE_INDEX%7CNifty%2050/minutes/1"
            contracts = f"{simulator.addresses['trendlyne']}/phoenix/api/search-contract-stock/?query=nifty"
            for _ in range(3):
                ask(f"{simulator.addresses['control']}/clock", "POST", {"step": 300})
                seen += [ask(candles).body, ask(contracts).body]
        return seen

    first, second = answers(), answers()
    assert first == second
    assert len({*first[::2]}) == 3
