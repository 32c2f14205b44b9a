"""Downloads a weights file: time-outs, retries, going on where it stopped, and nothing kept whose hash is not known.

HTTPS with checked certificates comes first. Plain HTTP is tried where that fails: the hash decides, not the line.
"""

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from neurotransfer.system.errors import InputError, NeurotransferError

_MODELS = "www.vlfeat.org/matconvnet/models"
_NAME = "imagenet-vgg-verydeep-19.mat"
ADDRESSES = tuple(f"{scheme}://{_MODELS}/{place}{_NAME}" for place in ("", "beta16/") for scheme in ("https", "http"))
"""Of the official file, newer and older layout."""
KNOWN_MD5 = ("106118b7cf60435e6d8e04f6a6dc3657", "8ee3263992981a1d26e73b3ca028a123")
"""Of the official file, newer and older layout."""

MOST_BYTES = 1_000_000_000
TRIES = 3
"""Tries in a row that bring nothing."""
MOST_TRIES = 100
LONGEST = 3600.0  # seconds: systems have limits of their own
FIRST_PAUSE = 0.5  # seconds, doubled after every try that brings nothing
_NOT_FOUND = "was not found (is this machine offline?)"

Report = Callable[[int, int], None]
"""Called with the bytes that are here and those there will be (0: the server does not say)."""


class _FetchError(Exception):
    """An address does not give the file; the message is half a sentence."""


class _NoSuchHostError(_FetchError):
    """Nobody knows the address's host: its other addresses are no better."""


def fetch(
    addresses: Sequence[str], sha256: str | None, folder: Path, *, timeout: float, report: Report
) -> tuple[Path, str]:
    """Download the file from the first address that has it into ``folder``; return (path, address).

    Args:
        addresses: where to look, in this order; http or https.
        sha256: the hash that the file must have; None: it must be the official file.
        folder: exists; a partial download is kept there, and the next call goes on with it.
        timeout: seconds, at most `LONGEST`, without a byte after which a connection is given up.
        report: is told of the progress.

    Raises:
        InputError: an address or the hash cannot be one.
        NeurotransferError: no address gave the file. Nothing but a partial download was kept.
    """
    for address in addresses:
        if not _is_address(address):
            raise InputError(f"--url must be an address that begins with http:// or https://; found {address!r}.")
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise InputError(f"--sha256 must be 64 hexadecimal digits; found {sha256!r}.")
    if not timeout <= LONGEST:
        raise InputError(f"--timeout must be at most {LONGEST:g} s; found {timeout:g} s.")
    reasons, unknown = [], set()
    for address in addresses:
        host = urlsplit(address).hostname
        if host in unknown:
            continue
        try:
            return _fetched(address, sha256, folder, timeout, report), address
        except _NoSuchHostError as error:
            unknown.add(host)
            reasons.append(f"{host} {error}")
        except _FetchError as error:
            reasons.append(f"{address} {error}")
        except OSError as error:
            if error.errno is None:  # not the system's: a file of certificates that is not there
                reasons.append(f"{address} cannot be asked ({error})")
                continue
            raise NeurotransferError(f"The weights cannot be written to {folder}: {error.strerror or error}.") from None
    raise NeurotransferError(
        f"The weights were not fetched, and nothing was installed: {'; '.join(reasons)}. Run the command again, "
        "give another address with --url, or a file with 'neurotransfer weights import FILE'."
    )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not match, a port that cannot be
        return False


def _fetched(address: str, sha256: str | None, folder: Path, timeout: float, report: Report) -> Path:
    import pooch

    pooch.get_logger().setLevel("WARNING")
    mark = hashlib.sha256(address.encode()).hexdigest()[:16]
    target = folder / f"{mark}.download"
    target.unlink(missing_ok=True)
    part = folder / f"{mark}.part"
    download = _Resuming(part, timeout, report)
    try:
        # The hash is checked below: the official file has two.
        pooch.retrieve(address, known_hash=None, fname=target.name, path=folder, downloader=download)
    finally:
        if part.exists() and part.stat().st_size == 0:
            part.unlink()
    method, expected = ("sha256", (sha256.lower(),)) if sha256 else ("md5", KNOWN_MD5)
    found = pooch.file_hash(str(target), method)
    if found not in expected:
        target.unlink()
        raise _FetchError(
            f"gave another file: its {method.upper()} was expected to be {' or '.join(expected)}, found {found}"
        )
    return target


