"""A way for unmodified vendor libraries to the simulator: an HTTP CONNECT proxy that knows the vendors' real names.

A process started with ``https_proxy=http://127.0.0.1:PORT`` that asks for ``api.upstox.com:443`` meets the simulated
Upstox, with a certificate nobody has signed; Upstox's streamers do not verify it.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sos_actors.errors import UsageError
from sos_actors.runtime.clock import wall_time
from sos_actors.simulator.fault_middleware import reset_connection
from sos_actors.types import NANOS_PER_SECOND

HOSTS = {
    "api.upstox.com": "upstox",
    "api-hft.upstox.com": "upstox",
    "assets.upstox.com": "upstox",
    "scanner.tradingview.com": "tradingview",
    "data.tradingview.com": "tradingview",
    "www.nseindia.com": "nse",
    "smartoptions.trendlyne.com": "trendlyne",
}
"""Whose name leads to which simulated vendor, all of them at port 443."""
_VALID_DAYS = 30
_HEAD_LIMIT = 8192
_HEAD_TIMEOUT_S = 10.0
_CONNECT_TIMEOUT_S = 5.0
_CHUNK = 65_536


def server_context() -> ssl.SSLContext:
    """TLS with a new key and a certificate for HOSTS signed by itself; neither outlives the process."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    handle, name = tempfile.mkstemp(suffix=".pem")  # mode 0600; ssl reads keys from files only
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_self_signed())
        context.load_cert_chain(name)
    finally:
        os.unlink(name)
    return context


def _self_signed() -> bytes:
    """A private key and its certificate, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SOS simulator")])
    now = datetime.fromtimestamp(wall_time() // NANOS_PER_SECOND, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret + certificate.public_bytes(serialization.Encoding.PEM)


class Tunnel:
    """The proxy. It passes bytes on, resets as resets, and leads nowhere but to the vendors' TLS ports.

    Args:
        host: a loopback address.
        port: 0 takes any.
    """

    def __init__(self, host: str, port: int = 0) -> None:
        self._host, self.port = host, port
        self._targets: dict[str, int] = {}
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, tls_ports: Mapping[str, int]) -> None:
        """Listen.

        Args:
            tls_ports: by vendor; a name of HOSTS whose vendor is missing is refused.

        Raises:
            UsageError: the port is in use.
        """
        self._targets = {f"{host}:443": tls_ports[vendor] for host, vendor in HOSTS.items() if vendor in tls_ports}
        try:
            self._server = await asyncio.start_server(self._serve, self._host, self.port, limit=_HEAD_LIMIT)
        except OSError as error:
            raise UsageError(f"Port {self.port} (tunnel) cannot be opened: {error.strerror}.") from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and reset the connections there are."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._lead(reader, writer)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            reset_connection(writer.transport)
        except asyncio.CancelledError:  # stopped; nobody waits for this task but stop()
            reset_connection(writer.transport)
        finally:
            writer.close()
            self._connections.discard(task)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_TIMEOUT_S)
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split()
        if len(words) != 3 or words[0] != "CONNECT":
            await _refuse(writer, "405 Method Not Allowed", "This proxy only takes CONNECT.")
            return
        port = self._targets.get(words[1].lower())
        if port is None:
            await _refuse(writer, "403 Forbidden", "This proxy only leads to the simulated vendors.")
            return
        try:
            ahead = await asyncio.wait_for(asyncio.open_connection(self._host, port), _CONNECT_TIMEOUT_S)
        except (OSError, TimeoutError):
            await _refuse(writer, "502 Bad Gateway", "The simulated vendor refuses the connection.")
            return
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _joined(reader, writer, *ahead)
        finally:
            ahead[1].close()


async def _refuse(writer: asyncio.StreamWriter, status: str, reason: str) -> None:
    body = f"{reason}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


async def _joined(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
    ahead_reader: asyncio.StreamReader, ahead_writer: asyncio.StreamWriter,
) -> None:  # fmt: skip
    """Pass bytes both ways until one side is done; a reset of one side is a reset of the other."""
    ways = [asyncio.create_task(_pass_on(reader, ahead_writer)), asyncio.create_task(_pass_on(ahead_reader, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        results = await asyncio.gather(*ways, return_exceptions=True)
    if any(isinstance(result, OSError) for result in results):
        reset_connection(writer.transport)
        reset_connection(ahead_writer.transport)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    with suppress(OSError):
        await writer.drain()
