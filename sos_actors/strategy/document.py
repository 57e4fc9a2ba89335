"""Reads hostile JSON safely: size, nesting, numbers and keys are checked, nothing is trusted. No file access."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from sos_actors.errors import StrategyError

MAX_BYTES = 1_000_000
MAX_NESTING = 24
_MAX_DIGITS = 40
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|([\[{])|([\]}])', re.S)


class DocumentError(StrategyError):
    """The bytes are not a JSON document we accept."""


class RepeatedKeys(dict[str, object]):
    """A JSON object in which keys stood twice (``repeated``); the last value counts, as in both older engines."""

    def __init__(self, pairs: list[tuple[str, object]], repeated: tuple[str, ...]) -> None:
        super().__init__(pairs)
        self.repeated = repeated


@dataclass(frozen=True, slots=True)
class Repetition:
    """A key that stands more than once in the object at ``json_path``."""

    json_path: str
    key: str


def read_document(data: bytes) -> object:
    """The value of a JSON document in UTF-8, with or without a byte order mark.

    Raises:
        DocumentError: too large, too deep, not UTF-8, not JSON, or a number no file needs.
    """
    if len(data) > MAX_BYTES:
        raise DocumentError(f"The file has more than {MAX_BYTES:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"The file is not UTF-8: byte {error.start} cannot be read") from None
    _check_nesting(text)
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        raise DocumentError(f"Not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None


def _check_nesting(text: str) -> None:
    depth = 0
    for token in _TOKEN.finditer(text):
        if token.group(1):
            depth += 1
            if depth > MAX_NESTING:
                raise DocumentError(f"The document is more than {MAX_NESTING} levels deep")
        elif token.group(2):
            depth -= 1


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    seen: set[str] = set()
    repeated = {key: None for key, _ in pairs if key in seen or seen.add(key)}  # type: ignore[func-returns-value]
    return RepeatedKeys(pairs, tuple(repeated))


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise DocumentError(f"A number has {len(digits)} digits")
    return int(digits)


def _fraction(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise DocumentError(f"The number {digits[:_MAX_DIGITS]} is too large")
    return value


def _constant(word: str) -> float:
    raise DocumentError(f"{word} is not a number JSON knows")


def repetitions(value: object, json_path: str = "$") -> list[Repetition]:
    """Every repeated key of a document, outermost first."""
    found: list[Repetition] = []
    if isinstance(value, RepeatedKeys):
        found.extend(Repetition(json_path, key) for key in value.repeated)
    if isinstance(value, dict):
        for key, inner in value.items():
            found.extend(repetitions(inner, member(json_path, key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found.extend(repetitions(inner, f"{json_path}[{index}]"))
    return found


def member(json_path: str, key: str) -> str:
    """The path of an object's member: ``$.a``, or ``$['odd key']``."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", key):
        return f"{json_path}.{key}"
    return f"{json_path}[{key[:64]!r}]"
