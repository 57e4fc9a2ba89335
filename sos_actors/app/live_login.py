"""A new login while the system runs: noticed in the credentials file, and given to everybody who shows the token.

Nothing has to be started again after the token has ended in the middle of a session: `sos login` is enough.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from sos_actors.app.credentials import account_of, credentials_path, read_login
from sos_actors.errors import SosError
from sos_actors.runtime.clock import Clock, wall_time
from sos_actors.runtime.trading_gate import Rung, TradingGate
from sos_actors.types import Secret
from sos_actors.vendors.upstox.connection import UpstoxConnection

_log = logging.getLogger(__name__)
LOGIN = "login"
"""Key under which trading is held back while Upstox does not take the token."""
EVERY_S = 1.0
"""Real seconds between two looks; one costs a look at the file's time."""
_REFUSED = "Upstox does not take the token any more: run 'sos login' in another terminal; this run goes on with it."


@dataclass(slots=True)
class LoginWatch:
    """Looks now and then; used by one thread.

    Attributes:
        connection: knows whether the token was refused, and gets the new one.
        gate: is held while it is refused: nothing can be entered, and exits are tried again and again.
        tell: gives the new token to the others: worker processes, feed, order stream.
        now: the wall clock, by which logins end.
    """

    connection: UpstoxConnection
    token: Secret
    gate: TradingGate
    tell: Callable[[Secret], object]
    now: Clock = wall_time
    _seen: tuple[int, int, int] | None = field(init=False)
    _is_held: bool = False

    def __post_init__(self) -> None:
        self._seen = _stamp()

    def look(self) -> None:
        """Look once."""
        if (stamp := _stamp()) != self._seen:
            self._seen = stamp
            self._take()
        if self.connection.is_token_refused and not self._is_held:
            self._is_held = True
            _log.error("%s", _REFUSED)
            self.gate.hold(LOGIN, Rung.EXITS_ONLY, _REFUSED)
        elif self._is_held and not self.connection.is_token_refused:
            self._is_held = False
            self.gate.release(LOGIN)

    def _take(self) -> None:
        """The file has changed: is there another token in it?"""
        try:
            login = read_login(account_of(self.connection.settings.rest_url))
            if not login.is_valid(self.now()) or login.token.reveal() == self.token.reveal():
                return
            self.connection.set_token(login.token)
        except SosError as error:
            _log.warning("The login cannot be taken: %s", error)
            return
        self.token = login.token
        _log.info("There is a new login: it is used from now on.")
        self.tell(login.token)


def _stamp() -> tuple[int, int, int] | None:
    """What changes whenever the file is written; None while there is none."""
    try:
        seen = os.stat(credentials_path())
    except (OSError, SosError):
        return None
    return seen.st_mtime_ns, seen.st_ino, seen.st_size
