"""The kill switch: segments the user has closed for new orders, for at least twelve hours.

Source: the documentation's pages on the kill switch, April 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sos_actors.simulator.upstox.request_fields import refused
from sos_actors.types import NANOS_PER_SECOND

COOLING_NS: Final = 12 * 3600 * NANOS_PER_SECOND
_ACTIVE: Final = ("NCD_FO", "NSE_EQ", "BCD_FO", "BSE_FO", "NSE_FO", "BSE_EQ")
_INACTIVE: Final = ("MCX_FO", "NSE_COM")
SEGMENTS: Final = ("MCX_FO", "NCD_FO", "NSE_EQ", "BCD_FO", "BSE_FO", "NSE_FO", "BSE_EQ", "NSE_COM")
"""In the order of the documentation's sample; the account may not trade commodities."""


class KillSwitch:
    """Which segments are closed, and since when.

    Args:
        has_positions: whether anything is open in a segment.
        cancel_orders: takes back what is open in a segment.
    """

    def __init__(self, has_positions: Callable[[str], bool], cancel_orders: Callable[[str], None]) -> None:
        self._has_positions, self._cancel_orders = has_positions, cancel_orders
        self._since: dict[str, int] = {}

    def is_disabled(self, segment: str) -> bool:
        """Whether a segment such as ``NSE_FO`` is closed."""
        return segment in self._since

    def rows(self) -> list[dict[str, Any]]:
        """Every segment: whether the account may trade it at all, and whether the switch stands on it."""
        return [
            {
                "segment": segment,
                "segment_status": "ACTIVE" if segment in _ACTIVE else "INACTIVE",
                "kill_switch_enabled": segment in self._since,
            }
            for segment in SEGMENTS
        ]

    def update(self, actions: Any, now: int) -> None:
        """Close or open segments, all that are asked for or none.

        Args:
            actions: the request's list of ``{"segment": ..., "action": "DISABLE" | "ENABLE"}``.
            now: UnixNanos.

        Raises:
            UpstoxRefusal: 400: no such segment or action, open positions, or too early to open again.
        """
        wanted = [self._checked(entry, now) for entry in _entries(actions)]
        for segment, disable in wanted:
            if not disable:
                self._since.pop(segment, None)
            elif segment not in self._since:
                self._since[segment] = now
                self._cancel_orders(segment)

    def _checked(self, entry: Any, now: int) -> tuple[str, bool]:
        segment = entry.get("segment") if isinstance(entry, dict) else None
        if segment not in _ACTIVE:
            raise refused("UDAPI1186", "The specified segment does not exist.", "segment", segment)
        action = entry.get("action")
        if action not in ("ENABLE", "DISABLE"):
            raise refused("UDAPI1188", "Invalid action. Allowed values are ENABLE and DISABLE.", "action", action)
        since = self._since.get(segment)
        if action == "ENABLE" and since is not None and now < since + COOLING_NS:
            raise refused("UDAPI1185", "Cannot enable segment - cooling period is still in effect.", "segment", segment)
        if action == "DISABLE" and self._has_positions(segment):
            message = "Segment status cannot be changed until all open positions are closed."
            raise refused("UDAPI1184", message, "segment", segment)
        return segment, action == "DISABLE"


def _entries(actions: Any) -> Sequence[Any]:
    if not isinstance(actions, list) or not actions:
        raise refused("UDAPI100036", "Invalid Input")
    return actions
