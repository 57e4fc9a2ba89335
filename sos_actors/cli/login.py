"""`sos login`: the daily token of Upstox, through the browser or pasted; kept outside the checkout."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sos_actors.app.credentials import UpstoxLogin, account_of, credentials_path, forget, read_login, write_login
from sos_actors.app.fitting import printable
from sos_actors.app.login import DEFAULT_REDIRECT, PATIENCE_S, RedirectListener, code_of, new_state
from sos_actors.cli.arguments import Subparsers, new_command
from sos_actors.config import Config, is_loopback
from sos_actors.errors import ConfigError, TokenRefusedError, UsageError, VendorError
from sos_actors.runtime.clock import wall_time
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, NO_SECRET, Secret
from sos_actors.vendors.upstox.account import UpstoxAccount
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.login import TokenGrant, dialog_url, exchange_code, logout, token_end

KEY, HUSH = "UPSTOX_API_KEY", "UPSTOX_API_SECRET"
"""Names in the environment."""

EXAMPLE = """
sos login
sos login --paste          # no browser on this machine: open the address elsewhere, paste where it ends
sos login --token          # a token you made at Upstox; a script pipes it in
sos login --status
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command line."""
    parser = new_command(
        subparsers, "login",
        "Get the day's Upstox token.\n\n"
        "Upstox's tokens end every night at 03:30 in India. This opens Upstox's own page in the browser, waits for it "
        f"to come back to {DEFAULT_REDIRECT} (register that address with your app at Upstox, or name another with "
        "--redirect), and keeps the token in a file only you can read, outside the checkout: SOS_SECRETS, else "
        "~/.config/sos/credentials.json. A token is kept only when it works, and only used at "
        "the address it was made at: a login at a simulator leaves the real one alone.\n\n"
        f"The app's API key and secret are asked for once and kept beside it. Those of {KEY} and {HUSH} come first and "
        "are never written down. Secrets are not taken from the command line, where other users of the machine would "
        "see them.",
        EXAMPLE,
    )  # fmt: skip
    parser.hushed = "the token is asked for, not given on the command line"
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--paste", action="store_true", help="print the address, then paste where the browser ended")
    way.add_argument("--token", action="store_true", help="paste a token instead of logging in")
    way.add_argument("--status", action="store_true", help="say who is logged in and until when; 1 when nobody is")
    way.add_argument("--forget", action="store_true", help="end the token at Upstox and delete what is kept of it")
    parser.add_argument("--redirect", metavar="URL", help=f"as registered with the app (default {DEFAULT_REDIRECT})")


def run(args: argparse.Namespace, config: Config) -> int:
    """Log in; 0 when there is a token that works."""
    if args.redirect and (args.token or args.status or args.forget):
        raise UsageError("--redirect is for logging in through a browser: leave it out here.")
    account = account_of(config.upstox.rest_url)
    if args.status:
        return _status(read_login(account), _simulated(config))
    if args.forget:
        return _forget(config)
    try:
        return _log_in(args, config, read_login(account))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Stopped; nobody was logged in, and what was stored is unchanged.") from None


def _log_in(args: argparse.Namespace, config: Config, stored: UpstoxLogin) -> int:
    if is_loopback(config.upstox.rest_url):
        print(f"sos: Upstox is SIMULATED here, at {config.upstox.rest_url}: the login is no real one.", file=sys.stderr)
    with UpstoxConnection(config.upstox, None) as connection:
        if args.token:
            token = Secret(_asked("Token: "))
            grant, kept = TokenGrant(token, token_end(token, wall_time()), ""), stored
        else:
            app, kept = _app(stored, args.redirect, os.environ)
            grant = _through_browser(args, config, connection, app)
        connection.set_token(grant.token)
        user = printable(UpstoxAccount(connection).profile().user_id)
    login = replace(kept, token=grant.token, expires=int(grant.expires), user=user)
    path = write_login(account_of(config.upstox.rest_url), login)
    print(f"Logged in as {user}; the token ends {_ist(int(grant.expires))}. Kept in {path}.")
    return 0


def _app(
    stored: UpstoxLogin, redirect: str | None, environment: Mapping[str, str]
) -> tuple[UpstoxLogin, UpstoxLogin]:
    """The app's key, secret and redirect address, asked for when they are not known; and what of it is to be kept."""
    given, hush = environment.get(KEY, "").strip(), Secret(environment.get(HUSH, "").strip())
    kept = replace(stored, redirect_url=redirect or stored.redirect_url or DEFAULT_REDIRECT)
    if given:  # a kept secret belongs to the kept key
        known = stored.api_secret if stored.api_key == given else NO_SECRET
        return replace(kept, api_key=given, api_secret=hush or known or Secret(_asked("API secret: "))), kept
    if not kept.api_key:
        kept = replace(kept, api_key=_asked("API key of your Upstox app: "), api_secret=NO_SECRET)
    if not hush and not kept.api_secret:
        kept = replace(kept, api_secret=Secret(_asked("API secret: ")))
    return replace(kept, api_secret=hush or kept.api_secret), kept


