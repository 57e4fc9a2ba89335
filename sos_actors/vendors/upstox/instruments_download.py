"""Fetching Upstox's instrument file; the old one stays until the new one has been read in full."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sos_actors.errors import DataError, StoreFullError, VendorAnswerError
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, UnixNanos
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.instruments import read_upstox_master
from sos_actors.vendors.upstox.rest_wire import VENDOR

USER_AGENT = "sos-actors"
"""Upstox's file server refuses who does not say who he is."""
_REFRESHED_S = 6 * 3600
"""A new file appears about 06:00 in India. Source: Upstox's instruments page."""


@dataclass(frozen=True, slots=True)
class InstrumentFile:
    """A file that was fetched. ``instruments``: how many of its rows SOS can use."""

    path: Path
    fetched: UnixNanos
    instruments: int


def download_instruments(connection: UpstoxConnection, path: Path) -> InstrumentFile:
    """Fetch the file of the settings' address to ``path``, whole or not at all.

    Raises:
        VendorError: it did not come, or is no instrument file; what was there before is untouched.
        StoreFullError: it cannot be written.
    """
    content = connection.fetch(connection.settings.instruments_url, user_agent=USER_AGENT)
    now = connection.clock()
    fresh = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        instruments = len(read_upstox_master(fresh))
        os.utime(fresh, ns=(now, now))
        fresh.replace(path)
    except DataError as error:
        message = f"{connection.settings.instruments_url} is no instrument file, the old one is kept: {error}"
        raise VendorAnswerError(VENDOR, message) from error
    except OSError as error:
        raise StoreFullError(f"Cannot write {path}: {error.strerror or error}. Free some space.") from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
    return InstrumentFile(path, now, instruments)


def age_s(path: Path, now: UnixNanos) -> float | None:
    """Seconds since the file was fetched; None when there is none."""
    try:
        return (now - path.stat().st_mtime_ns) / NANOS_PER_SECOND
    except OSError:
        return None


def is_current(path: Path, now: UnixNanos) -> bool:
    """Whether no newer file can have appeared: it was fetched after the last 06:00 in India, and not after ``now``."""
    age = age_s(path, now)
    since_midnight = (now // NANOS_PER_SECOND + IST_OFFSET_S) % 86_400
    since_refresh = (since_midnight - _REFRESHED_S) % 86_400
    return age is not None and 0 <= age <= since_refresh

