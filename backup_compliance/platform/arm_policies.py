"""What every request to ARM goes through: reading only, one host only, at a bounded pace, retried a bounded number of times.

The azure-mgmt clients bring policies of their own that register resource providers (a write, and an unbounded wait),
honour any Retry-After and do not retry a POST that met 429; these take their place.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy, SansIOHTTPPolicy

READING_POSTS: Final = (
    r"/Microsoft\.Network/virtualNetworks/[^/]+/listNetworkManagerEffectiveSecurityAdminRules",
    r"/Microsoft\.Network/networkInterfaces/[^/]+/(effectiveRouteTable|effectiveNetworkSecurityGroups)",
)
"""ARM has no GET for these; each is documented as reading only."""
_READING_POST: Final = re.compile(
    rf"/subscriptions/[^/]+/resourceGroups/[^/]+/providers(?:{'|'.join(READING_POSTS)})", re.IGNORECASE
)
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
_REMAINING: Final = "x-ms-ratelimit-remaining-subscription-reads"


class Refused(Exception):
    """A request that this suite never sends."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Time as the policies know it; tests bring their own."""

    clock: Callable[[], float] = time.monotonic
    """Seconds, from any start."""
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    """From 0 to 1."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast, how often and how long a subscription is asked; ARM's own bucket is 250 reads, 25 more each second."""

    burst: int = 250
    per_second: float = 25.0
    connections: int = 16
    retries: int = 4
    longest_wait: float = 60.0
    """Seconds before one retry, whatever Retry-After says."""
    wait_budget: float = 300.0
    """Seconds that all retries of one request may wait together."""
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    patience: float = 900.0
    """Seconds without any answer at all, after which what is still open counts as not read."""
    list_bytes: int = 512 * 2**20
    """A longer list counts as not read."""
    waiting: Waiting = Waiting()


class Pace:
    """A token bucket that all requests of one subscription share."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tokens = float(limits.burst)
        self._at = limits.waiting.clock()
        self._held_until = self._at
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait for the turn of one request."""
        with self._lock:
            now = self._refill()
            self._tokens -= 1  # below zero: turns that are promised already
            wait = max(-self._tokens / self._limits.per_second, self._held_until - now)
        if wait > 0:
            self._limits.waiting.sleep(wait)

    def hold(self, seconds: float) -> None:
        """Nobody's turn comes for so long: ARM said so to one request and means all of them."""
        with self._lock:
            self._held_until = max(self._held_until, self._limits.waiting.clock() + seconds)

    def learn(self, remaining: int) -> None:
        """ARM's own count, which others of the same principal draw on too."""
        with self._lock:
            self._refill()
            self._tokens = min(self._tokens, float(max(remaining, 0)))

    def _refill(self) -> float:
        now = self._limits.waiting.clock()
        self._tokens = min(self._limits.burst, self._tokens + (now - self._at) * self._limits.per_second)
        self._at = now
        return now


class ReadOnly(SansIOHTTPPolicy[Any, Any]):
    """Refuses before it leaves, and before it gets a token: what may write, and what goes to another host.

    Stands before the policy that adds the token; a `nextLink` is a stranger's URL until it was compared.
    """

    def __init__(self, endpoint: str) -> None:
        self._origin = _origin(endpoint)
        self._path = urlsplit(endpoint).path.rstrip("/")

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Raises `Refused`."""
        method, url = request.http_request.method, request.http_request.url
        parts = urlsplit(url)
        if _origin(url) != self._origin:
            raise Refused(f"it leads to another host ({parts.hostname}), which would have got the token")
        path = parts.path.removeprefix(self._path)
        if method != "GET" and not (method == "POST" and _READING_POST.fullmatch(path)):
            raise Refused(f"{method} {path} may write, and this suite reads only")


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.hostname, parts.port or 443


class Pacing(SansIOHTTPPolicy[Any, Any]):
    """Every attempt waits for its turn."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def on_request(self, request: PipelineRequest[Any]) -> None:  # noqa: ARG002  # azure-core's signature
        """Blocks until it is this request's turn."""
        self._pace.take()

    def on_response(self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> None:  # noqa: ARG002
        """Takes over ARM's count of what is left."""
        remaining = response.http_response.headers.get(_REMAINING, "")
        if remaining.isascii() and remaining.isdigit():
            self._pace.learn(int(remaining))


class BoundedRetry(HTTPPolicy[Any, Any]):
    """Retries what may pass: 429, 5xx that a gateway or an overload gives, broken connections; GET and reading POST alike."""

    def __init__(self, limits: Limits, pace: Pace) -> None:
        super().__init__()
        self._limits = limits
        self._pace = pace

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """The last answer there was; raises the last `AzureError` where there was none."""
        waited = 0.0
        for attempt in range(self._limits.retries + 1):
            response, error = self._attempt(request)
            wait = self._wait(attempt, response)
            over = attempt == self._limits.retries or waited + wait > self._limits.wait_budget
            if response is not None and (response.http_response.status_code not in _TRANSIENT or over):
                return response
            if error is not None and (over or _is_for_good(error)):
                raise error
            waited += wait
            if response is not None and response.http_response.status_code == 429:
                self._pace.hold(wait)  # the next attempt waits there, with everybody else
            else:
                self._limits.waiting.sleep(wait)
        raise AssertionError("unreachable")

    def _attempt(self, request: PipelineRequest[Any]) -> tuple[PipelineResponse[Any, Any] | None, AzureError | None]:
        try:
            return self.next.send(request), None
        except ClientAuthenticationError:
            raise  # no token: asking again gives none either
        except AzureError as error:
            return None, error

    def _wait(self, attempt: int, response: PipelineResponse[Any, Any] | None) -> float:
        jitter = self._limits.waiting.jitter()
        asked = _retry_after(response.http_response.headers) if response is not None else None
        if asked is not None:
            return float(min(asked, self._limits.longest_wait) + jitter)
        return float(min(2.0**attempt, self._limits.longest_wait) * (0.5 + jitter / 2))


def _is_for_good(error: AzureError) -> bool:
    """A certificate that is not trusted stays so."""
    return isinstance(error.inner_exception, requests.exceptions.SSLError)


def _retry_after(headers: Any) -> float | None:
    """Seconds, from a number or an HTTP date; None where there is no such header, or nonsense in it."""
    text = str(headers.get("Retry-After", "")).strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text, re.ASCII):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
