"""The account itself: who it is, what it may trade, its kill switch, its registered addresses."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from upstox_client import PortfolioApi, UserApi

from sos_actors.errors import VendorAnswerError
from sos_actors.vendors.upstox import fields
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.fields import Row
from sos_actors.vendors.upstox.rest_wire import VENDOR


@dataclass(frozen=True, slots=True)
class Profile:
    """Who the token belongs to.

    Attributes:
        exchanges: such as ``NSE``, ``NFO``.
        products: such as ``I``, ``D``.
        active: whether the account may be used.
    """

    user_id: str
    user_name: str
    exchanges: tuple[str, ...]
    products: tuple[str, ...]
    active: bool


@dataclass(frozen=True, slots=True)
class SegmentSwitch:
    """One segment's kill switch. ``active``: it can be traded; ``killed``: its kill switch is on."""

    segment: str
    active: bool
    killed: bool


@dataclass(frozen=True, slots=True)
class StaticIps:
    """The addresses orders are taken from; empty where none is registered."""

    primary: str
    secondary: str


class UpstoxAccount:
    """Reads the account, and throws its kill switch. Thread-safe. Every method raises VendorError."""

    def __init__(self, connection: UpstoxConnection) -> None:
        self._connection = connection
        self._user, self._portfolio = UserApi(connection.sdk), PortfolioApi(connection.sdk)

    def profile(self) -> Profile:
        """Who the token belongs to; the cheapest way to learn whether it is good."""
        return profile(self._connection.call(self._user.get_profile, "2.0")["data"])

    def holdings(self) -> int:
        """How many securities are held for delivery."""
        return len(fields.rows(self._connection.call(self._portfolio.get_holdings, "2.0")["data"], "The holdings"))

    def kill_switch(self) -> list[SegmentSwitch]:
        """The segments' switches."""
        return kill_switch(self._connection.call(self._user.get_kill_switch)["data"])

    def set_kill_switch(self, segments: Collection[str], *, kill: bool) -> list[SegmentSwitch]:
        """Close segments for trading, or open them again; all of them or none.

        Closing needs positions of none, cancels open orders, and holds for 12 hours at least. Sent once.

        Args:
            segments: such as ``NSE_FO``.
            kill: whether to close.

        Raises:
            VendorRefusedError: open positions, or too early to open again.
            VendorError: the outcome is unknown; ask ``kill_switch``.
        """
        action = "DISABLE" if kill else "ENABLE"
        body = [{"segment": segment, "action": action} for segment in segments]
        return kill_switch(self._connection.call(self._user.update_kill_switch, body)["data"])

    def static_ips(self) -> StaticIps:
        """The registered addresses."""
        return static_ips(self._connection.call(self._user.get_user_ips)["data"])


def profile(data: object) -> Profile:
    """The profile of an answer.

    Raises:
        VendorAnswerError: it cannot be read.
    """
    what = "The profile"
    row = fields.mapping(data, what)
    return Profile(
        user_id=fields.text(row, "user_id", what),
        user_name=fields.words(row, "user_name"),
        exchanges=_names(row, "exchanges"),
        products=_names(row, "products"),
        active=_flag(row, "is_active", what),
    )


def kill_switch(data: object) -> list[SegmentSwitch]:
    """The switches of an answer.

    Raises:
        VendorAnswerError: they cannot be read.
    """
    what = "The kill switch"
    states = {"ACTIVE": True, "INACTIVE": False}
    found = []
    for row in fields.rows(data, what):
        active = states.get(fields.text(row, "segment_status", what))
        if active is None:
            raise fields.bad(what, "segment_status", row)
        killed = _flag(row, "kill_switch_enabled", what)
        found.append(SegmentSwitch(fields.text(row, "segment", what), active, killed))
    return found


def static_ips(data: object) -> StaticIps:
    """The addresses of an answer.

    Raises:
        VendorAnswerError: they cannot be read.
    """
    row = fields.mapping(data, "The registered addresses")
    if "primary_ip" not in row:
        raise VendorAnswerError(VENDOR, "The registered addresses cannot be read: there is no 'primary_ip'.")
    return StaticIps(fields.words(row, "primary_ip"), fields.words(row, "secondary_ip"))


def _names(row: Row, key: str) -> tuple[str, ...]:
    value = row.get(key)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise fields.bad("The profile", key, row)
    return tuple(value)


def _flag(row: Row, key: str, what: str) -> bool:
    value = row.get(key)
    if not isinstance(value, bool):
        raise fields.bad(what, key, row)
    return value
