"""Logging in to Upstox: waits for the browser to come back with a code, or reads what the trader pasted."""

from __future__ import annotations

import hmac
import secrets
import threading
from html import escape
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from sos_actors.errors import TokenRefusedError, UsageError
from sos_actors.types import Secret

DEFAULT_REDIRECT = "http://127.0.0.1:8787/"
"""Where the browser comes back to; the same must be registered with the app at Upstox."""
PATIENCE_S = 300.0
_REQUEST_S = 5.0
_PAGE_S = 1.0
_LONGEST_REASON = 160
_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
    '<title>SOS</title></head><body style="font:1.2rem sans-serif;margin:4rem"><p>{text}</p></body></html>'
)
_TAKEN = "The answer has arrived. The terminal says whether the login worked. This page can be closed."
_EARLIER = "An answer has arrived before this one; the terminal says what became of it. This page can be closed."
_NOTHING = "SOS is waiting for a login at Upstox. There is nothing else here."


class AnotherLoginError(TokenRefusedError):
    """An answer whose state is not the one that was sent: another login's, or somebody's who was not asked."""


def new_state() -> str:
    """A random word that must come back with the code, so that nobody else's code is taken."""
    return secrets.token_urlsafe(24)


def code_of(text: str, state: str | None) -> Secret:
    """The code in what the browser was sent back with, or the code itself.

    Args:
        text: the whole address from the browser's bar, or just the code.
        state: what must have come back with it; None does not look. A code alone has none, and is taken.

    Raises:
        AnotherLoginError: the state is another.
        TokenRefusedError: Upstox said no, or there is no code.
    """
    text = text.strip()
    if text and "?" not in text and "=" not in text and "/" not in text:
        return Secret(text)
    query = _query(text)
    told = query.get("state", [""])[0]
    is_ours = state is None or hmac.compare_digest(told.encode("utf-8", "replace"), state.encode())
    if query.get("code", [""])[0]:
        if not is_ours:
            raise AnotherLoginError("upstox", "The answer belongs to another login. Begin again with 'sos login'.")
        return Secret(query["code"][0])
    if told and not is_ours:
        raise AnotherLoginError("upstox", "The refusal belongs to another login. Begin again with 'sos login'.")
    reason = query.get("error_description", query.get("error", ["there is none in it"]))[0]
    raise TokenRefusedError("upstox", f"The browser came back without a code: {_shown(reason)}.")


def _query(text: str) -> dict[str, list[str]]:
    try:
        return parse_qs(urlsplit(text).query or text)
    except ValueError:
        return {}


def _shown(reason: str) -> str:
    """A stranger's words as one harmless line."""
    line = " ".join(reason.split())[:_LONGEST_REASON].rstrip(". ")
    return "".join(letter if letter.isprintable() else "?" for letter in line)


class RedirectListener:
    """A web server on this machine that waits for one redirect; a context manager.

    Answers of other logins are not taken: a page in the same browser may send some. So the first one with our state
    counts, and any request before or after it does no harm.

    Args:
        redirect_url: as registered with the app; its host must be this machine.
        state: what must come back.

    Raises:
        UsageError: the address is not this machine's, or its port is taken.
    """

    def __init__(self, redirect_url: str, state: str) -> None:
        self._state = state
        self._path, port = _local(redirect_url)
        self._came, self._told, self._turn = threading.Event(), threading.Event(), threading.Lock()
        self._answer: Secret | TokenRefusedError | None = None
        self._strangers = 0
        try:
            self._server = _Server(("127.0.0.1", port), self._handler())
        except OSError as error:
            raise UsageError(
                f"Port {port} of {redirect_url} cannot be used: {error.strerror}. Close what uses it, or run 'sos "
                "login --paste'."
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="redirect", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._came.is_set():
            self._told.wait(_PAGE_S)  # the browser gets its page
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, patience_s: float = PATIENCE_S) -> Secret:
        """The code.

        Raises:
            TokenRefusedError: it did not come in time, or Upstox said no.
        """
        if not self._came.wait(patience_s) or self._answer is None:
            others = " An answer came, of another login." if self._strangers else ""
            raise TokenRefusedError(
                "upstox",
                f"Nobody logged in within {patience_s:g} s.{others} Run 'sos login' again, or 'sos login --paste'.",
            )
        if isinstance(self._answer, TokenRefusedError):
            raise self._answer
        return self._answer

    def take(self, target: str) -> tuple[int, str]:
        """Look at one request's path and query; returns the HTTP status and the text to answer with."""
        path = target.partition("?")[0]
        if path != self._path or not {"code", "error"} & _query(target).keys():
            return (200 if path == self._path else 404), _NOTHING
        with self._turn:
            if self._came.is_set():
                return 200, _EARLIER
            try:
                self._answer = code_of(target, self._state)
            except AnotherLoginError as error:
                self._strangers += 1
                return 400, _spoken(error)
            except TokenRefusedError as error:
                self._answer = error
                self._came.set()
                return 400, _spoken(error)
            self._came.set()
            return 200, _TAKEN

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take, told = self.take, self._told

        class Handler(BaseHTTPRequestHandler):
            """Answers the browser; logs nothing, since the code is in the address."""

            timeout = _REQUEST_S
            server_version, sys_version = "SOS", ""

            def do_GET(self) -> None:
                """Take the redirect."""
                status, text = take(self.path)
                self._say(status, text, with_body=True)
                if text != _NOTHING:
                    told.set()

            def do_HEAD(self) -> None:
                """A look ahead, which takes nothing."""
                self._say(200, _NOTHING, with_body=False)

            def _say(self, status: int, text: str, *, with_body: bool) -> None:
                body = _PAGE.format(text=escape(text)).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.send_header("Connection", "close")
                self.end_headers()
                if with_body:
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        return Handler


class _Server(ThreadingTCPServer):
    """A thread a connection: browsers open some that they never use, and those must not hold up the redirect."""

    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away is no error; a trace of it would show the code."""


def _local(redirect_url: str) -> tuple[str, int]:
    """Path and port of an address of this machine.

    Raises:
        UsageError: it is none.
    """
    try:
        parts = urlsplit(redirect_url)
        port = parts.port or 80
    except ValueError:
        raise UsageError(f"{redirect_url} is not an address. Write it like {DEFAULT_REDIRECT}") from None
    if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost"):
        raise UsageError(
            f"{redirect_url} is not an address of this machine, so its answer cannot be waited for. Run 'sos "
            "login --paste' and paste the address the browser ends at."
        )
    return parts.path or "/", port


def _spoken(error: TokenRefusedError) -> str:
    return f"{str(error).removeprefix('upstox: ')} The terminal says how to go on."
