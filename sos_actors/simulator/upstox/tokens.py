"""Access tokens: they die at 03:30 in India, on logout, and when a fault says so. And one-use codes made with them."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec
from aiohttp import web

from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.upstox.answers import VENDOR, UpstoxRefusal
from sos_actors.simulator.world import World
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND

FIRST_TOKEN = "sim-token"
"""Known to everybody and issued at the start, so that the simulator can be used without a login."""
_DAY_S: Final = 86_400
_ROLL_S: Final = 3 * 3_600 + 1_800
_LOGIN = "login"


@dataclass(slots=True)
class _Issued:
    """A token: when it was made, until when it lives (UnixNanos), and the newest expiry fault it has outlived."""

    at: int
    until: int
    fault: int


@dataclass(frozen=True, slots=True)
class _Code:
    purpose: str
    token: str
    client: str = ""
    redirect: str = ""


class Tokens:
    """Every token and one-use code the simulated broker has given out. Used by one event loop only.

    Args:
        world: says what time it is, which faults stand, and whether tokens expire.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._tokens: dict[str, _Issued] = {}
        self._codes: dict[str, _Code] = {}
        self._made = 0
        self._keep(FIRST_TOKEN)

    def issue(self) -> str:
        """A new token, which looks like Upstox's: a JWT with the claims seen in real ones. Old ones stay valid."""
        now = self._world.now(VENDOR)
        claims = {
            "sub": "SIM001",
            "jti": self._unguessed("token")[:24],
            "isMultiClient": False,
            "isPlusPlan": self._world.strictness.plus_plan,
            "iat": now // NANOS_PER_SECOND,
            "iss": "udapi-gateway-service",
            "exp": expiry_of(now) // NANOS_PER_SECOND,
        }
        head = {"typ": "JWT", "key_id": "skae_v1.0", "alg": "HS256"}
        parts = [_base64(msgspec.json.encode(part)) for part in (head, claims)]
        token = ".".join((*parts, _base64(sha256(parts[1].encode()).digest())))
        self._keep(token)
        return token

    def expires_ms(self, token: str) -> int:
        """When a token of ours dies, epoch milliseconds."""
        return self._tokens[token].until // 1_000_000

    def issued_ms(self, token: str) -> int:
        """When a token of ours was made, epoch milliseconds."""
        return self._tokens[token].at // 1_000_000

    def revoke(self, token: str) -> None:
        """Log the holder of a token out."""
        self._tokens.pop(token, None)

    def is_valid(self, token: str) -> bool:
        """Whether a token opens anything now."""
        issued = self._tokens.get(token)
        if issued is None or issued.fault < self._newest_fault():
            return False
        return not self._world.strictness.token_expiry or self._world.now(VENDOR) < issued.until

    def check(self, request: web.Request) -> str:
        """The valid token a request carries as ``Authorization: Bearer``.

        Raises:
            UpstoxRefusal: 401 UDAPI100050: there is none, or it is not valid.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.is_valid(token.strip()):
            raise UpstoxRefusal(401, "UDAPI100050", "Invalid token used to access API")
        return token.strip()

    def check_socket(self, request: web.Request, purpose: str) -> str:
        """The valid token behind a socket's handshake: its one-use ``code`` where it has one, else its header.

        Args:
            request: of the handshake.
            purpose: what the code must have been made for, ``feed/v2``, ``feed/v3`` or ``portfolio``.

        Raises:
            UpstoxRefusal: 401 UDAPI100050 as ``check``; 403 for a code that was used before or never made.
        """
        code = request.query.get("code")
        if code is None:
            return self.check(request)
        entry = self._codes.pop(code, None)
        if entry is None or entry.purpose != purpose:
            raise UpstoxRefusal(403, "UDAPI100069", "Check your 'code', one or both are incorrect")
        if not self.is_valid(entry.token):
            raise UpstoxRefusal(401, "UDAPI100050", "Invalid token used to access API")
        return entry.token

    def socket_code(self, token: str, purpose: str) -> str:
        """A code for one handshake by the holder of ``token``; ``purpose`` as in ``check_socket``."""
        return self._code(_Code(purpose, token))

    def login_code(self, client: str, redirect: str) -> str:
        """A code that ``client`` may turn into one token."""
        return self._code(_Code(_LOGIN, "", client, redirect))

    def redeem_login(self, code: str, client: str, redirect: str) -> str:
        """A new token for a login code. The code is spent even when it is refused.

        Raises:
            UpstoxRefusal: 401 UDAPI100068 the client or the redirect is another's; UDAPI100069 no such code.
        """
        entry = self._codes.pop(code, None)
        if entry is None or entry.purpose != _LOGIN:
            raise UpstoxRefusal(401, "UDAPI100069", "Check your 'client_id' and 'code'; one or both are incorrect.")
        if (entry.client, entry.redirect) != (client, redirect):
            raise UpstoxRefusal(
                401, "UDAPI100068", "Check your 'client_id' and 'redirect_uri'; one or both are incorrect."
            )
        return self.issue()

    def _code(self, entry: _Code) -> str:
        code = self._unguessed("code")[:32]
        self._codes[code] = entry
        return code

    def _keep(self, token: str) -> None:
        now = self._world.now(VENDOR)
        self._tokens[token] = _Issued(now, expiry_of(now), self._newest_fault())

    def _newest_fault(self) -> int:
        """Number of the latest expiry fault in force: what was issued before it is refused."""
        faults = (fault for fault, _ in self._world.faults.active() if fault.vendor == VENDOR)
        return max((fault.id for fault in faults if fault.kind is FaultKind.TOKEN_EXPIRED), default=0)

    def _unguessed(self, kind: str) -> str:
        """Text that repeats with the seed and with nothing else."""
        self._made += 1
        return sha256(f"{self._world.seed}/{kind}/{self._made}".encode()).hexdigest()


TOKENS: web.AppKey[Tokens] = web.AppKey("upstox_tokens", Tokens)
"""Where the app keeps them."""


def expiry_of(at: int) -> int:
    """When a token made at ``at`` (UnixNanos) dies: the next 03:30 in India, UnixNanos."""
    local = at // NANOS_PER_SECOND + IST_OFFSET_S
    roll = local // _DAY_S * _DAY_S + _ROLL_S
    return (roll + (_DAY_S if local >= roll else 0) - IST_OFFSET_S) * NANOS_PER_SECOND


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
