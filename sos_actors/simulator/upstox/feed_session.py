"""One connection of the market feed: requests in; states, snapshots, updates and pings out."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date
from itertools import islice

from aiohttp import WSCloseCode, WSMsgType, web

from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.fault_socket import FaultySocket
from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.upstox.answers import VENDOR
from sos_actors.simulator.upstox.feed_frames import FrameWriter
from sos_actors.simulator.upstox.feed_requests import Subscribed
from sos_actors.simulator.upstox.feed_schedule import SLOT_NS, SLOTS_A_MINUTE, FeedSchedule, Update
from sos_actors.simulator.upstox.timings import market_status
from sos_actors.simulator.view import Listing
from sos_actors.simulator.world import World
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND

CHANNEL = "feed"
"""What fault patterns are matched against."""
SEGMENTS = {
    "NSE_EQ": "NSE", "NSE_INDEX": "NSE", "NSE_FO": "NFO", "NSE_COM": "MCX", "NCD_FO": "CDS",
    "BSE_EQ": "BSE", "BSE_INDEX": "BSE", "BSE_FO": "BFO", "BCD_FO": "BCD", "MCX_FO": "MCX", "MCX_INDEX": "MCX",
}  # fmt: skip
"""Segments of a market_info frame, each with the exchange whose hours it keeps. Source: the documentation's sample."""
_FRAME_KEYS = 200
_CATCH_UP_S = 300.0
_REAL_CATCH_UP_S = 3.0
_AT_A_TIME = 100
_WATCH_S = 0.25
_LOOK_S = 0.01
"""How soon a step or jump of the clock is noticed, real seconds."""
_CLOSE_S = 1.0


