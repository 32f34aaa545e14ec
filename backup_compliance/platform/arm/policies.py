"""What every request to ARM goes through: reading only, one host only, at a bounded pace, retried a bounded number of times.

The azure-mgmt clients bring policies of their own that register resource providers (a write, and an unbounded wait),
honour any Retry-After and do not retry a POST that met 429; these take their place.
"""

from __future__ import annotations

import re
import threading
import time
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy, SansIOHTTPPolicy
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from backup_compliance.platform.arm.pace import ArmLimits, Pace
from backup_compliance.platform.arm.replies import OTHER_VERSION

_IN_GROUP: Final = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network"
READING_POSTS: Final = (
    rf"{_IN_GROUP}/virtualNetworks/[^/]+/listNetworkManagerEffectiveSecurityAdminRules",
    rf"{_IN_GROUP}/networkInterfaces/[^/]+/(effectiveRouteTable|effectiveNetworkSecurityGroups)",
    rf"{_IN_GROUP}/networkWatchers/[^/]+/(ipFlowVerify|nextHop)",
    r"/providers/Microsoft\.ResourceGraph/resources",
    r"/subscriptions/[^/]+/metrics:getBatch",
)
"""There is no GET for these; each is documented as reading only."""
_READING_POST: Final = re.compile("|".join(READING_POSTS), re.IGNORECASE)
_ODD: Final = re.compile(r"[\\\x00-\x20\x7f]")
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
OLDEST_VERSION: Final = "2024-01-01"
"""Before it, fields are missing whose absence would be taken for an answer (defaultOutboundAccess of subnets)."""
_REFUSED_VERSION: Final = re.compile(rf'"(?:{"|".join(OTHER_VERSION)})"')
_GIVEN: Final = re.compile(r"/operation(result)?s/|[?&]\$?skiptoken=", re.IGNORECASE)
"""URLs that a reply gave: they may be signed as they are."""
_SUPPORTED: Final = re.compile(r"supported (?:api-)?versions are '([0-9a-z, -]+)'", re.IGNORECASE)
_STABLE: Final = re.compile(r"\d{4}-\d\d-\d\d")


class Refused(Exception):
    """A request that this suite never sends."""


class ReadOnly(SansIOHTTPPolicy[Any, Any]):
    """Refuses before it leaves, and before it gets a token: what may write, and what goes to another host.

    Stands before the policy that adds the token; a `nextLink` is a stranger's URL until it was compared.
    """

    def __init__(self, endpoint: str, over: threading.Event) -> None:
        self._origin = _origin(endpoint)
        self._path = urlsplit(endpoint).path.rstrip("/")
        self._over = over

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Raises `Refused`."""
        method, url = request.http_request.method, request.http_request.url
        if self._over.is_set():
            raise Refused("the reading is over")
        origin = _origin(url)
        if origin != self._origin:
            raise Refused(f"it leads to another host ({origin[1]}), which would have got the token")
        path = urlsplit(url).path.removeprefix(self._path)
        if method != "GET" and not (method == "POST" and _READING_POST.fullmatch(path)):
            raise Refused(f"{method} {path} may write, and this suite reads only")


def _origin(url: str) -> tuple[str | None, str | None, int]:
    """Scheme, host and port as the library that connects understands them: others part odd URLs differently.

    Raises `Refused` for what no URL of ARM's holds.
    """
    if _ODD.search(url):
        raise Refused("it leads to a URL with blanks, control characters or backslashes")
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise Refused("it leads to what is no URL") from None
    if parts.auth is not None:
        raise Refused("it leads to a URL with a user in it")
    return parts.scheme, parts.host, parts.port or 443


class BoundedRetry(HTTPPolicy[Any, Any]):
    """Retries what may pass: 429, 5xx that a gateway or an overload gives, broken connections; GET and reading POST alike."""

    def __init__(self, limits: ArmLimits, pace: Pace) -> None:
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


class KnownVersions(HTTPPolicy[Any, Any]):
    """Asks once more in an older API version where a cloud does not know the client's own yet, and says why it may.

    China and US Government lag behind; ARM's refusal lists what they know. The newest stable version that is older
    than the client's serves, down to `OLDEST_VERSION`, for this and every further request of that operation.
    """

    def __init__(self) -> None:
        super().__init__()
        self._versions: dict[str, str] = {}

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """The answer in a version that is known there, or the first refusal."""
        http = request.http_request
        if _GIVEN.search(http.url):
            return self.next.send(request)
        operation, asked = _operation(http.url), _version(http.url)
        if operation in self._versions:
            http.url = _in_version(http.url, self._versions[operation])
        response = self.next.send(request)
        known = _older_version(response.http_response, asked) if operation not in self._versions else ""
        if known:
            http.url = _in_version(http.url, known)
            response = self.next.send(request)
            if response.http_response.status_code < 400:
                self._versions[operation] = known
        return response


def _operation(url: str) -> str:
    """The provider and all types on the way, without the names between them."""
    provider, *way = urlsplit(url).path.rpartition("/providers/")[2].lower().split("/")
    return "/".join([provider, *way[::2]])


def _version(url: str) -> str:
    found = re.search(r"[?&]api-version=([^&]+)", url)
    return found[1] if found else ""


def _in_version(url: str, version: str) -> str:
    return re.sub(r"(?<=[?&]api-version=)[^&]+", version, url)


def _older_version(response: Any, asked: str) -> str:
    """The newest stable version before `asked` that a refusal offers; empty where it is no such refusal."""
    if response.status_code not in (400, 404) or not asked:
        return ""
    text = response.read()[:100_000].decode("utf-8", "replace")
    offered = _SUPPORTED.search(text) if _REFUSED_VERSION.search(text) else None
    stable = [v for v in map(str.strip, offered[1].split(",")) if _STABLE.fullmatch(v)] if offered else []
    return max((v for v in stable if OLDEST_VERSION <= v < asked), default="")


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
