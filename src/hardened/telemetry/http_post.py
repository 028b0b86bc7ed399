"""POST requests that carry credentials, with the standard library only.

The address must be https, or loopback; redirects are not followed, as they would carry the credentials elsewhere; and
every step is bounded in time.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Mapping
from http.client import HTTPException
from ipaddress import ip_address
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

_RETRYABLE = frozenset({429, 502, 503, 504})
"""https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes"""
_GZIP_FROM = 1024  # bytes; below, compressing costs more than it saves


class UnsafeAddressError(ValueError):
    """Credentials would go over the network in the clear."""


class Poster:
    """Sends bodies with the same headers, and perhaps tries again, all within `timeout` seconds.

    Raises UnsafeAddressError if `base` is neither https nor loopback, or holds a user name or password.
    """

    def __init__(self, base: str, headers: Mapping[str, str], timeout: float) -> None:
        self._base = safe_base(base)
        self._headers = dict(headers)
        self._timeout = timeout
        self._stopped = threading.Event()

    def post(self, path: str, body: bytes, content_type: str, *, compress: bool = False) -> int:
        """The status of the answer. Raises OSError if there was none. `compress` where the server takes gzip.

        What the server certainly did not take (429, 502-504, connection refused) is tried again while time lasts.
        """
        headers = {**self._headers, "Content-Type": content_type}
        if compress and len(body) >= _GZIP_FROM:
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        deadline = time.monotonic() + self._timeout
        pause = 0.5
        while True:
            status, refused, retry_after = self._attempt(path, body, headers, max(0.1, deadline - time.monotonic()))
            if status and status not in _RETRYABLE:
                return status
            pause = max(pause, retry_after)
            if time.monotonic() + pause >= deadline or self._stopped.wait(pause):
                if refused is not None:
                    raise refused
                return status
            pause *= 2

    def stop(self) -> None:
        """End the waiting for another try, now and from now on."""
        self._stopped.set()

    def _attempt(
        self, path: str, body: bytes, headers: dict[str, str], timeout: float
    ) -> tuple[int, OSError | None, float]:
        """Status, or the refusal in its place, and how long the server asks to wait."""
        from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

        class NoRedirect(HTTPRedirectHandler):
            def redirect_request(self, *_: object, **__: object) -> None:
                """None: the redirect itself is the answer."""

        handlers = [NoRedirect(), *([ProxyHandler({})] if is_loopback(self._base) else [])]
        request = Request(self._base + path, body, headers, method="POST")  # noqa: S310 - the address was checked
        try:
            with build_opener(*handlers).open(request, timeout=timeout) as answer:
                return answer.status, None, 0.0
        except HTTPError as error:
            with error:
                return error.code, None, _seconds(error.headers.get("Retry-After"))
        except URLError as error:
            if isinstance(error.reason, ConnectionRefusedError):
                return 0, error.reason, 0.0
            raise
        except HTTPException as error:  # an answer that is no HTTP
            raise ConnectionError(type(error).__name__) from None


def safe_base(base: str) -> str:
    """The address without a slash at its end. Raises UnsafeAddressError, see `Poster`."""
    try:
        parts = urlsplit(base)
        loopback = is_loopback(base)
    except ValueError:
        raise UnsafeAddressError("the address cannot be read") from None
    if parts.username or parts.password:
        raise UnsafeAddressError("the address holds a user name or password")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        raise UnsafeAddressError("the address is neither https nor loopback, so the keys would be readable on the way")
    return base.rstrip("/")


def is_loopback(address: str) -> bool:
    """Whether the host is this machine, by name or number; names are not looked up."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _seconds(retry_after: str | None) -> float:
    """`Retry-After` in seconds; a date is not worth the waiting."""
    return float(retry_after) if retry_after and retry_after.isdigit() else 0.0
