"""The market feed V3: who may connect, and the two addresses it has. What is said there is ``feed_session``'s."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.upstox.feed_frames import FrameWriter
from sos_actors.simulator.upstox.feed_schedule import FeedSchedule
from sos_actors.simulator.upstox.feed_session import FeedSession
from sos_actors.simulator.upstox.sockets import FEED_PATHS, FEED_V3, one_time_address
from sos_actors.simulator.upstox.tokens import TOKENS
from sos_actors.simulator.world import World

PLAIN_PATH: Final = "/v3/feed/market-data-feed"
"""Where the SDK connects; it redirects to a one-time address, as the real one does."""
MOST_CONNECTIONS: Final = 2
MOST_CONNECTIONS_PLUS: Final = 5
"""Feed connections a user may have at a time. Source: Upstox's documentation of the feed V3, 2026."""
_PING_AFTER_S = 10.0


class MarketDataFeed:
    """Serves the feed to every connection.

    Args:
        world: market, clock and faults.
        ping_after_s: real seconds without a frame after which a ping is sent.
    """

    def __init__(self, world: World, ping_after_s: float = _PING_AFTER_S) -> None:
        self._world, self._ping_after_s = world, ping_after_s
        self._writer = FrameWriter(world.market)
        self._schedule = FeedSchedule(world.market, world.seed)
        self._sessions: set[FeedSession] = set()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._sessions)

    async def redirect(self, request: web.Request) -> web.StreamResponse:
        """The plain address: a valid token is led to a one-time address."""
        return web.Response(status=302, headers={"Location": one_time_address(request, FEED_V3)})

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """The one-time address: the feed itself, until either side ends it.

        Raises:
            UpstoxRefusal: 401 or 403 without a good code or token, 403 with too many connections.
        """
        tokens = request.app[TOKENS]
        token = tokens.check_socket(request, FEED_V3)
        most = MOST_CONNECTIONS_PLUS if self._world.strictness.plus_plan else MOST_CONNECTIONS
        if len(self._sessions) >= most:
            raise UpstoxRefusal(403, "UDAPI100067", "The number of websocket connections of this user is exceeded")
        ws = web.WebSocketResponse(autoping=False, max_msg_size=4 << 20)
        session = FeedSession(
            ws, self._world, self._writer, self._schedule, lambda: tokens.is_valid(token), self._ping_after_s
        )
        self._sessions.add(session)
        try:
            await ws.prepare(request)
            await session.run()
        finally:
            self._sessions.discard(session)
        return ws

    async def close(self, _: web.Application) -> None:
        """End every connection, when the application ends."""
        for session in list(self._sessions):
            await session.end()


def add_feed(app: web.Application, world: World, ping_after_s: float = _PING_AFTER_S) -> MarketDataFeed:
    """Mount the feed on the Upstox application, which must hold its tokens."""
    feed = MarketDataFeed(world, ping_after_s)
    app.router.add_get(PLAIN_PATH, feed.redirect)
    app.router.add_get(FEED_PATHS[FEED_V3], feed.connect)
    app.on_shutdown.append(feed.close)
    return feed
