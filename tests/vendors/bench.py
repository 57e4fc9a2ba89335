"""What the fault matrix stands on: simulators, faults put in force, calls with an end, nothing left over."""

from __future__ import annotations

import gc
import re
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from aiohttp import web

from sos_actors.errors import VendorBusyError, VendorError
from sos_actors.market.instruments import SymbolMaster
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.server import RunningSimulator, make_apps, running
from sos_actors.simulator.upstox.tokens import TOKENS
from sos_actors.simulator.view import Listing, MarketView
from sos_actors.simulator.world import World
from sos_actors.types import Secret, Segment
from tests.simulator.markets import model_market
from tests.vendors.outcomes import HANG, TIMEOUT_S
from tests.vendors.upstox.connected import master

SHARES = ("RELIANCE", "TCS", "SBIN", "M&M", "ITC", "INFY")
PLANTED = "planted-session-8471"
"""A cookie that must never be seen again."""
_GONE_S, _COLLECT_S = 5.0, 0.05
_QUERY = re.compile(r"\?\w+=")

T = TypeVar("T")


class FewShares:
    """The model's market, but of six shares: a whole one is prepared for the screener in ten seconds."""

    def __getattr__(self, name: str) -> Any:
        return getattr(model_market(), name)

    def listings(self, day: date) -> Sequence[Listing]:
        return [
            listing
            for listing in model_market().listings(day)
            if listing.segment is not Segment.EQ or listing.trading_symbol in SHARES
        ]


@dataclass(frozen=True, slots=True)
class Bench:
    """Running vendors, a token of the simulated Upstox, and what it lists."""

    served: RunningSimulator
    apps: Mapping[str, web.Application]
    token: Secret
    master: SymbolMaster

    @property
    def world(self) -> World:
        return self.served.world

    @contextmanager
    def fault(self, fault: Fault) -> Iterator[Fault]:
        """The fault in force until the block ends."""
        yield self.add(fault)
        self.heal()

    def add(self, fault: Fault) -> Fault:
        return self.served.call(lambda: self.world.faults.add(fault, self.world.clock.now()))

    def reset_connections(self, vendor: str) -> None:
        """End every connection of a vendor's; new ones are taken at once."""
        refusing = self.add(Fault(vendor, FaultKind.REFUSE))
        self.served.call(lambda: self.world.faults.remove(refusing.id))

    def heal(self) -> None:
        self.served.call(self.world.faults.clear)

    def has_struck(self, fault: Fault) -> bool:
        """Whether a fault has struck, or has been used up."""
        entries = self.served.call(self.world.faults.active)
        return all(struck > 0 for standing, struck in entries if standing.id == fault.id)

    def asked(self, route: str) -> int:
        """How often a path of Upstox's has been asked."""
        return self.served.call(self.world.requests.counts).get("upstox", {}).get(route, 0)

    def new_token(self) -> Secret:
        """Log in again."""
        return Secret(self.served.call(self.apps["upstox"][TOKENS].issue))


@contextmanager
def bench(world: World, vendors: Collection[str]) -> Iterator[Bench]:
    """These vendors over a world with few shares."""
    world.market = cast(MarketView, FewShares())
    apps = make_apps(world, vendors)
    with running(world, apps=lambda: apps) as served:
        token = served.call(apps["upstox"][TOKENS].issue)
        yield Bench(served, apps, Secret(token), master())


def bounded(call: Callable[[], T], seconds: float) -> T | VendorError:
    """What a call returns, or the error of ours that it raises; a failed test when it does not end in time."""
    outcome: list[T | BaseException] = []

    def work() -> None:
        try:
            outcome.append(call())
        except BaseException as error:  # whatever it is, it is looked at in the test's own thread
            outcome.append(error)

    thread = threading.Thread(target=work, name="matrix", daemon=True)
    thread.start()
    thread.join(seconds)
    assert outcome, f"it hangs: no end within {seconds:g} s"
    thread.join()
    answer = outcome.pop()  # an error that its own traceback led to would keep connections from being closed
    if isinstance(answer, BaseException) and not isinstance(answer, VendorError):
        raise answer
    return answer


def eventually(ask: Callable[[], T], is_right: Callable[[T], bool], seconds: float) -> bool:
    """Whether a call is right again in time; only that the vendor is left alone for a while may come in between."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = bounded(ask, seconds)
        if not isinstance(answer, VendorBusyError):
            return not isinstance(answer, VendorError) and is_right(answer)
        time.sleep(0.02)
    return False


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + seconds
    while not (is_true := condition()) and time.monotonic() < end:
        time.sleep(0.005)
    return is_true


def same(left: Any, right: Any) -> bool:
    """Whether two answers are the same, value for value; unknown is the same as unknown."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        return bool(np.array_equal(left, right, equal_nan=left.dtype.kind == "f"))
    if is_dataclass(left):
        return all(same(getattr(left, f.name), getattr(right, f.name)) for f in fields(left))
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def assert_says_so(error: VendorError, vendor: str, secrets: Collection[str]) -> None:
    """A sentence that names the vendor and tells no secret, nor does its traceback."""
    assert error.vendor == vendor
    assert str(error).startswith(f"{vendor}: ")
    assert str(error).rstrip().endswith((".", ").")), str(error)
    told = "".join(traceback.format_exception(error)) + repr(error)
    assert_no_secret(told, secrets)
    assert not _QUERY.search(str(error)), f"a query is told: {error}"


def assert_no_secret(text: str, secrets: Collection[str]) -> None:
    for secret in secrets:
        assert secret
        assert secret not in text, "a secret is told"


@contextmanager
def nothing_left_over() -> Iterator[None]:
    """Threads and sockets there are when the block ends, and were not before, are gone soon."""
    threads, sockets = set(threading.enumerate()), _sockets()
    yield
    start, collected = time.monotonic(), False
    while (left := set(threading.enumerate()) - threads) or _sockets() > sockets:
        waited_s = time.monotonic() - start
        assert waited_s < _GONE_S, f"left over: {sorted(one.name for one in left)}, {_sockets() - sockets} sockets"
        if waited_s > _COLLECT_S and not collected:
            collected = gc.collect() >= 0  # urllib3 leaves the closing of what its own errors lead to to the collector
        time.sleep(0.005)


def _sockets() -> int:
    """How many sockets this process has open, the simulator's included; 0 where the system does not tell."""
    folder, count = Path("/proc/self/fd"), 0
    if not folder.is_dir():
        return 0
    for entry in folder.iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except OSError:  # closed meanwhile
            continue
    return count


def long_enough(time_outs: float) -> float:
    """The bound, in seconds, of a call whose settings allow it so many time-outs."""
    return HANG * time_outs * TIMEOUT_S
