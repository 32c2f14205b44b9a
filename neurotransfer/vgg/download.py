"""Downloads a weights file: with time-outs and retries, it resumes where it stopped, and keeps no file of another hash.

HTTPS with checked certificates comes first. Plain HTTP is tried where that fails: the hash decides, not the connection.
"""

import hashlib
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.system.files import is_plain_file, open_part

logger = logging.getLogger(__name__)

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
MAX_PAUSE = 60.0  # seconds that a server may ask to wait for
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
    """Download the file from the first address that has it into ``folder``; return (path, `public` address).

    A whole file that an interrupted installation left there is not fetched again.

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
            raise InputError(
                f"--url must be an address that begins with http:// or https://; found {public(address)!r}."
            )
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
            return _fetch_from(address, sha256, folder, timeout, report), public(address)
        except _UnknownHostError as error:
            unknown.add(host)
            reasons.append(f"{host} {error}")
        except _FetchError as error:
            reasons.append(f"{public(address)} {error}")
        except OSError as error:
            if error.errno is None:  # not the disk's, but that of requests: the file of certificates is missing
                reasons.append(f"{public(address)} cannot be asked ({error})")
                continue
            raise NeurotransferError(f"The weights cannot be written to {folder}: {error.strerror or error}.") from None
    raise NeurotransferError(
        f"The weights were not fetched, and nothing was installed: {'; '.join(reasons)}. Run the command again, "
        "give another address with --url, or a file with 'neurotransfer weights import FILE'."
    )


def public(address: str) -> str:
    """Return an address without what may be secret: user and password, and a query, which may hold a key."""
    if not _is_address(address):  # a secret may hold any sign
        return re.sub(r"^([a-z]*://)?.*@", r"\1", address, flags=re.DOTALL)
    place, query, _ = _without_user(address).partition("?")
    return f"{place}{query and '?...'}"


def _without_user(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # unmatched brackets, a port out of range
        return False


def _fetch_from(address: str, sha256: str | None, folder: Path, timeout: float, report: Report) -> Path:
    stem = hashlib.sha256(_without_user(address).encode()).hexdigest()[:16]
    part, whole = folder / f"{stem}.part", folder / f"{stem}.download"
    method, expected = ("sha256", (sha256.lower(),)) if sha256 else ("md5", KNOWN_MD5)
    if is_plain_file(whole) and _digest(whole, method) in expected:
        return whole
    try:
        _collect(address, part, timeout, report)
        part.replace(whole)
    finally:
        if is_plain_file(part) and _size(part) == 0:
            part.unlink()
    found = _digest(whole, method)
    if found not in expected:
        whole.unlink()
        raise _FetchError(
            f"gave another file: its {method.upper()} was expected to be {' or '.join(expected)}, found {found}"
        )
    return whole


def _digest(path: Path, method: str) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, method).hexdigest()


def _collect(address: str, part: Path, timeout: float, report: Report) -> None:
    """Append to ``part`` until it is the whole file, in as many requests as that takes."""
    from requests.exceptions import HTTPError, RequestException
    from urllib3.exceptions import HTTPError as ConnectionBroken

    failures = 0
    for _ in range(MAX_REQUESTS):
        before, asked = _size(part), 0.0
        try:
            _request(address, part, before, timeout, report)
            return
        except HTTPError as error:
            response = error.response
            assert response is not None, "it is the status that failed"
            status = response.status_code
            reason = f"answered with the HTTP status {status} ({response.reason or '?':.60})"
            asked = _retry_after(response.headers)
            if status == 416:  # the part is as long as the file, or longer
                part.unlink(missing_ok=True)
            elif asked > MAX_PAUSE:
                raise _FetchError(f"{reason} and asks to try again in {asked:.0f} s") from None
            elif status < 500 and status not in _BUSY:
                raise _FetchError(reason) from None
        except (RequestException, ConnectionBroken, ValueError) as error:
            reason = _why(error)
        failures = 0 if _size(part) > before else failures + 1
        if failures == MAX_FAILURES:
            break
        if asked > FIRST_PAUSE:
            logger.info("%s %s: waiting %.0f s.", public(address), reason, asked)
        time.sleep(max(FIRST_PAUSE * 2**failures, asked))
    raise _UnknownHostError(reason) if reason == _NOT_FOUND else _FetchError(reason)


_BUSY = (408, 425, 429)
"""HTTP statuses after which it makes sense to ask again, as after those from 500 on."""


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that a server asks to wait for; 0 if it does not."""
    text = headers.get("retry-after", "")
    with suppress(ValueError, OverflowError):  # neither seconds nor a date
        return float(int(text)) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - time.time()
    return 0.0


def _size(path: Path) -> int:
    return path.stat().st_size if is_plain_file(path) else 0


def _request(address: str, part: Path, size: int, timeout: float, report: Report) -> None:
    """Ask once for what is missing after ``size`` bytes, and append the answer to ``part``."""
    import requests

    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={size}-"} if size else {})
    with requests.get(address, headers=headers, timeout=timeout, stream=True) as response, open_part(part) as handle:
        response.raise_for_status()
        if response.status_code not in (200, 206):
            told = "redirects to nowhere" if response.status_code >= 300 else "answered without the file"
            raise _FetchError(f"{told} (HTTP status {response.status_code})")
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
        (exceptions.SSLError, _why_not_secure(str(error))),
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


def _why_not_secure(text: str) -> str:
    """Return why no secure connection came about; ``text`` is OpenSSL's."""
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text or "HTTP_REQUEST" in text:
        return "does not speak TLS there (is it an http:// address, or another port?)"
    if "CERTIFICATE" in text.upper() or "hostname" in text:
        return "has no certificate that can be trusted"
    return "does not agree on a secure connection"
