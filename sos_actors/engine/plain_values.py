"""Values as the plain ones that msgpack knows, and back, by the annotations of dataclasses. For ``recording.py``.

Nothing is lost: floats keep their bits, arrays are little-endian bytes, enums their values. A dataclass becomes a list
of its fields; fields that a later version added at the end take their defaults when an older list is read.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import Enum
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sos_actors.errors import JournalError

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Conversion:
    """Both ways; None where the value is plain already."""

    to_plain: Convert | None = None
    from_plain: Convert | None = None


_AS_IT_IS = Conversion()
_PLAIN = (int, float, str, bytes, bool, type(None))


@dataclass(frozen=True, slots=True)
class FieldsConversion:
    """A dataclass to the values of its fields, in order, and back.

    Attributes:
        kind: the dataclass.
        values_of: all fields of one, in order.
        to_plain, from_plain: (position, conversion) of the fields that need one.
    """

    kind: type[Any]
    values_of: Callable[[Any], tuple[Any, ...]]
    to_plain: tuple[tuple[int, Convert], ...]
    from_plain: tuple[tuple[int, Convert], ...]

    def pack(self, value: Any) -> list[Any]:
        """The fields of ``value`` as plain values."""
        values = list(self.values_of(value))
        for at, convert in self.to_plain:
            values[at] = convert(values[at])
        return values

    def unpack(self, values: list[Any]) -> Any:
        """The dataclass that ``pack`` was given; ``values`` is used up.

        Raises:
            JournalError: these are not its fields.
        """
        try:
            for at, convert in self.from_plain:
                if at < len(values):
                    values[at] = convert(values[at])
            return self.kind(*values)
        except (TypeError, ValueError, KeyError) as error:
            raise JournalError(f"What is recorded of a {self.kind.__name__} is not one: {error}.") from error


def fields_conversion(kind: type[Any]) -> FieldsConversion:
    """How a dataclass is converted, from the annotations of its fields.

    Raises:
        TypeError: a field has an annotation that has no plain form.
    """
    names = [field.name for field in fields(kind)]
    hints = typing.get_type_hints(kind)
    each = [conversion(hints[name]) for name in names]
    get = attrgetter(*names)
    return FieldsConversion(
        kind,
        get if len(names) > 1 else lambda value: (get(value),),
        tuple((at, one.to_plain) for at, one in enumerate(each) if one.to_plain is not None),
        tuple((at, one.from_plain) for at, one in enumerate(each) if one.from_plain is not None),
    )


def conversion(annotation: Any) -> Conversion:
    """How a value of an annotation is converted.

    Raises:
        TypeError: it has no plain form.
    """
    annotation = getattr(annotation, "__supertype__", annotation)
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        inner = [conversion(part) for part in parts if part is not type(None)]
        if len(inner) == 1:
            return Conversion(_unless_none(inner[0].to_plain), _unless_none(inner[0].from_plain))
        if all(one == _AS_IT_IS for one in inner):
            return _AS_IT_IS
    if origin is np.ndarray:
        return Conversion(array_to_plain, array_from_plain)
    if origin is tuple and len(parts) == 2 and parts[1] is ...:
        return _collection(conversion(parts[0]), list, tuple)
    if origin is frozenset:
        return _collection(conversion(parts[0]), sorted, frozenset)
    if origin in (dict, Mapping) and parts[0] is str:
        return _mapping(conversion(parts[1]))
    if annotation is date:
        return Conversion(date.isoformat, date.fromisoformat)
    if is_dataclass(annotation) and isinstance(annotation, type):
        whole = fields_conversion(annotation)
        return Conversion(whole.pack, whole.unpack)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Conversion(None, annotation)
    if annotation in _PLAIN or annotation is Any:
        return _AS_IT_IS
    raise TypeError(f"{annotation} has no plain form")


def array_to_plain(values: NDArray[Any]) -> list[Any]:
    """An array as its type, its shape and its bytes, little-endian, rows one after the other."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return [little.dtype.str, list(values.shape), little.tobytes()]


def array_from_plain(plain: list[Any]) -> NDArray[Any]:
    """The array, which may be written to."""
    kind, shape, data = plain
    little = np.dtype(kind)
    return np.frombuffer(data, little).reshape(shape).astype(little.newbyteorder("="))


def number_to_plain(value: object) -> int | float | bool | str:
    """A NumPy number as Python's own, for the encoder's hook.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(value, np.bool_ | np.integer | np.floating):
        own: int | float | bool = value.item()
        return own
    raise TypeError(f"{type(value).__name__} has no plain form")


def _unless_none(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _collection(each: Conversion, listed: Convert, made: Convert) -> Conversion:
    """Of members: ``listed`` puts them in a list, ``made`` makes the collection of one."""
    there, back = each.to_plain, each.from_plain
    return Conversion(
        listed if there is None else lambda values: [there(value) for value in listed(values)],
        made if back is None else lambda values: made(back(value) for value in values),
    )


def _mapping(each: Conversion) -> Conversion:
    there, back = each.to_plain, each.from_plain
    return Conversion(
        dict if there is None else lambda values: {name: there(value) for name, value in values.items()},
        None if back is None else lambda values: {name: back(value) for name, value in values.items()},
    )
