"""A script of what happens when: faults, an end of faults, another speed, other rules, each at a simulated moment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec

from sos_actors.errors import UsageError
from sos_actors.simulator.faults import Fault
from sos_actors.simulator.moments import read_moment
from sos_actors.simulator.world import Strictness, World

EXAMPLE = """\
[{"at": "10:05", "fault": {"vendor": "nse", "kind": "html", "times": 3}},
 {"at": "10:30:15", "fault": {"vendor": "upstox", "kind": "drop", "path": "feed"}},
 {"at": "11:00", "clear": true},
 {"at": "11:00", "strictness": {"rate_limits": false}},
 {"at": "2026-01-14 09:15", "speed": 60}]
"""
"""A script with every kind of action, as ``read_script`` reads it."""
_ACTIONS = ("fault", "clear", "speed", "strictness")


@dataclass(frozen=True, slots=True)
class ScriptedAction:
    """One thing that happens at ``at`` (UnixNanos); just one of the others is set."""

    at: int
    fault: Fault | None = None
    clear: bool = False
    speed: float | None = None
    strictness: Strictness | None = None
    stricter: frozenset[str] = frozenset()
    """The rules of ``strictness`` that are meant."""


class Script:
    """Actions in the order of their times; each is done once, as soon as the clock has reached it.

    A clock set back does not bring back what was done.
    """

    def __init__(self, actions: Sequence[ScriptedAction] = ()) -> None:
        self._waiting = sorted(actions, key=lambda action: action.at)

    def __len__(self) -> int:
        return len(self._waiting)

    def apply_due(self, world: World) -> None:
        """Do whatever is due by now."""
        while self._waiting and self._waiting[0].at <= world.clock.now():
            _do(self._waiting.pop(0), world)

    async def run(self, world: World) -> None:
        """Do everything at its time; returns after the last."""
        self.apply_due(world)
        while self._waiting:
            await world.clock.sleep_until(self._waiting[0].at)
            self.apply_due(world)


def _do(action: ScriptedAction, world: World) -> None:
    if action.fault is not None:
        world.faults.add(action.fault, now=action.at)
    if action.clear:
        world.faults.clear()
    if action.speed is not None:
        world.clock.set(speed=action.speed)
    if action.strictness is not None:
        for name in action.stricter:
            setattr(world.strictness, name, getattr(action.strictness, name))


def read_script(file: Path, day: date) -> Script:
    """Read a script file: ``[{"at": "10:05:00", "fault": {"vendor": "nse", "kind": "html"}}, ...]``.

    Args:
        file: JSON, a list of actions: each an ``at`` and one of ``fault``, ``clear`` (true), ``speed``, ``strictness``.
        day: of an ``at`` without a date.

    Raises:
        UsageError: it cannot be read, or says what there is not; the message names the file and the action.
    """
    try:
        document = msgspec.json.decode(file.read_bytes())
    except OSError as error:
        raise UsageError(f"The script {file} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The script {file} is no JSON: {error}.") from error
    if not isinstance(document, list):
        raise UsageError(f'The script {file} must be a list of actions: [{{"at": "10:05:00", ...}}, ...].')
    actions = []
    for number, entry in enumerate(document, 1):
        try:
            actions.append(read_action(entry, day))
        except ValueError as error:
            raise UsageError(f"The script {file}, action {number}: {error}") from error
    return Script(actions)


def read_action(entry: object, day: date) -> ScriptedAction:
    """Read one action of a script.

    Raises:
        ValueError: not an action; the message is a full sentence.
    """
    if not isinstance(entry, dict):
        raise ValueError('It is no object: write it like {"at": "10:05:00", "clear": true}.')
    unknown = sorted(set(entry) - {"at", *_ACTIONS})
    if unknown:
        raise ValueError(f"An action has no key {unknown[0]!r}: it has at and one of {', '.join(_ACTIONS)}.")
    given = [key for key in _ACTIONS if key in entry]
    if len(given) != 1 or not isinstance(entry.get("at"), str):
        raise ValueError(f"An action has an 'at' (a text like 10:05:00) and one of {', '.join(_ACTIONS)}.")
    at, value = read_moment(entry["at"], day), entry[given[0]]
    if given[0] == "fault":
        if not isinstance(value, dict):
            raise ValueError(f"'fault' is {value!r}: it must be an object with a vendor and a kind.")
        return ScriptedAction(at, fault=Fault.from_document(value))
    if given[0] == "clear":
        if value is not True:
            raise ValueError(f"'clear' is {value!r}: it can only be true.")
        return ScriptedAction(at, clear=True)
    if given[0] == "speed":
        return ScriptedAction(at, speed=read_speed(value))
    strictness = Strictness()
    return ScriptedAction(at, strictness=strictness, stricter=set_strictness(strictness, value))


def read_speed(value: object) -> float:
    """Simulated seconds a real second.

    Raises:
        ValueError: not a number from 0 to 100,000.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100_000:
        raise ValueError(f"'speed' is {value!r}: it must be a number from 0 (stand still) to 100000.")
    return float(value)


def set_strictness(strictness: Strictness, document: object) -> frozenset[str]:
    """Change the rules that a document names; returns their names.

    Raises:
        ValueError: no such rule, or a value it cannot have; nothing was changed then.
    """
    rules = {rule.name: getattr(Strictness(), rule.name) for rule in dataclasses.fields(Strictness)}
    if not isinstance(document, Mapping) or not document:
        raise ValueError(f"Strictness is an object with one or more of {', '.join(rules)}.")
    for name, value in document.items():
        if name not in rules:
            raise ValueError(f"There is no rule {name!r}: there are {', '.join(rules)}.")
        if not _fits(name, value, rules[name]):
            raise ValueError(f"{name!r} cannot be {value!r}: by default it is {rules[name]!r}.")
    for name, value in document.items():
        setattr(strictness, name, value)
    return frozenset(document)


def _fits(name: str, value: object, default: object) -> bool:
    if isinstance(default, bool):
        return isinstance(value, bool)
    if name == "expired_reach_days" and value is None:
        return True
    number = int if isinstance(default, int) else int | float
    return isinstance(value, number) and not isinstance(value, bool) and value >= 0
