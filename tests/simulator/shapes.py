"""Compares answers by shape: which keys there are, always or sometimes, and which types their values have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Shape:
    """The types seen at one place, and what lies below it."""

    types: set[str] = field(default_factory=set)
    keys: dict[str, Shape] = field(default_factory=dict)
    always: set[str] | None = None
    items: Shape | None = None


def shape_of(value: Any, into: Shape | None = None) -> Shape:
    """The shape of a value, added to one already seen; a dictionary keyed by numbers counts as a list of its values."""
    shape = into if into is not None else Shape()
    shape.types.add(type(value).__name__)
    if isinstance(value, dict) and value and all(str(key).isdecimal() for key in value):
        value = list(value.values())
    if isinstance(value, dict):
        shape.always = set(value) if shape.always is None else shape.always & set(value)
        for key, inner in value.items():
            shape.keys[key] = shape_of(inner, shape.keys.get(key))
    if isinstance(value, list):
        for inner in value:
            shape.items = shape_of(inner, shape.items)
    return shape


def differences(real: Shape, ours: Shape, *, whole_floats: bool = False, at: str = "") -> list[str]:
    """What our answer has that the real one has not, and the other way round.

    Args:
        real: of what was captured.
        ours: of what is simulated.
        whole_floats: whether an integer may stand where the real answer had fractions, as JavaScript writes numbers.
        at: where we are, for the messages.
    """
    allowed = real.types | ({"int"} if whole_floats and "float" in real.types else set())
    found = [f"{at}: {kind} instead of {sorted(real.types)}" for kind in sorted(ours.types - allowed)]
    found += [f"{at}.{key}: invented" for key in sorted(ours.keys.keys() - real.keys.keys())]
    if ours.always is not None:
        found += [f"{at}.{key}: missing" for key in sorted((real.always or set()) - ours.always)]
    for key in sorted(real.keys.keys() & ours.keys.keys()):
        inner = differences(real.keys[key], ours.keys[key], whole_floats=whole_floats, at=f"{at}.{key}")
        found += inner
    if real.items is not None and ours.items is not None:
        found += differences(real.items, ours.items, whole_floats=whole_floats, at=f"{at}[]")
    return found
