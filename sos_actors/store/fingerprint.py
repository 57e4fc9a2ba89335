"""One number for the data a run read: the same columns give the same SHA-256 on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from sos_actors.messages.market import BarSeries
from sos_actors.store.columns import ChainColumns, StatsColumns

Columns = BarSeries | ChainColumns | StatsColumns


def fingerprint_of(parts: Iterable[tuple[str, Columns]]) -> str:
    """Hash named columns, little-endian; a part without rows counts as its name only.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name, columns in parts:
        digest.update(f"{name} {len(columns)}\n".encode())
        for field in fields(columns):
            column = np.asarray(getattr(columns, field.name))
            digest.update(np.ascontiguousarray(column, column.dtype.newbyteorder("<")).data)
    return digest.hexdigest()
