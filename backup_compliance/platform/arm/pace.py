"""Time towards ARM: how long, how often and how fast; one bucket of requests for everybody who shares a limit of ARM's."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import SansIOHTTPPolicy

READS_LEFT: Final = (
    "x-ms-ratelimit-remaining-subscription-reads",
    "x-ms-ratelimit-remaining-subscription-global-reads",
)
QUERIES_LEFT: Final = ("x-ms-user-quota-remaining",)
"""ARM's own counts: of a subscription's reads by one principal and by all, of a user's Resource Graph queries."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Time as the policies know it; tests bring their own."""

    clock: Callable[[], float] = time.monotonic
    """Seconds, from any start."""
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    """From 0 to 1."""


@dataclass(frozen=True, slots=True)
class ArmLimits:
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
    poll_interval: float = 2.0
    """Seconds between two looks at a long-running operation, unless ARM names others."""
    operation_timeout: float = 120.0
    """Seconds that a long-running operation may take."""
    first_page_only: bool = False
    """Enough to learn whether a list may be read at all."""
    list_bytes: int = 512 * 2**20
    """A longer list counts as not read."""
    waiting: Waiting = Waiting()


class Pace:
    """A token bucket that all requests under one limit share: those of one subscription, where nothing else is given."""

    def __init__(self, limits: ArmLimits, burst: int | None = None, per_second: float | None = None) -> None:
        self._waiting = limits.waiting
        self._burst = limits.burst if burst is None else burst
        self._per_second = limits.per_second if per_second is None else per_second
        self._tokens = float(self._burst)
        self._at = self._waiting.clock()
        self._held_until = self._at
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait for the turn of one request."""
        with self._lock:
            now = self._refill()
            self._tokens -= 1  # below zero: turns that are promised already
            wait = max(-self._tokens / self._per_second, self._held_until - now)
        if wait > 0:
            self._waiting.sleep(wait)

    def hold(self, seconds: float) -> None:
        """Nobody's turn comes for so long: ARM said so to one request and means all of them."""
        with self._lock:
            self._held_until = max(self._held_until, self._waiting.clock() + seconds)

    def learn(self, remaining: int) -> None:
        """ARM's own count, which others of the same principal draw on too."""
        with self._lock:
            self._refill()
            self._tokens = min(self._tokens, float(max(remaining, 0)))

    def _refill(self) -> float:
        now = self._waiting.clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        return now


class Pacing(SansIOHTTPPolicy[Any, Any]):
    """Every attempt waits for its turn."""

    def __init__(self, pace: Pace, counted_by: tuple[str, ...] = READS_LEFT) -> None:
        self._pace = pace
        self._headers = counted_by

    def on_request(self, request: PipelineRequest[Any]) -> None:  # noqa: ARG002  # azure-core's signature
        """Blocks until it is this request's turn."""
        self._pace.take()

    def on_response(self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> None:  # noqa: ARG002
        """Takes over ARM's count of what is left."""
        for header in self._headers:
            remaining = response.http_response.headers.get(header, "")
            if remaining.isascii() and remaining.isdigit():
                self._pace.learn(int(remaining))