class FeedSession:
    """One client. Used by one event loop.

    Args:
        ws: of the client, prepared before ``run``; it must leave pings to us.
        writer, schedule: shared by all.
        is_valid: whether the token behind the connection still opens anything.
        ping_after_s: real seconds without a frame after which a ping is sent.
    """

    def __init__(
        self,
        ws: web.WebSocketResponse,
        world: World,
        writer: FrameWriter,
        schedule: FeedSchedule,
        is_valid: Callable[[], bool],
        ping_after_s: float,
    ) -> None:
        self._ws, self._world, self._writer, self._schedule = ws, world, writer, schedule
        self._is_valid, self._ping_after_s = is_valid, ping_after_s
        self._socket = FaultySocket(ws, world, VENDOR, CHANNEL)
        self._subscribed = Subscribed(world.strictness.plus_plan)
        self._listings: dict[str, Listing | None] = {}
        self._listed_on = date.min
        self._agenda: defaultdict[int, list[tuple[str, Update]]] = defaultdict(list)
        self._planned: tuple[int, set[str]] = (0, set())
        self._sent_slot = 0
        self._statuses: dict[str, str] = {}
        self._spoke = 0.0

    async def run(self) -> None:
        """Serve until either side ends it."""
        now = self._now()
        self._sent_slot = now // SLOT_NS
        with suppress(ConnectionResetError):
            await self._tell_states(now)
        tasks = [asyncio.create_task(work()) for work in (self._hear, self._keep_updating, self._watch)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionResetError):
                raise outcome

    async def end(self, code: int = WSCloseCode.GOING_AWAY) -> None:
        """Close politely, but not wait for a client that does not answer."""
        with suppress(TimeoutError, ConnectionResetError):
            await asyncio.wait_for(self._ws.close(code=code), _CLOSE_S)

    def _now(self) -> int:
        return self._world.now(VENDOR)

    async def _hear(self) -> None:
        async for message in self._ws:
            if message.type is WSMsgType.PING:
                if self._world.faults.standing(VENDOR, FaultKind.MUTE, CHANNEL) is None:
                    await self._ws.pong(message.data)
            elif message.type in (WSMsgType.BINARY, WSMsgType.TEXT):
                outcome = self._subscribed.take(message.data)
                if outcome.refusal:
                    await self._socket.send_str(outcome.refusal)
                await self._snapshot(outcome.fresh)

    async def _snapshot(self, keys: Iterable[str]) -> None:
        """The state of instruments as it is; unknown keys are passed over."""
        now = self._now()
        seen = self._stale(now)
        known = iter([key for key in keys if self._listing(key) is not None])
        while chosen := list(islice(known, _FRAME_KEYS)):
            update = Update(now // SLOT_NS, seen, seen - NANOS_PER_SECOND, 0, False)
            await self._send([(key, update) for key in chosen], now)
            await asyncio.sleep(0)

    async def _send(self, updates: list[tuple[str, Update]], now: int) -> None:
        modes = self._subscribed.modes
        rows = [
            (listing, modes[key], update)
            for key, update in updates
            if key in modes and (listing := self._listing(key)) is not None
        ]
        if rows:
            await self._say(self._writer.quotes(rows, now))

    async def _say(self, frame: bytes) -> None:
        self._spoke = asyncio.get_running_loop().time()
        await self._socket.send_bytes(frame)

    def _stale(self, at: int) -> int:
        fault = self._world.faults.standing(VENDOR, FaultKind.STALE, CHANNEL)
        return min(at, fault.begun) if fault else at

    def _listing(self, key: str) -> Listing | None:
        """The instrument of a key, which after an expiry may be another one."""
        today = indian_day(self._now())
        if self._listed_on != today:
            self._listed_on = today
            self._listings.clear()
        if key not in self._listings:
            self._listings[key] = self._world.market.find(key, today)
        return self._listings[key]

    async def _keep_updating(self) -> None:
        """Whatever is due, frame by frame of simulated time."""
        while True:
            while (slot := self._now() // SLOT_NS) == self._sent_slot:
                await asyncio.sleep(min(_LOOK_S, SLOT_NS / NANOS_PER_SECOND / max(self._world.clock.speed, 1.0)))
            await self._catch_up(slot)

    async def _catch_up(self, slot: int) -> None:
        behind_s = (slot - self._sent_slot) * SLOT_NS / NANOS_PER_SECOND
        speed = self._world.clock.speed
        most_s = max(_CATCH_UP_S if speed == 0 else 10.0, _REAL_CATCH_UP_S * speed)
        if behind_s < 0 or behind_s > most_s:  # the clock was set, or we are too slow: as it is now, nothing in between
            self._sent_slot, self._planned = slot, (0, set())
            await self._tell_states(slot * SLOT_NS)
            await self._snapshot(tuple(self._subscribed.modes))
            return
        while self._sent_slot < slot:
            self._sent_slot += 1
            await self._plan(self._sent_slot)
            if self._sent_slot % SLOTS_A_MINUTE == 0:
                await self._tell_states(self._sent_slot * SLOT_NS)
            await self._send_slot(self._sent_slot)

    async def _send_slot(self, slot: int) -> None:
        due = self._agenda.pop(slot, None)
        if due is None:
            return
        sent = self._stale(slot * SLOT_NS)
        fresh = {key: update._replace(seen=self._stale(update.seen)) for key, update in due}
        await self._send(list(fresh.items()), sent)
        await asyncio.sleep(0)

    async def _plan(self, slot: int) -> None:
        """Put the updates of a slot's minute on the agenda, for every instrument for which that is not done yet."""
        minute = slot // SLOTS_A_MINUTE
        if self._planned[0] != minute:
            self._planned = (minute, set())
            self._agenda.clear()
        done = self._planned[1]
        if len(done) >= len(self._subscribed.modes) and done.issuperset(self._subscribed.modes):
            return
        for number, key in enumerate(self._unplanned(done), 1):
            done.add(key)
            listing = self._listing(key)
            if listing is not None:
                for update in self._schedule.updates(listing, minute * NANOS_PER_MINUTE):
                    if update.slot >= slot:
                        self._agenda[update.slot].append((key, update))
            if number % _AT_A_TIME == 0:
                await asyncio.sleep(0)

    def _unplanned(self, done: set[str]) -> Iterator[str]:
        return (key for key in list(self._subscribed.modes) if key not in done)

    async def _tell_states(self, now: int) -> None:
        """What has changed about the segments: all of them at first. Source: a captured frame with one segment."""
        calendar = self._world.market.calendar
        told = {segment: market_status(calendar, exchange, now)[0] for segment, exchange in SEGMENTS.items()}
        changed = {segment: status for segment, status in told.items() if self._statuses.get(segment) != status}
        self._statuses = told
        if changed:
            await self._say(self._writer.market_info(changed, now))

    async def _watch(self) -> None:
        """Pings where there is nothing to say; the end where the token has died."""
        loop = asyncio.get_running_loop()
        self._spoke = loop.time()
        while not self._socket.closed:
            await asyncio.sleep(min(_WATCH_S, self._ping_after_s))
            if not self._is_valid():
                await self.end(WSCloseCode.POLICY_VIOLATION)
            elif loop.time() - self._spoke >= self._ping_after_s:
                self._spoke = loop.time()
                await self._socket.ping()