def _through_browser(
    args: argparse.Namespace, config: Config, connection: UpstoxConnection, login: UpstoxLogin
) -> TokenGrant:
    state = new_state()
    address = dialog_url(config.upstox.rest_url, login.api_key, login.redirect_url, state)
    if args.paste:
        print(f"Open this address in a browser and log in:\n\n  {address}\n", file=sys.stderr)
        code = code_of(_asked("Paste the address the browser ended at: "), state)
    else:
        with RedirectListener(login.redirect_url, state) as listener:
            opened = _can_open(os.environ) and webbrowser.open(address)
            told = "Log in in the browser; if none has opened, open" if opened else "Open in a browser on this machine"
            print(f"{told}\n\n  {address}\n\nand log in. Ctrl-C stops waiting.", file=sys.stderr)
            code = listener.wait(PATIENCE_S)
    try:
        return exchange_code(connection, code, login.api_key, login.api_secret, login.redirect_url)
    except TokenRefusedError:
        print(f"sos: the app's key and secret are those of {KEY}, {HUSH} or {credentials_path()}; 'sos login --forget' "
              "lets you give others.", file=sys.stderr)  # fmt: skip
        raise


def _can_open(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a window can be opened; without a screen Python would start a browser inside the terminal."""
    return platform != "linux" or any(environment.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))


def _asked(prompt: str) -> str:
    """What the user types, unseen, or what a script pipes in.

    Raises:
        UsageError: nothing, or no text.
    """
    what, typed = prompt.strip(": "), sys.stdin.isatty()
    try:
        text = (getpass.getpass(prompt) if typed else sys.stdin.readline()).strip()
    except EOFError:
        text = ""
    except UnicodeDecodeError:
        text = "\0"
    if not text:
        raise UsageError(f"{what}: nothing was given." + ("" if typed else " Run 'sos login' on a terminal."))
    if not text.isprintable():
        raise UsageError(f"{what}: that is no text.")
    return text


def _simulated(config: Config) -> str:
    """What must stand before anything said of a login that is no real one; empty before a real one."""
    url = config.upstox.rest_url
    return f"SIMULATED, at {url}: " if is_loopback(url) else ""


def _status(login: UpstoxLogin, simulated: str) -> int:
    if login.is_valid(wall_time()):
        user = printable(login.user) or "an unknown user"
        print(f"{simulated}Logged in as {user}; the token ends {_ist(login.expires)}.")
        return 0
    if login.token:
        print(f"{simulated}The token ended {_ist(login.expires)}. Run 'sos login'.")
    else:
        print(f"{simulated}Nobody is logged in. Run 'sos login'.")
    return 1


def _forget(config: Config) -> int:
    """Delete what is kept of this address, also what cannot be read."""
    account = account_of(config.upstox.rest_url)
    try:
        login = read_login(account)
    except ConfigError as error:
        print(f"sos: {error}", file=sys.stderr)
        login = UpstoxLogin()
    if login.is_valid(wall_time()):
        try:
            with UpstoxConnection(config.upstox, login.token) as connection:
                logout(connection)
        except (VendorError, ConfigError) as error:
            print(f"sos: the token could not be ended at Upstox: {error}", file=sys.stderr)
    told = _simulated(config)
    if not forget(account):
        print(f"{told}There was nothing to forget.")
    elif credentials_path().exists():
        print(f"{told}Deleted from {credentials_path()}; logins at other addresses stay.")
    else:
        print(f"{told}Deleted {credentials_path()}.")
    return 0


def _ist(ts: int) -> str:
    if ts == 0:
        return "at an unknown time"
    moment = datetime.fromtimestamp(ts // NANOS_PER_SECOND, UTC) + timedelta(seconds=IST_OFFSET_S)
    return f"{moment:%d %b %Y %H:%M} IST"