class _Resuming:
    """A downloader in the sense of pooch: gathers the file in ``part``, in as many requests as it takes."""

    def __init__(self, part: Path, timeout: float, report: Report) -> None:
        self._part = part
        self._timeout = timeout
        self._report = report

    def __call__(self, url: str, output_file: Any, _pooch: Any) -> None:
        from requests.exceptions import HTTPError, RequestException
        from urllib3.exceptions import HTTPError as ConnectionBroken

        vain = 0
        for _ in range(MOST_TRIES):
            before = self._part.stat().st_size if self._part.exists() else 0
            try:
                self._request(url, before)
                self._part.replace(output_file)
                return
            except HTTPError as error:
                status = error.response.status_code if error.response is not None else 0
                reason = f"answered with the HTTP status {status}"
                if status == 416:  # a part as long as the file, or longer
                    self._part.unlink()
                elif status < 500:
                    raise _FetchError(reason) from None
            except (RequestException, ConnectionBroken, ValueError) as error:
                reason = _why(error)
            vain = 0 if self._part.exists() and self._part.stat().st_size > before else vain + 1
            if vain == TRIES:
                break
            time.sleep(FIRST_PAUSE * 2**vain)
        raise _NoSuchHostError(reason) if reason == _NOT_FOUND else _FetchError(reason)

    def _request(self, url: str, before: int) -> None:
        import pooch

        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={before}-"} if before else {})
        with self._part.open("ab") as handle:
            part = _Part(handle, before, self._report)
            pooch.HTTPDownloader(
                chunk_size=1 << 16, timeout=self._timeout, headers=headers, hooks={"response": part.begin}
            )(url, part, None)


class _Part:
    """The file that a response is written to: at its end, or anew if the server begins anew."""

    def __init__(self, handle: BinaryIO, size: int, report: Report) -> None:
        self._handle = handle
        self._size = size
        self._total = 0
        self._report = report

    def begin(self, response: Any, **_: Any) -> None:
        """Look at a response's head before its body is written."""
        if not response.ok or response.is_redirect:
            return
        kind = response.headers.get("content-type", "")
        if kind.startswith("text/html"):
            raise _FetchError("answered with a web page instead of the file")
        if not response.headers.get("content-range", "").startswith(f"bytes {self._size}-"):
            self._handle.truncate(0)
            self._size = 0
        length = response.headers.get("content-length", "")
        self._total = self._size + int(length) if length.isdecimal() else 0
        self._check(self._total)

    def write(self, data: bytes) -> None:
        """Append some of the body."""
        self._size += len(data)
        self._check(self._size)
        self._handle.write(data)
        self._report(self._size, self._total)

    def flush(self) -> None:
        """Hand what was written to the system."""
        self._handle.flush()

    def _check(self, size: int) -> None:
        if size > MOST_BYTES:
            self._handle.truncate(0)
            raise _FetchError(f"sends more than {MOST_BYTES // 10**6} MB, expected about 580")


def _why(error: Exception) -> str:
    """Return the kind of a network's failure in plain words."""
    from requests import exceptions

    words: Sequence[tuple[type[Exception], str]] = (
        (exceptions.SSLError, "has no certificate that can be trusted"),
        (exceptions.ConnectTimeout, "does not answer"),
        (exceptions.Timeout, "stopped sending"),
        (exceptions.TooManyRedirects, "redirects without end"),
        (exceptions.ChunkedEncodingError, "broke the connection off"),
    )
    for kind, text in words:
        if isinstance(error, kind):
            return text
    text = str(error)
    if "Read timed out" in text:
        return "stopped sending"
    if "resolve" in text:
        return _NOT_FOUND
    if "refused" in text:
        return "refused the connection"
    if "reset" in text or "aborted" in text:
        return "broke the connection off"
    return "cannot be reached" if isinstance(error, exceptions.ConnectionError) else "cannot be fetched from"
