"""`weights fetch` against a server that truncates, lies, stalls, resets, redirects and serves web pages."""

import base64
import hashlib
import http.server
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from email.utils import formatdate

import pytest

from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.vgg import download as module
from neurotransfer.vgg.download import ADDRESSES, KNOWN_MD5, download_weights, public

CONTENT = bytes(range(256)) * 4000  # 1 MB
CHUNK = 1 << 16  # bytes that are written at once
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Does what the path's first part names; ``server.requests`` lists what it was asked."""

    def do_GET(self):
        verb = self.path.split("/")[1]
        self.server.requests.append((verb, self.headers.get("Range")))
        getattr(self, verb)()

    def log_message(self, *_):
        pass

    def body(self, data, *, length=None, kind="application/octet-stream"):
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and self.path.split("/")[1] != "rangeless":
            start = int(asked[1])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT) - start if length is None else length))
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(data[start:])

    def whole(self):
        self.body(CONTENT)

    def first(self):
        return len([verb for verb, _ in self.server.requests if verb == self.path.split("/")[1]]) == 1

    def truncates(self):  # 390 kB more with every request
        begun = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.body(CONTENT[: begun + 6 * CHUNK])

    def rangeless(self):  # breaks off once, then knows nothing of ranges
        self.body(CONTENT[:300_000] if self.first() else CONTENT)

    def always_cut(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:CHUNK])

    def lies_short(self):
        self.body(CONTENT, length=5000)

    def lies_long(self):
        self.body(CONTENT, length=len(CONTENT) + 5000)

    def lies_huge(self):
        self.body(CONTENT, length=10**12)

    def says_no_length(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT)

    def lies_oddly(self):
        self.body(CONTENT, length="many")

    def html(self):
        self.body(b"<!DOCTYPE html>Not here" * 10, kind="text/html; charset=utf-8", length=230)

    def disguised(self):
        self.body(b"<!DOCTYPE html>Not here" * 10, length=230)

    def moved(self):
        self.send_response(302)
        self.send_header("Location", "/whole/file.mat")
        self.end_headers()

    def circle(self):
        self.send_response(302)
        self.send_header("Location", "/circle/file.mat")
        self.end_headers()

    def elsewhere(self):
        self.send_response(302)
        self.send_header("Location", "file:///etc/hostname")
        self.end_headers()

    def stalls(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:1000])
        self.server.stop.wait(20)

    def stalls_once(self):
        if self.first():
            return self.stalls()
        return self.whole()

    def resets(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1024000\r\n\r\n" + CONTENT[:1000])
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def refuse(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def nothing(self):
        self.refuse(204)

    def multiple(self):
        self.refuse(300)

    def nowhere(self):
        self.refuse(301)

    def unchanged(self):
        self.refuse(304)

    def tired(self):
        self.refuse(429)

    def patient(self):
        self.refuse(429, Retry_After="3600")

    def tomorrow(self):
        self.refuse(503, Retry_After=formatdate(time.time() + 80_000, usegmt=True))

    def tired_once(self):
        return self.refuse(429, Retry_After="1") if self.first() else self.whole()

    def busy_once(self):
        return self.refuse(503, Retry_After="odd") if self.first() else self.whole()

    def private(self):
        self.server.secrets.append(self.headers.get("Authorization"))
        self.whole()

    def missing(self):
        self.send_error(404)

    def broken(self):
        self.send_error(503)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.requests, found.secrets, found.stop = [], [], threading.Event()
        found.handle_error = lambda *_: None  # a client that goes away is what is tested
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        found.url = f"http://127.0.0.1:{found.server_port}"
        yield found
        found.stop.set()
        found.shutdown()
        thread.join()


def get(server, folder, *verbs, sha256=SHA256, timeout=1.0, report=lambda *_: None):
    addresses = [f"{server.url}/{verb}/file.mat" for verb in verbs]
    return download_weights(addresses, sha256, folder, timeout=timeout, report=report)


def parts(folder):
    return [path.suffix for path in folder.iterdir()]


@pytest.mark.parametrize("verb", ["whole", "moved", "truncates", "rangeless", "stalls_once", "tired_once", "busy_once"])
def test_the_file_arrives_whole_and_verified(server, tmp_path, verb):
    path, address = get(server, tmp_path, verb)
    assert path.read_bytes() == CONTENT
    assert address == f"{server.url}/{verb}/file.mat"
    assert parts(tmp_path) == [".download"]


def test_a_cut_download_resumes_where_it_stopped(server, tmp_path):
    seen = []
    get(server, tmp_path, "truncates", report=lambda done, total: seen.append((done, total)))
    assert [asked for _, asked in server.requests] == [None, f"bytes={6 * CHUNK}-", f"bytes={12 * CHUNK}-"]
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {len(CONTENT)}


def test_the_next_call_resumes_the_partial_download(server, tmp_path):
    with pytest.raises(NeurotransferError, match="broke the connection off"):
        get(server, tmp_path, "always_cut")
    assert parts(tmp_path) == [".part"]
    Handler.always_cut, kept = Handler.whole, Handler.always_cut
    try:
        path, _ = get(server, tmp_path, "always_cut")
    finally:
        Handler.always_cut = kept
    assert server.requests[-1][1] == f"bytes={CHUNK}-"
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("verb", "reason"),
    [
        ("always_cut", "broke the connection off"),
        ("lies_short", f"gave another file: its SHA256 was expected to be {SHA256}, found [0-9a-f]{{64}}"),
        ("lies_long", "broke the connection off"),
        ("lies_huge", "sends more than 1000 MB"),
        ("lies_oddly", "cannot be fetched from"),
        ("html", "answered with a web page instead of the file"),
        ("disguised", "gave another file"),
        ("circle", "redirects without end"),
        ("elsewhere", "cannot be fetched from"),
        ("stalls", "stopped sending"),
        ("resets", "broke the connection off"),
        ("missing", r"answered with the HTTP status 404 \(Not Found\)"),
        ("broken", r"answered with the HTTP status 503 \(Service Unavailable\)"),
        ("nothing", r"answered without the file \(HTTP status 204\)"),
        ("multiple", r"redirects to nowhere \(HTTP status 300\)"),
        ("nowhere", r"redirects to nowhere \(HTTP status 301\)"),
        ("unchanged", r"redirects to nowhere \(HTTP status 304\)"),
        ("tired", r"answered with the HTTP status 429 \(Too Many Requests\)"),
        ("patient", r"answered with the HTTP status 429 \(Too Many Requests\) and asks to try again in 3600 s"),
        ("tomorrow", r"answered with the HTTP status 503 \(Service Unavailable\) and asks to try again in \d{5} s"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_nothing_is_kept(server, tmp_path, verb, reason):
    begun = time.monotonic()
    with pytest.raises(NeurotransferError, match=f"{server.url}/{verb}/file.mat {reason}") as caught:
        get(server, tmp_path, verb, timeout=0.3)
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    assert set(parts(tmp_path)) <= {".part"}
    assert time.monotonic() - begun < 10


def test_a_body_without_a_length_is_cut_off_at_the_limit(server, tmp_path, monkeypatch):
    path, _ = get(server, tmp_path, "says_no_length")
    assert path.read_bytes() == CONTENT
    path.unlink()
    monkeypatch.setattr(module, "MAX_BYTES", len(CONTENT) - 1)
    with pytest.raises(NeurotransferError, match="sends more than 1 MB"):
        get(server, tmp_path, "says_no_length")
    assert parts(tmp_path) == []
    assert len(server.requests) == 2, "it is not asked again"


def test_the_next_address_is_tried(server, tmp_path):
    path, address = get(server, tmp_path, "html", "missing", "whole")
    assert path.read_bytes() == CONTENT
    assert "/whole/" in address


def test_a_refused_connection_is_one_sentence_and_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NeurotransferError, match="refused the connection"):
        download_weights([f"http://127.0.0.1:{port}/a.mat"], None, tmp_path, timeout=1, report=lambda *_: None)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_host_is_tried_once_for_all_its_addresses(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    monkeypatch.setenv("NO_PROXY", "*")  # a proxy would answer in the host's place
    addresses = ["http://nowhere.invalid/a.mat", "http://nowhere.invalid/b.mat"]
    with pytest.raises(
        NeurotransferError, match=r"installed: nowhere\.invalid was not found \(is .* offline\?\)\. Run"
    ):
        download_weights(addresses, None, tmp_path, timeout=1, report=lambda *_: None)
    addresses.append(f"{server.url}/whole/file.mat")
    path, address = download_weights(addresses, SHA256, tmp_path, timeout=1, report=lambda *_: None)
    assert (path.read_bytes(), address) == (CONTENT, addresses[-1])


def test_without_a_hash_both_official_md5_are_accepted_and_no_other(server, tmp_path, monkeypatch):
    with pytest.raises(NeurotransferError, match=f"MD5 was expected to be {KNOWN_MD5[0]} or {KNOWN_MD5[1]}, found"):
        get(server, tmp_path, "whole", sha256=None)
    monkeypatch.setattr(module, "KNOWN_MD5", ("0" * 32, hashlib.md5(CONTENT).hexdigest()))
    assert get(server, tmp_path, "whole", sha256=None)[0].read_bytes() == CONTENT


def test_secure_addresses_come_first():
    assert ADDRESSES[0].startswith("https://")
    assert {address.partition("://")[2] for address in ADDRESSES if address.startswith("http://")} == {
        address.partition("://")[2] for address in ADDRESSES if address.startswith("https://")
    }


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_an_untrusted_certificate_is_refused(server, tmp_path, monkeypatch):
    files = ("-keyout", tmp_path / "key.pem", "-out", tmp_path / "certificate.pem")
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    address = f"https://localhost:{server.server_port}/whole/file.mat"
    folder = tmp_path / "weights"
    folder.mkdir()
    with pytest.raises(NeurotransferError, match="has no certificate that can be trusted"):
        download_weights([address], SHA256, folder, timeout=1, report=lambda *_: None)
    assert server.requests == []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    with pytest.raises(NeurotransferError, match=r"cannot be asked \(Could not find a suitable TLS CA certificate"):
        download_weights([address], SHA256, folder, timeout=1, report=lambda *_: None)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    assert download_weights([address], SHA256, folder, timeout=1, report=lambda *_: None)[0].read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("address", "sha256", "sentence"),
    [
        ("ftp://a/b", None, "begins with http"),
        ("file:///etc/passwd", None, "begins with"),
        ("http://a/b", "12", "64 hex"),
    ],
)
def test_unusable_addresses_and_hashes_are_refused(tmp_path, address, sha256, sentence):
    with pytest.raises(InputError, match=sentence):
        download_weights([address], sha256, tmp_path, timeout=1, report=lambda *_: None)


def test_a_whole_file_that_was_not_installed_is_not_fetched_again(server, tmp_path):
    path, _ = get(server, tmp_path, "whole")
    asked = len(server.requests)
    assert get(server, tmp_path, "whole")[0] == path
    assert len(server.requests) == asked
    path.write_bytes(CONTENT[:-1])
    assert get(server, tmp_path, "whole")[0].read_bytes() == CONTENT
    assert len(server.requests) == asked + 1


@pytest.mark.parametrize("suffix", [".part", ".download"])
@pytest.mark.parametrize("whole", [False, True], ids=["other content", "the file's content"])
def test_what_is_fetched_is_written_through_no_link(server, tmp_path, suffix, whole):
    folder, victim = tmp_path / "cache", tmp_path / "victim"
    folder.mkdir()
    name = get(server, folder, "whole")[0].with_suffix(suffix)
    name.unlink(missing_ok=True)
    name.with_suffix(".download").unlink(missing_ok=True)
    victim.write_bytes(CONTENT if whole else b"precious")
    before = victim.read_bytes()
    name.symlink_to(victim)
    path, _ = get(server, folder, "whole")
    assert path.read_bytes() == CONTENT
    assert not path.is_symlink()
    assert victim.read_bytes() == before
    assert parts(folder) == [".download"]


SECRET = "s3cret"


@pytest.mark.parametrize("verb", ["missing", "private"])
def test_user_secret_and_query_of_an_address_are_sent_and_told_nobody(server, tmp_path, verb, caplog):
    caplog.set_level("DEBUG", "neurotransfer")
    address = server.url.replace("//", f"//me:{SECRET}@") + f"/{verb}/file.mat?key={SECRET}#{SECRET}"
    shown = f"{server.url}/{verb}/file.mat?..."
    if verb == "missing":
        with pytest.raises(NeurotransferError) as caught:
            download_weights([address], SHA256, tmp_path, timeout=1, report=lambda *_: None)
        assert shown in str(caught.value)
        assert SECRET not in str(caught.value) + caplog.text
    else:
        path, told = download_weights([address], SHA256, tmp_path, timeout=1, report=lambda *_: None)
        assert told == shown
        assert SECRET not in path.name + caplog.text
        assert base64.b64decode(server.secrets[0].removeprefix("Basic ")) == f"me:{SECRET}".encode()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://host/file.mat", "https://host/file.mat"),
        ("https://host:8443/@me/file.mat", "https://host:8443/@me/file.mat"),
        (f"https://me:{SECRET}@host/file.mat?", "https://host/file.mat"),
        (f"http://{SECRET}@[::1]:80/file.mat?a={SECRET}&b=c", "http://[::1]:80/file.mat?..."),
        (f"ftp://me:{SECRET}@host/file.mat", "ftp://host/file.mat"),
        (f"http://me:{SECRET}/{SECRET}@host/file.mat", "http://host/file.mat"),
        (f"me:{SECRET}@host/file.mat", "host/file.mat"),
        (f"https://me:{SECRET}\n@host:99999/file.mat", "https://host:99999/file.mat"),
    ],
)
def test_addresses_are_told_without_what_may_be_secret(address, shown):
    assert public(address) == shown


def test_an_unusable_address_is_told_without_its_secret(tmp_path):
    with pytest.raises(InputError, match=r"found 'ftp://host/file\.mat'") as caught:
        download_weights([f"ftp://me:{SECRET}@host/file.mat"], None, tmp_path, timeout=1, report=lambda *_: None)
    assert SECRET not in str(caught.value)


def test_tls_to_a_plain_port_is_told_from_a_bad_certificate(server, tmp_path):
    address = f"https://127.0.0.1:{server.server_port}/whole/file.mat"
    with pytest.raises(NeurotransferError, match=r"file\.mat does not speak TLS there") as caught:
        download_weights([address], SHA256, tmp_path, timeout=1, report=lambda *_: None)
    assert "certificate" not in str(caught.value)
