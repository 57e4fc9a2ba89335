"""The control port: a JSON interface to the simulated clock, the faults, the rules, and what the vendors were asked."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any, TypeAlias

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.faults import VENDORS, Fault, FaultKind
from sos_actors.simulator.moments import moment_of, read_moment, spoken
from sos_actors.simulator.script import Script, read_speed, set_strictness
from sos_actors.simulator.world import Strictness, World
from sos_actors.types import NANOS_PER_SECOND

LAST_REQUESTS = 100
FAULT_EXAMPLE = '{"vendor": "nse", "kind": "html", "times": 3}'
"""A body that ``POST /faults`` takes."""
CLOCK_EXAMPLE = '{"step": 60}'
"""A body that ``POST /clock`` takes."""
_LONGEST_STEP_S = 366 * 86_400.0
_Route: TypeAlias = tuple[str, str, Callable[[web.Request], Any], str]
_FAULT_KEYS = """\
  vendor   %s
  kind     one of those below
  path     pattern as of a shell (/api/*), matched against a request's path, or a
           socket's channel: feed, portfolio, chart; default * (all)
  skip     how many matching requests or frames pass before it strikes; default 0
  times    how often it strikes; default null, without end
  status   of status (an HTTP status, default 500) and close (a close code)
  seconds  of delay and clock_skew; default 0
"""


def make_control_app(world: World, script: Script, addresses: Callable[[], Mapping[str, str]]) -> web.Application:
    """The application of the control port.

    Routes: GET ``/`` and ``/help``, which list the others as plain text; GET ``/status``; GET, POST ``/clock`` with
    ``at`` (``2026-01-13 10:30``, or UnixNanos), ``speed`` or ``step`` (seconds); GET, POST, DELETE ``/faults`` and
    DELETE ``/faults/{id}``; GET ``/requests?last=N``; GET, POST ``/strictness``. What is wrong is answered with 400 and
    ``{"error": sentence}``.
    """
    control = _Control(world, script, addresses)
    app = web.Application(middlewares=[_errors()])
    app.router.add_get("/", control.help)
    app.router.add_get("/help", control.help)
    for method, path, handler, _ in control.routes():
        if method == "GET":
            app.router.add_get(path.partition("?")[0], handler)
        else:
            app.router.add_route(method, path, handler)
    return app


def fault_meanings() -> dict[FaultKind, str]:
    """What each kind of fault does, in a line: the texts below the members of ``FaultKind``."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(FaultKind)).body if isinstance(node, ast.ClassDef))
    meanings = {}
    for member, text in pairwise(body):
        match member, text:
            case ast.Assign(value=ast.Constant(value=str(kind))), ast.Expr(value=ast.Constant(value=str(told))):
                meanings[FaultKind(kind)] = " ".join(told.replace("``", '"').split())
    return meanings


def _help(description: str, address: str, routes: Sequence[_Route]) -> str:
    """What the control port takes, for a reader at a terminal."""
    lines = [f"The control port of a simulated market ({description}).", ""]
    lines += [f"  {method:<7}{path:<19}{told}" for method, path, _, told in routes]
    lines += ["", 'Answers are JSON; what is wrong is answered with 400 and {"error": "..."}.']
    lines += ["", "A fault has a vendor, a kind, and where they matter the others:"]
    lines += (_FAULT_KEYS % ", ".join(VENDORS)).splitlines()
    lines += ["", "Kinds of faults:"]
    lines += [f"  {kind.value:<15}{meaning}" for kind, meaning in fault_meanings().items()]
    lines += ["", "Examples:"]
    lines += [f"  curl -d '{FAULT_EXAMPLE}' {address}/faults", f"  curl -d '{CLOCK_EXAMPLE}' {address}/clock"]
    return "\n".join(lines) + "\n"


class _Control:
    def __init__(self, world: World, script: Script, addresses: Callable[[], Mapping[str, str]]) -> None:
        self._world, self._script, self._addresses = world, script, addresses

    def routes(self) -> list[_Route]:
        """Method, path, handler, and a line for the reader, of everything but the help."""
        clock = '{"at": "2026-01-13 10:30"} (or UnixNanos) or {"step": SECONDS}, {"speed": 10} with or without them'
        rules = ", ".join(rule.name for rule in dataclasses.fields(Strictness))
        return [
            ("GET", "/status", self.status, "everything at a glance"),
            ("GET", "/clock", self.clock, "what time it is, and how fast it runs"),
            ("POST", "/clock", self.set_clock, clock),
            ("GET", "/faults", self.faults, "the faults in force, with their ids"),
            ("POST", "/faults", self.add_fault, f"{FAULT_EXAMPLE}; the keys are below"),
            ("DELETE", "/faults", self.clear_faults, "take all back"),
            ("DELETE", "/faults/{id}", self.remove_fault, "take one back"),
            ("GET", "/requests?last=N", self.requests, f"what the vendors were asked last (N: {LAST_REQUESTS})"),
            ("GET", "/strictness", self.strictness, "the vendors' rules that are held"),
            ("POST", "/strictness", self.set_strictness, f'{{"rate_limits": false}}; one or more of {rules}'),
        ]

    async def help(self, _: web.Request) -> web.Response:
        """What there is, as plain text."""
        return web.Response(text=_help(self._world.market.description, self._addresses()["control"], self.routes()))

    async def status(self, _: web.Request) -> web.Response:
        """Everything at a glance."""
        return _json(
            {
                "clock": self._clock(),
                "seed": self._world.seed,
                "market": self._world.market.description,
                "addresses": dict(self._addresses()),
                "faults": self._faults(),
                "strictness": msgspec.to_builtins(self._world.strictness),
                "requests": self._world.requests.counts(),
                "script_actions_left": len(self._script),
            }
        )

    async def clock(self, _: web.Request) -> web.Response:
        """What time it is and how fast it runs."""
        return _json(self._clock())

    async def set_clock(self, request: web.Request) -> web.Response:
        """Jump, step or change the speed; what the script says of the time passed has happened when this answers."""
        document = await _document(request)
        unknown = sorted(set(document) - {"at", "speed", "step"})
        if unknown or not document or {"at", "step"} <= set(document):
            raise ValueError('Say {"at": "2026-01-13 10:30"} or {"step": 60}, and {"speed": 1} with or without them.')
        at = self._moment(document["at"]) if "at" in document else None
        speed = read_speed(document["speed"]) if "speed" in document else None
        step = document.get("step", 0.0)
        if isinstance(step, bool) or not isinstance(step, int | float) or not 0 <= step <= _LONGEST_STEP_S:
            raise ValueError(f"'step' is {step!r}: it must be seconds from 0 to {_LONGEST_STEP_S:.0f}.")
        if step:
            self._moment(self._world.clock.now() + int(step * NANOS_PER_SECOND))
            self._world.clock.step(step)
        self._world.clock.set(at, speed)
        self._script.apply_due(self._world)
        return _json(self._clock())

    async def faults(self, _: web.Request) -> web.Response:
        """The faults in force."""
        return _json(self._faults())

    async def add_fault(self, request: web.Request) -> web.Response:
        """Put one in force."""
        fault = self._world.faults.add(Fault.from_document(await _document(request)), self._world.clock.now())
        return _json(fault.as_document())

    async def clear_faults(self, _: web.Request) -> web.Response:
        """Take all back."""
        self._world.faults.clear()
        return _json([])

    async def remove_fault(self, request: web.Request) -> web.Response:
        """Take one back."""
        fault_id = request.match_info["id"]
        if not fault_id.isdecimal() or not self._world.faults.remove(int(fault_id)):
            raise ValueError(f"No fault {fault_id} is in force.")
        return _json(self._faults())

    async def requests(self, request: web.Request) -> web.Response:
        """The last requests, oldest first."""
        last = request.query.get("last", str(LAST_REQUESTS))
        if not last.isdecimal():
            raise ValueError(f"'last' is {last!r}: it must be a whole number.")
        return _json([{**asked._asdict(), "at": spoken(asked.at)} for asked in self._world.requests.last(int(last))])

    async def strictness(self, _: web.Request) -> web.Response:
        """The rules held."""
        return _json(msgspec.to_builtins(self._world.strictness))

    async def set_strictness(self, request: web.Request) -> web.Response:
        """Change some."""
        set_strictness(self._world.strictness, await _document(request))
        return _json(msgspec.to_builtins(self._world.strictness))

    def _clock(self) -> dict[str, object]:
        now = self._world.clock.now()
        return {"at": spoken(now), "ts": now, "speed": self._world.clock.speed}

    def _faults(self) -> list[dict[str, object]]:
        return [{**fault.as_document(), "struck": struck} for fault, struck in self._world.faults.active()]

    def _moment(self, at: object) -> int:
        if isinstance(at, bool) or not isinstance(at, str | int):
            raise ValueError(f"'at' is {at!r}: it must be a text like 2026-01-13 10:30, or UnixNanos.")
        calendar = self._world.market.calendar
        moment = read_moment(at, indian_day(self._world.clock.now())) if isinstance(at, str) else at
        if not moment_of(calendar.first) <= moment < moment_of(calendar.last + timedelta(days=1)):
            raise ValueError(f"{at} is outside the market's calendar: {calendar.first} to {calendar.last}.")
        return moment


async def _document(request: web.Request) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(await request.read())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"The body is no JSON: {error}.") from error
    if not isinstance(document, dict):
        raise ValueError("The body must be a JSON object.")
    return document


def _errors() -> Middleware:
    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValueError as error:
            return _json({"error": str(error)}, 400)
        except web.HTTPException as error:
            return _json({"error": f"{error.status} {error.reason}: {request.method} {request.path}."}, error.status)

    return around


def _json(document: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(document) + b"\n", content_type="application/json")
