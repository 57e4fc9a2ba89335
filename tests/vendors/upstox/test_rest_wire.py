"""The wire itself: connections are reused, certificates checked, proxies taken from the environment."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sos_actors.errors import VendorUnreachableError
from sos_actors.vendors.upstox.rest_wire import Wire
from tests.vendors.scripted import reply, serving

BOUND = (0.5, 2.0)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        peer = f"{self.client_address[1]}".encode()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(peer), peer))

    def log_message(self, *_: object) -> None:
        pass


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        pass  # a client that does not trust us hangs up


@pytest.fixture
def keeping() -> Iterator[_Quiet]:
    """A server that keeps connections open and answers with the caller's port, in chunks."""
    server = _Quiet(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def secure(keeping: _Quiet, tmp_path: Path) -> tuple[str, Path]:
    """The same behind TLS, with a certificate nobody knows yet: its address, and where the certificate is."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=9999)).not_valid_after(now + timedelta(days=9999))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(private)
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    keeping.socket = context.wrap_socket(keeping.socket, server_side=True, do_handshake_on_connect=False)
    return f"https://127.0.0.1:{keeping.server_port}", tmp_path / "cert.pem"


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made = Wire()
    yield made
    made.close()


def test_a_connection_is_used_again(keeping: _Quiet, wire: Wire) -> None:
    url = f"http://127.0.0.1:{keeping.server_port}/"
    assert len({wire.GET(url, _request_timeout=BOUND).body for _ in range(5)}) == 1


def test_a_certificate_nobody_vouches_for_is_not_accepted(secure: tuple[str, Path], wire: Wire) -> None:
    with pytest.raises(VendorUnreachableError, match="certificate"):
        wire.GET(f"{secure[0]}/", _request_timeout=BOUND)


def test_a_certificate_the_machine_trusts_is_accepted(
    secure: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(secure[1]))
    wire = Wire()
    assert len({wire.GET(f"{secure[0]}/", _request_timeout=BOUND).body for _ in range(3)}) == 1
    wire.close()


def test_https_goes_through_the_proxy_of_the_environment_and_this_machine_does_not(
    keeping: _Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving([reply(b"", 403)]) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        wire = Wire()
        with pytest.raises(VendorUnreachableError):
            wire.GET("https://upstox.invalid/v2/user/profile", _request_timeout=BOUND)
        assert wire.GET(f"http://127.0.0.1:{keeping.server_port}/", _request_timeout=BOUND).status == 200
        wire.close()
    assert [request.method for request in proxy.requests] == ["CONNECT"]


def test_a_name_that_does_not_exist_is_unreachable(wire: Wire) -> None:
    with pytest.raises(VendorUnreachableError, match=r"GET upstox\.invalid/v2/x: "):
        wire.GET("http://upstox.invalid/v2/x", query_params=[("secret", "s")], _request_timeout=BOUND)
