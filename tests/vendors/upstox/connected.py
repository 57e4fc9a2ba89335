"""What the tests of our Upstox clients share: a connection to a scripted server, envelopes, a small master."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sos_actors.config.vendors import Upstox
from sos_actors.market.instruments import SymbolMaster, default_master
from sos_actors.market.symbols import Instrument, imported_instrument
from sos_actors.types import NANOS_PER_SECOND, Secret, UnixNanos
from sos_actors.vendors.upstox.connection import UpstoxConnection
from tests.vendors.scripted import Request, Site, Step, reply, serving

TOKEN = "planted-token-8471"
NIFTY_KEY = "NSE_INDEX|Nifty 50"


def at(text: str) -> UnixNanos:
    """A moment in India, ``2026-01-13 10:00:30``."""
    moment = datetime.fromisoformat(f"{text}+05:30").astimezone(UTC)
    return UnixNanos(int(moment.timestamp()) * NANOS_PER_SECOND)


@dataclass(slots=True)
class Rig:
    """A connection, the server it talks to, the naps it took, and its clock, which stands."""

    connection: UpstoxConnection
    site: Site
    naps: list[float]
    now: UnixNanos


def good(data: Any, **more: Any) -> bytes:
    return reply({"status": "success", "data": data, **more})


def refused(code: str, message: str = "No.", status: int = 400, **headers: str) -> bytes:
    problem = {"errorCode": code, "message": message, "error_code": code}
    return reply({"status": "error", "errors": [problem]}, status, **headers)


def settings_for(url: str, **changes: Any) -> Upstox:
    plain = Upstox(rest_url=url, order_url=url, instruments_url=f"{url}/NSE.json.gz")
    return replace(plain, **{"connect_timeout_s": 5.0, "read_timeout_s": 5.0, **changes})


@contextmanager
def connected(
    answer: Callable[[Request], Step] | list[Step],
    now: str = "2026-01-13 10:00:30",
    token: str | None = TOKEN,
    **changes: Any,
) -> Iterator[Rig]:
    """A connection to a server that answers so; naps are noted, not taken."""
    naps: list[float] = []
    with serving(answer) as site:
        moment = at(now)
        secret = None if token is None else Secret(token)
        settings = settings_for(site.url, **changes)
        with UpstoxConnection(settings, secret, clock=lambda: moment, sleep=naps.append) as connection:
            yield Rig(connection, site, naps, moment)


def master() -> SymbolMaster:
    """The built-in list and one future."""
    future = Instrument(
        "NSE|FO|NIFTY FUT 27 JAN 26", "NIFTY FUT 27 JAN 26", imported_instrument("NIFTY").segment, 65, 0.1, 1755,
        "NSE_FO|49229", "49229", None, "NSE|INDEX|NIFTY",
    )  # fmt: skip
    return default_master().added(future)
