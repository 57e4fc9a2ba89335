"""The simulator as a process beside the main program: started, asked for its time, and ended, whatever happens."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from types import TracebackType
from typing import IO, Any, Self

from sos_actors.config import Config
from sos_actors.errors import SosError, VendorUnreachableError
from sos_actors.simulator.moments import spoken
from sos_actors.types import NO_SECRET, Secret, UnixNanos

START_S = 30.0
_ASK_S = 5.0
_END_S = 2.0
_KEPT_LINES = 50
_MOST_ANSWER = 1_000_000
_NO_LIMIT = 1_000_000
_NAME = "simulator"


def address_settings(addresses: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What to write into a configuration so that it names a simulator, by section and key.

    Args:
        addresses: ``http://127.0.0.1:PORT`` by vendor; vendors that are missing stay as they are.
    """
    settings: dict[str, dict[str, str]] = {}
    if upstox := addresses.get("upstox"):
        instruments = f"{upstox}/market-quote/instruments/exchange/NSE.json.gz"
        settings["upstox"] = {"rest_url": upstox, "order_url": upstox, "instruments_url": instruments}
    if tradingview := addresses.get("tradingview"):
        chart = f"ws{tradingview.removeprefix('http')}/socket.io/websocket"
        settings["tradingview"] = {"scanner_url": tradingview, "chart_url": chart}
    if nse := addresses.get("nse"):
        settings["nse"] = {"url": nse}
    if trendlyne := addresses.get("trendlyne"):
        settings["trendlyne"] = {"url": f"{trendlyne}/phoenix/api"}
    return settings


def config_for(config: Config, addresses: Mapping[str, str]) -> Config:
    """The configuration with the vendors' addresses replaced, and no rate to keep: the embedded simulator has none."""
    settings: dict[str, dict[str, Any]] = {name: dict(keys) for name, keys in address_settings(addresses).items()}
    if "upstox" in settings:
        rates = ("requests_per_second", "requests_per_minute", "requests_per_half_hour")
        settings["upstox"] |= dict.fromkeys(rates, _NO_LIMIT)
    for name in ("nse", "trendlyne"):
        if name in settings:
            settings[name]["min_gap_s"] = 0.0
    return replace(config, **{name: replace(getattr(config, name), **keys) for name, keys in settings.items()})


class SimulatorProcess:
    """A simulator of our own, as a context manager. It lives in a session of its own, so Ctrl-C does not reach it.

    It ends when it is told to, and by itself when this process is gone.

    Args:
        seed: of its market.
        at: the moment it begins at, UnixNanos; to the second.
        speed: simulated seconds a real second; 0 stands still.
        flags: more flags of ``sos simulate``.
        start_s: how long it may take to be ready.
    """

    def __init__(
        self, seed: int, at: int, speed: float = 1.0, *, flags: Sequence[str] = (), start_s: float = START_S
    ) -> None:
        day, _, clock = spoken(at).partition(" ")
        self._command = [sys.executable, "-m", "sos_actors.cli", "simulate", "--embedded", "--no-rate-limits"]
        self._command += ["--seed", str(seed), "--date", day, "--at", clock, "--speed", str(speed)]
        self._command += flags
        self._start_s = start_s
        self._complaints: deque[str] = deque(maxlen=_KEPT_LINES)
        self._ready: Queue[str] = Queue()
        self._readers: list[Thread] = []
        self._addresses: dict[str, str] = {}
        self._token = NO_SECRET

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, encoding="utf-8", errors="replace",
            env=_environment(), start_new_session=True,
        )  # fmt: skip
        try:
            self._listen()
            self._wait_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def addresses(self) -> dict[str, str]:
        """``http://127.0.0.1:PORT`` by vendor, and ``control``."""
        return dict(self._addresses)

    @property
    def token(self) -> Secret:
        """A token its Upstox takes."""
        return self._token

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def config_for(self, config: Config) -> Config:
        """The configuration that leads the clients here; see the function of that name."""
        return config_for(config, self._addresses)

    def clock(self) -> UnixNanos:
        """What time it is there; a ``Clock``.

        Raises:
            VendorUnreachableError: it does not answer; the message has its last words.
        """
        return UnixNanos(int(self._ask("GET", "/clock")["ts"]))

    def set_clock(self, at: int | None = None, speed: float | None = None) -> None:
        """Jump to a moment (UnixNanos), change the speed, or both.

        Raises:
            VendorUnreachableError: it does not answer, or refuses the moment.
        """
        wanted = {"at": at, "speed": speed}
        self._ask("POST", "/clock", {key: value for key, value in wanted.items() if value is not None})

    def _ask(self, method: str, path: str, document: object = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._addresses["control"].removeprefix("http://"), timeout=_ASK_S)
        try:
            connection.request(method, path, None if document is None else json.dumps(document))
            response = connection.getresponse()
            answer = json.loads(response.read(_MOST_ANSWER))
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise VendorUnreachableError(_NAME, f"it does not answer ({error}). {self._last_words()}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise VendorUnreachableError(_NAME, answer["error"], str(response.status))
        return dict(answer)

    def _listen(self) -> None:
        """Read both outputs in threads, so that neither fills up and stops the process."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        for stream, take in ((self._process.stdout, self._ready.put), (self._process.stderr, self._complaints.append)):
            reader = Thread(target=_read_lines, args=(stream, take), name="simulator-output", daemon=True)
            reader.start()
            self._readers.append(reader)

    def _wait_ready(self) -> None:
        """Wait for the line that says where it listens.

        Raises:
            SosError: it ended, said something else, or took too long.
        """
        try:
            line = self._ready.get(timeout=self._start_s)
        except Empty as error:
            raise SosError(
                f"The simulated market was not ready after {self._start_s:g} s. {self._last_words()}"
            ) from error
        if not line:
            self._process.wait(_END_S)
            self._readers[1].join(_END_S)
            raise SosError(f"The simulated market did not start. {self._last_words()}")
        ready = json.loads(line)
        self._addresses, self._token = ready["addresses"], Secret(ready["token"])

    def _last_words(self) -> str:
        return f"It said: {''.join(self._complaints).strip()}" if self._complaints else "It said nothing."

    def _end(self) -> None:
        """End it: by closing its input, then by asking, then by force. An interruption makes that only quicker."""
        process = self._process
        try:
            with suppress(OSError):
                if process.stdin is not None:
                    process.stdin.close()
            if not _ended(process):
                process.terminate()
                _ended(process)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for reader in self._readers:
                reader.join(_END_S)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def _ended(process: subprocess.Popen[str]) -> bool:
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _read_lines(stream: IO[str], take: Any) -> None:
    with suppress(ValueError, OSError):  # closed while it was read
        for line in stream:
            take(line)
        take("")


def _environment() -> dict[str, str]:
    """Ours, with the package found where this one was found, whatever folder we are in."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else [root]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
