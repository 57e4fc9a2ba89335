"""The simulator as a whole: a port for each vendor, one to control it, one that leads the official libraries to it.

``SimulatorServer`` lives in an event loop; ``running`` keeps one in a thread, for tests and for embedding.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from importlib import import_module
from threading import Thread
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import web

from sos_actors.simulator.control import make_control_app
from sos_actors.simulator.fault_middleware import fault_middleware
from sos_actors.simulator.faults import VENDORS, FaultKind
from sos_actors.simulator.listener import Listener
from sos_actors.simulator.script import Script
from sos_actors.simulator.world import World

APPLICATIONS = {
    "upstox": "sos_actors.simulator.upstox.app",
    "tradingview": "sos_actors.simulator.servers.tradingview",
    "nse": "sos_actors.simulator.servers.nse",
    "trendlyne": "sos_actors.simulator.servers.trendlyne",
}
"""Vendor -> the module whose ``make_app(world)`` makes its application."""
_log = logging.getLogger(__name__)
_START_S = 60.0
_CALL_S = 30.0

Result = TypeVar("Result")


def make_apps(world: World, vendors: Iterable[str] = VENDORS) -> dict[str, web.Application]:
    """The vendors' applications over one world; only the modules of those asked for are imported.

    Raises:
        ValueError: no such vendor.
    """
    apps = {}
    for vendor in vendors:
        if vendor not in APPLICATIONS:
            raise ValueError(f"No vendor is called {vendor!r}: one of {', '.join(APPLICATIONS)}.")
        apps[vendor] = import_module(APPLICATIONS[vendor]).make_app(world)
    return apps


class SimulatorServer:
    """Listens for every vendor, applies faults, follows the script.

    Args:
        apps: by vendor, each fresh from ``make_app``.
        host: a loopback address; nothing here asks who is calling.
        ports: by vendor, ``control`` and ``tunnel``; what is missing or 0 takes any.
        script: what happens when.
        tunnel: whether the vendors can also be reached through a proxy under their real names, with TLS.
    """

    def __init__(
        self,
        world: World,
        apps: Mapping[str, web.Application],
        *,
        host: str = "127.0.0.1",
        ports: Mapping[str, int] | None = None,
        script: Script | None = None,
        tunnel: bool = False,
    ) -> None:
        self._world, self._host = world, host
        self._script = script or Script()
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        ports = ports or {}
        tls = None
        if tunnel:  # cryptography is not imported for nothing
            from sos_actors.simulator.tunnel import Tunnel, server_context

            tls = server_context()
        for vendor, app in apps.items():
            app.middlewares.insert(0, fault_middleware(world, vendor))
        self._vendors = {vendor: Listener(vendor, app, host, ports.get(vendor, 0), tls) for vendor, app in apps.items()}
        control = make_control_app(world, self._script, self.addresses)
        self._control = Listener("control", control, host, ports.get("control", 0))
        self._tunnel = Tunnel(host, ports.get("tunnel", 0)) if tunnel else None

    def addresses(self) -> dict[str, str]:
        """``http://127.0.0.1:PORT`` by vendor, ``control`` and, where there is one, ``tunnel``; known once started."""
        ports = {name: listener.port for name, listener in self._vendors.items()}
        ports["control"] = self._control.port
        if self._tunnel is not None:
            ports["tunnel"] = self._tunnel.port
        return {name: f"http://{self._host}:{port}" for name, port in ports.items()}

    async def start(self) -> None:
        """Open every port; when this returns all of them answer.

        Raises:
            UsageError: a port is in use; nothing is left open then.
        """
        try:
            for listener in (*self._vendors.values(), self._control):
                await listener.start()
            if self._tunnel is not None:
                await self._tunnel.start({vendor: door.tls_port for vendor, door in self._vendors.items()})
        except BaseException:
            await self.stop()
            raise
        self._world.faults.watch(self._faults_changed)
        self._script.apply_due(self._world)
        self._faults_changed()
        self._tasks = [asyncio.create_task(self._reopen()), asyncio.create_task(self._script.run(self._world))]

    async def stop(self) -> None:
        """Close everything; quick, and leaves no task or socket behind."""
        if self._tasks:
            self._world.faults.unwatch(self._faults_changed)
        for task in self._tasks:
            task.cancel()
        for error in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(error, Exception):
                _log.error("The simulator's faults or script stopped being followed.", exc_info=error)
        self._tasks = []
        if self._tunnel is not None:
            await self._tunnel.stop()
        await asyncio.gather(*(listener.stop() for listener in (*self._vendors.values(), self._control)))
        await asyncio.sleep(0)  # connections just closed are torn down in the loop's next round

    def _refused(self, vendor: str) -> bool:
        return self._world.faults.standing(vendor, FaultKind.REFUSE) is not None

    def _faults_changed(self) -> None:
        """Close at once what is to be refused; opening again takes the loop a moment."""
        for vendor, listener in self._vendors.items():
            if listener.is_open and self._refused(vendor):
                listener.refuse()
        self._changed.set()

    async def _reopen(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for vendor, listener in self._vendors.items():
                if not listener.is_open and not self._refused(vendor):
                    await listener.open()
                    if self._refused(vendor):
                        listener.refuse()


class RunningSimulator:
    """A simulator in a thread of its own, as a context manager; ``running`` makes it.

    Args:
        make: makes the server, in that thread.
    """

    def __init__(self, world: World, make: Callable[[], SimulatorServer]) -> None:
        self._world, self._make = world, make
        self._started: Future[SimulatorServer] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread = Thread(target=self._run, name="simulator", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._server = self._started.result(_START_S)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def world(self) -> World:
        """The world it serves; change it only through ``call``."""
        return self._world

    @property
    def addresses(self) -> dict[str, str]:
        """As ``SimulatorServer.addresses``."""
        return self._server.addresses()

    def call(self, function: Callable[[], Result]) -> Result:
        """Call a function in the simulator's loop, where faults, rules and the exchange may be touched.

        Raises:
            Exception: what the function raises.
        """
        assert self._loop is not None

        async def calling() -> Result:
            result = function()
            await asyncio.sleep(0)  # a port that opens again does so now
            await asyncio.sleep(0)
            return result

        return asyncio.run_coroutine_threadsafe(calling(), self._loop).result(_CALL_S)

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            server = self._make()
            await server.start()
        except BaseException as error:
            self._started.set_exception(error)
            return
        self._started.set_result(server)
        await self._stop.wait()
        await server.stop()

    def _end(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop ended by itself, having failed to start
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_CALL_S)


def running(
    world: World,
    vendors: Iterable[str] = VENDORS,
    *,
    apps: Callable[[], Mapping[str, web.Application]] | None = None,
    script: Script | None = None,
    tunnel: bool = False,
) -> RunningSimulator:
    """A simulator on any free ports, running inside ``with``.

    Args:
        vendors: which of them to serve.
        apps: makes other applications than those of the vendors; called in the simulator's thread.
    """
    chosen = tuple(vendors)

    def make() -> SimulatorServer:
        made = make_apps(world, chosen) if apps is None else apps()
        return SimulatorServer(world, made, script=script, tunnel=tunnel)

    return RunningSimulator(world, make)
