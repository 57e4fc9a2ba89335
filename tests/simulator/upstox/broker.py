"""The simulated Upstox on a port, and the unmodified SDK or plain HTTP in front of it."""

from __future__ import annotations

import http.client
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlencode, urlsplit

from aiohttp import web

from sos_actors.simulator.server import RunningSimulator, running
from sos_actors.simulator.upstox.app import make_app
from sos_actors.simulator.upstox.tokens import FIRST_TOKEN, TOKENS, Tokens
from sos_actors.simulator.world import World

AGENT = {"User-Agent": "tests"}


class Answer(NamedTuple):
    """What came back; ``data`` of the envelope, ``code`` of its first error."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        assert self.status == 200, self.body
        assert self.document["status"] == "success"
        return self.document["data"]

    @property
    def code(self) -> str:
        assert self.status >= 400, self.body
        return cast(str, self.document["errors"][0]["errorCode"])


class Broker:
    """Asks a running simulator over HTTP, with the first token unless told otherwise."""

    def __init__(self, simulator: RunningSimulator, app: web.Application) -> None:
        self.simulator, self.app = simulator, app
        self.address = simulator.addresses["upstox"]

    @property
    def world(self) -> World:
        return self.simulator.world

    @property
    def tokens(self) -> Tokens:
        """What it has given out; to be changed only through ``simulator.call``."""
        return self.app[TOKENS]

    def ask(
        self,
        path: str,
        *parts: object,
        method: str = "GET",
        query: Mapping[str, object] | None = None,
        body: str | None = None,
        token: str | None = FIRST_TOKEN,
        headers: Mapping[str, str] = AGENT,
    ) -> Answer:
        """One request; ``parts`` are quoted and put behind the path."""
        path = "/".join((path, *(quote(str(part), safe="") for part in parts)))
        if query:
            path += "?" + urlencode(query)
        sent = dict(headers) | ({"Authorization": f"Bearer {token}"} if token else {})
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=10)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, response.read(), dict(response.headers))
        finally:
            connection.close()

    def post(self, path: str, document: object, **more: Any) -> Answer:
        return self.ask(path, method="POST", body=json.dumps(document), **more)


@contextmanager
def broker(world: World, real_time: Callable[[], float] = time.monotonic) -> Iterator[Broker]:
    """The simulated Upstox alone, without the other vendors; ``real_time`` is what its rate limits go by."""
    made: list[web.Application] = []

    def make() -> Mapping[str, web.Application]:
        made.append(make_app(world, real_time))
        return {"upstox": made[0]}

    with running(world, apps=make) as simulator:
        yield Broker(simulator, made[0])


@contextmanager
def sdk(address: str, token: str = FIRST_TOKEN) -> Iterator[Any]:
    """An ``ApiClient`` of the unmodified SDK aimed at a simulator; its threads end with the block."""
    import upstox_client

    loggers = [logging.getLogger(name) for name in ("urllib3", "upstox_client")]
    before = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    upstox_client.Configuration.set_default(None)
    configuration = upstox_client.Configuration()
    configuration.host = configuration.order_host = address
    configuration.access_token = token
    client = upstox_client.ApiClient(configuration)
    client.rest_client.pool_manager.connection_pool_kw["retries"] = False
    try:
        yield client
    finally:
        client.pool.close()
        client.pool.join()
        client.rest_client.pool_manager.clear()
        upstox_client.Configuration.set_default(None)
        for logger, handlers, level in before:
            logger.handlers[:] = handlers
            logger.setLevel(level)


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    """Status and code of the ``ApiException`` a call of the SDK raises."""
    from upstox_client.rest import ApiException

    try:
        call()
    except ApiException as error:
        return error.status, json.loads(error.body)["errors"][0]["errorCode"]
    raise AssertionError("nothing was refused")
