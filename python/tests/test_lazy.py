"""Files on servers that are searched by ranges, over HTTPS, against servers that behave and servers that do not."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import pickle
import re
import signal
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import hither


class Server:
    """A server of one file on the loopback interface, by HTTPS with a certificate of its own."""

    def __init__(self, folder: Path, data: bytes) -> None:
        self.data, self.tag, self.requests = data, "one", 0
        self.before: Callable[[BaseHTTPRequestHandler], bool] = lambda _: False
        self.lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with server.lock:
                    server.requests += 1
                if server.before(self):
                    return
                wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
                if not wanted:
                    return self.answer(200, server.data)
                first, last = int(wanted[1]), min(int(wanted[2]), len(server.data) - 1)
                if self.headers.get("If-Match", f'"{server.tag}"') != f'"{server.tag}"':
                    return self.answer(412, b"")
                place = f"bytes {first}-{last}/{len(server.data)}"
                self.answer(206, server.data[first : last + 1], ("Content-Range", place))

            def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
                self.send_response(status)
                for name, value in (("ETag", f'"{server.tag}"'), *headers):
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.http.server_port}/words.hither"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, *plain))
    return folder


@pytest.fixture(scope="module")
def data(words: np.ndarray[Any, Any]) -> bytes:
    keys = [f"word {at}" for at in range(8000)]
    columns = {"half": np.arange(8000) % 2, "name": [f"name {at}" for at in range(8000)]}
    return hither.build(words[:8000], keys, columns, ranges=True).to_bytes()


@pytest.fixture
def server(
    data: bytes, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    monkeypatch.setenv("HITHER_CACHE", str(tmp_path / "cache"))
    server = Server(certificate, data)
    yield server
    server.http.shutdown()
    server.http.server_close()


def test_answers_are_those_of_the_file(
    server: Server, data: bytes, queries: np.ndarray[Any, Any], tmp_path: Path
) -> None:
    whole = hither.open(data)
    with hither.open(server.url, lazy=True) as index:
        assert (len(index), index.nbytes, index.path) == (8000, len(data), server.url)
        assert (index.dimensions, index.metric, index.element) == (384, "cosine", "f16")
        assert index.columns == whole.columns and index.key_type == "text"
        before = index.traffic
        assert (before.requests, before.round_trips) == (1, 1) and before.bytes == 1 << 16
        found = index.search(queries[0], k=5, probes=60)
        assert found.hits()[0]["name"] == f"name {found.keys[0][5:]}"
        first = index.traffic
        assert first.requests == server.requests and before.bytes < first.bytes < len(data) // 2
        assert first.round_trips - before.round_trips <= 8, first
        index.search(queries[0], k=5, probes=60)
        assert index.traffic.bytes == first.bytes, "what came once is kept"
        wanted = whole.search(queries[:20], k=10, exact=True)
        answers = index.search(queries[:20], k=10, exact=True)
        assert answers.keys.tolist() == wanted.keys.tolist()
        assert answers.distances.tolist() == wanted.distances.tolist()
        near = index.search(queries[:20], k=10, recall=0.95)
        same = [set(a) & set(b) for a, b in zip(near.keys, wanted.keys, strict=True)]
        assert sum(map(len, same)) >= 180 and near.reached_recall is None
        odd = index.search(queries[:5], k=10, filter={"half": 1}, exact=True)
        assert odd.keys.tolist() == whole.search(queries[:5], filter={"half": 1}, exact=True).keys.tolist()
        radius = float(wanted.distances[0][3])
        within = index.search(queries[0], radius=radius)
        assert within.keys.tolist() == wanted.keys[0][:4].tolist()
        like = index.search(like="word 42", exact=True, k=4)
        assert like.keys.tolist() == whole.search(like="word 42", exact=True, k=4).keys.tolist()
        row, own = index["word 7"], whole["word 7"]
        assert row.columns == own.columns and row.vector.tolist() == own.vector.tolist()
        assert "word 7" in index and "word" not in index and 7 not in index
        assert index.get("word", 5) == 5
        assert repr(index).startswith(f'<hither.LazyIndex "{server.url}": 8000 rows of 384')
        again = pickle.loads(pickle.dumps(index))
        assert again.search(queries[0], k=5, probes=60).keys.tolist() == found.keys.tolist()
    assert not (tmp_path / "cache").exists()
    with pytest.raises(hither.InputError, match="closed"):
        index.search(queries[0])


def test_threads_share_one(server: Server, queries: np.ndarray[Any, Any]) -> None:
    index = hither.open(server.url, lazy=True)
    wanted = index.search(queries[:40], k=5).keys.tolist()

    def search(query: np.ndarray[Any, Any]) -> list[Any]:
        found: list[Any] = index.search(query, k=5).keys.tolist()
        return found

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(search, queries[:40])) == wanted


def test_a_child_process_opens_it_anew(server: Server, queries: np.ndarray[Any, Any]) -> None:
    index = hither.open(server.url, lazy=True)
    wanted = index.search(queries[0], k=5).keys.tolist()
    child = os.fork()
    if child == 0:
        os._exit(0 if index.search(queries[0], k=5).keys.tolist() == wanted else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert index.search(queries[0], k=5).keys.tolist() == wanted


def test_what_makes_no_sense(server: Server, queries: np.ndarray[Any, Any], tmp_path: Path) -> None:
    index = hither.open(server.url, lazy=True)
    wrong: list[tuple[str, Callable[[], object], str]] = [
        ("invalid_parameter", lambda: index.search(), "queries: give them"),
        ("invalid_parameter", lambda: index.search(queries[0], k=0), "k: 0"),
        ("invalid_parameter", lambda: index.search(queries[0], exact=True, probes=3), "exact"),
        ("dimension_mismatch", lambda: index.search([1.0]), "384"),
        ("dimension_mismatch", lambda: index.search([[1.0]]), "query 0: "),
        ("non_finite", lambda: index.search([np.nan] * 384), "NaN"),
        ("column_type", lambda: index.search(queries[0], filter={"half": "x"}), "half"),
        ("key_type", lambda: index.get(7), "the keys of this index are text"),
        ("invalid_parameter", lambda: hither.open(str(tmp_path / "a"), lazy=True), "files of this machine"),
        ("invalid_parameter", lambda: hither.open("ftp://example.org/a", lazy=True), "s3://"),
        ("invalid_parameter", lambda: hither.open(server.url, cache_bytes=5), "lazy=True"),
        ("invalid_parameter", lambda: hither.open(server.url, lazy=True, cache_bytes=-5), "negative"),
    ]
    for code, call, text in wrong:
        with pytest.raises(hither.InputError) as raised:
            call()
        assert (raised.value.code, text in str(raised.value)) == (code, True), str(raised.value)
    with pytest.raises(hither.KeyNotFoundError, match="no row has the key nothing"):
        index.search(like="nothing")
    assert index.search(queries[0], k=3).keys.shape == (3,), "it goes on after errors"


def test_servers_at_fault(server: Server, data: bytes, queries: np.ndarray[Any, Any]) -> None:
    def status(number: int) -> Callable[[Any], bool]:
        return lambda handler: handler.answer(number, b"no") is None

    def fails(code: str, text: str = "") -> None:
        with pytest.raises(hither.FileError) as raised:
            hither.open(server.url, lazy=True).search(queries[0])
        assert raised.value.code == code and text in str(raised.value), str(raised.value)
        assert server.url in str(raised.value) and isinstance(raised.value, OSError)

    for number in (404, 403, 410):
        server.before = status(number)
        fails("http")
    server.before = lambda _: False
    server.data = data[:70_000] + bytes(len(data) - 70_000)
    fails("corrupt")
    server.data = data[:5000]
    fails("corrupt")
    server.data = b"not an index at all" * 9000
    fails("not_an_index")
    server.data = data
    index = hither.open(server.url, lazy=True)
    server.tag = "two"
    with pytest.raises(hither.FileError) as raised:
        index.search(queries[0])
    assert raised.value.code == "replaced"
    server.tag = "one"
    assert index.search(queries[0], k=2).keys.shape == (2,)

    def forget(handler: Any) -> bool:
        del handler.headers["Range"]
        return False

    server.before = forget
    with pytest.raises(hither.InputError, match="no parts.*lazy=False") as unsupported:
        hither.open(server.url, lazy=True)
    assert unsupported.value.code == "unsupported"
    server.before = lambda _: False
    server.data = hither.build(queries).to_bytes()
    with pytest.raises(hither.InputError, match="no lists for ranges") as without:
        hither.open(server.url, lazy=True)
    assert without.value.code == "unsupported"


def test_a_server_that_stumbles_is_asked_again(server: Server, queries: np.ndarray[Any, Any]) -> None:
    server.before = lambda handler: (
        server.requests % 3 == 1 and vars(type(handler))["answer"](handler, 503, b"") is None
    )
    index = hither.open(server.url, lazy=True)
    assert index.search(queries[0], k=5).keys.shape == (5,)
    assert index.traffic.requests == server.requests


def test_a_certificate_that_nobody_knows(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "none.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(hither.FileError) as raised:
        hither.open(server.url, lazy=True)
    assert raised.value.code == "network" and "ertificate" in str(raised.value)


def test_ctrl_c_ends_a_wait(server: Server) -> None:
    # What runs in the background of a shell ignores it at first.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    released = threading.Event()
    server.before = lambda _: released.wait(20) and False
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        hither.open(server.url, lazy=True)
    took = time.monotonic() - begun
    released.set()
    assert took < 10
