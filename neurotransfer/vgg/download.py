"""Downloads a weights file: with time-outs and retries, it resumes where it stopped, and keeps no file of another hash.

HTTPS with checked certificates comes first. Plain HTTP is tried where that fails: the hash decides, not the connection.
"""

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from neurotransfer.system.errors import InputError, NeurotransferError

_MODELS = "www.vlfeat.org/matconvnet/models"
_NAME = "imagenet-vgg-verydeep-19.mat"
ADDRESSES = tuple(f"{scheme}://{_MODELS}/{place}{_NAME}" for place in ("", "beta16/") for scheme in ("https", "http"))
"""Of the official file, newer and older layout."""
KNOWN_MD5 = ("106118b7cf60435e6d8e04f6a6dc3657", "8ee3263992981a1d26e73b3ca028a123")
"""Of the official file, newer and older layout."""

MAX_BYTES = 1_000_000_000
"""Of a download; the official file has 580 million."""
CHUNK_BYTES = 1 << 16
MAX_FAILURES = 3
"""Requests in a row that bring nothing."""
MAX_REQUESTS = 100
"""Of one file: one that breaks off and resumes all the time ends, too."""
MAX_TIMEOUT = 3600.0  # seconds: systems have limits of their own
FIRST_PAUSE = 0.5  # seconds, doubled after every request that brings nothing
_NOT_FOUND = "was not found (is this machine offline?)"

Report = Callable[[int, int], None]
"""Called with (bytes here, bytes of the whole file, or 0 if the server does not say)."""


class _FetchError(Exception):
    """An address does not give the file; the message is the end of a sentence that begins with the address."""


class _UnknownHostError(_FetchError):
    """The address's host cannot be resolved: its other addresses are not tried."""


def download_weights(
    addresses: Sequence[str], sha256: str | None, folder: Path, *, timeout: float, report: Report
) -> tuple[Path, str]:
    """Download the file from the first address that has it into ``folder``; return (path, address).

    Args:
        addresses: where to look, in this order; http or https.
        sha256: the hash that the file must have; None: it must be the official file.
        folder: exists; a partial download is kept there, and the next call resumes it.
        timeout: seconds, at most `MAX_TIMEOUT`, without a byte after which a connection is given up.
        report: called with the progress.

    Raises:
        InputError: an address or the hash cannot be one.
        NeurotransferError: no address gave the file. Nothing but a partial download was kept.
    """
    for address in addresses:
        if not _is_address(address):
            raise InputError(f"--url must be an address that begins with http:// or https://; found {address!r}.")
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise InputError(f"--sha256 must be 64 hexadecimal digits; found {sha256!r}.")
    if not timeout <= MAX_TIMEOUT:
        raise InputError(f"--timeout must be at most {MAX_TIMEOUT:g} s; found {timeout:g} s.")
    reasons, unknown = [], set()
    for address in addresses:
        host = urlsplit(address).hostname
        if host in unknown:
            continue
        try:
            return _fetch_from(address, sha256, folder, timeout, report), address
        except _UnknownHostError as error:
            unknown.add(host)
            reasons.append(f"{host} {error}")
        except _FetchError as error:
            reasons.append(f"{address} {error}")
        except OSError as error:
            if error.errno is None:  # not the disk's, but that of requests: the file of certificates is missing
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
    except ValueError:  # unmatched brackets, a port out of range
        return False


def _fetch_from(address: str, sha256: str | None, folder: Path, timeout: float, report: Report) -> Path:
    stem = hashlib.sha256(address.encode()).hexdigest()[:16]
    part, whole = folder / f"{stem}.part", folder / f"{stem}.download"
    try:
        _collect(address, part, timeout, report)
        part.replace(whole)
    finally:
        if part.exists() and part.stat().st_size == 0:
            part.unlink()
    method, expected = ("sha256", (sha256.lower(),)) if sha256 else ("md5", KNOWN_MD5)
    with whole.open("rb") as handle:
        found = hashlib.file_digest(handle, method).hexdigest()
    if found not in expected:
        whole.unlink()
        raise _FetchError(
            f"gave another file: its {method.upper()} was expected to be {' or '.join(expected)}, found {found}"
        )
    return whole


def _collect(address: str, part: Path, timeout: float, report: Report) -> None:
    """Append to ``part`` until it is the whole file, in as many requests as that takes."""
    from requests.exceptions import HTTPError, RequestException
    from urllib3.exceptions import HTTPError as ConnectionBroken

    failures = 0
    for _ in range(MAX_REQUESTS):
        before = _size(part)
        try:
            _request(address, part, before, timeout, report)
            return
        except HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            reason = f"answered with the HTTP status {status}"
            if status == 416:  # the part is as long as the file, or longer
                part.unlink(missing_ok=True)
            elif status < 500:
                raise _FetchError(reason) from None
        except (RequestException, ConnectionBroken, ValueError) as error:
            reason = _why(error)
        failures = 0 if _size(part) > before else failures + 1
        if failures == MAX_FAILURES:
            break
        time.sleep(FIRST_PAUSE * 2**failures)
    raise _UnknownHostError(reason) if reason == _NOT_FOUND else _FetchError(reason)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _request(address: str, part: Path, size: int, timeout: float, report: Report) -> None:
    """Ask once for what is missing after ``size`` bytes, and append the answer to ``part``."""
    import requests

    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={size}-"} if size else {})
    with requests.get(address, headers=headers, timeout=timeout, stream=True) as response, part.open("ab") as handle:
        response.raise_for_status()
        if response.headers.get("content-type", "").startswith("text/html"):
            raise _FetchError("answered with a web page instead of the file")
        if not response.headers.get("content-range", "").startswith(f"bytes {size}-"):
            handle.truncate(0)  # the server knows no ranges and sends the whole file
            size = 0
        length = response.headers.get("content-length", "")
        total = size + int(length) if length else 0
        for data in response.iter_content(CHUNK_BYTES) if total <= MAX_BYTES else ():
            size += len(data)
            if size > MAX_BYTES:
                break
            handle.write(data)
            report(size, total)
        if max(size, total) > MAX_BYTES:
            handle.truncate(0)
            raise _FetchError(f"sends more than {MAX_BYTES // 10**6} MB, expected about 580")


def _why(error: Exception) -> str:
    """Return why a request failed, as the end of a sentence that begins with the address."""
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
