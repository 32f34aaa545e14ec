"""Azure Resource Manager on loopback: a made-up subscription served over HTTPS the way ARM does, faults included.

What it serves is what `selftests.builders.arm` and the demo's samples are made of, so that reading it must give exactly them.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from selftests.builders.arm import Subscription
from selftests.builders.arm_answers import Operations, batch, expanded, graph

TOKEN = "made-up-token-0123456789"  # nobody's
METRICS_TOKEN = "made-up-metrics-token-9876543210"  # likewise
LISTS = {
    "microsoft.compute/virtualmachines": "virtualMachines",
    "microsoft.recoveryservices/vaults": "vaults",
    "microsoft.compute/restorepointcollections": "restorePointCollections",
    "microsoft.authorization/locks": "locks",
    **{
        f"microsoft.network/{kind.lower()}": kind
        for kind in (
            *("networkInterfaces", "networkSecurityGroups", "virtualNetworks", "routeTables"),
            *("publicIPAddresses", "natGateways", "loadBalancers", "privateEndpoints", "networkWatchers"),
        )
    },
}
OF_VAULTS = {kind.lower(): kind for kind in ("backupProtectedItems", "backupPolicies", "backupJobs")}
BATCH = "metrics:getBatch"
ADMIN_RULES = "listnetworkmanagereffectivesecurityadminrules"
LIST = re.compile(r"/subscriptions/([^/]+)/providers/([^/]+/[^/]+)")
_TAGS = re.compile(r"/subscriptions/([^/]+)/providers/microsoft\.network/locations/([^/]+)/servicetags")
_RESOURCE = re.compile(r"(/subscriptions/([^/]+)/resourcegroups/[^/]+/providers/[^/]+/([^/]+)/[^/]+)(?:/([^/]+))?")
Answer = Callable[[Request], Response]


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]

    @property
    def action(self) -> str:
        """The right that ARM wants for it: the provider, every type on the way, and `read` or `action`."""
        if self.path.endswith(BATCH):
            return "Microsoft.Insights/metrics/read"
        provider, *way = self.path.split("/providers/")[1].split("/")
        if provider == "Microsoft.ResourceGraph":
            return f"{provider}/resources/read"  # so it is called, POST or not
        return "/".join([provider, *way[::2], "read" if self.method == "GET" else "action"])


@dataclass
class _Fault:
    path: re.Pattern[str]
    answer: Answer
    times: int | None
    query: str


@dataclass
class ArmSimulator:
    """What is served, what goes wrong, and what was asked."""

    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    page_size: int = 3
    row_page_size: int | None = None
    """... of Resource Graph, where it is another."""
    url: str = ""
    metrics_url: str = ""
    """Another host, which wants another token."""
    management_groups: dict[str, list[str]] = field(default_factory=dict)
    operations: Operations = field(default_factory=Operations)
    authority: Path = Path()
    """The certificate of its CA."""
    asked: list[Asked] = field(default_factory=list)
    shown: set[tuple[str, str]] = field(default_factory=set)
    """Which host was shown which credentials."""
    _indexed: tuple[list[Any], dict[str, Any]] = field(default_factory=lambda: ([], {}))
    _faults: list[_Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, *subscriptions: Subscription) -> ArmSimulator:
        """The same server afresh: nothing asked, nothing wrong, these subscriptions."""
        self.subscriptions = {s.id: s for s in subscriptions}
        self.page_size, self.row_page_size = 3, None
        self.management_groups = {}
        self.operations = Operations()
        self.asked.clear()
        self.shown.clear()
        self._faults.clear()
        return self

    def fail(self, path: str, answer: Answer, *, times: int | None = None, query: str = "") -> None:
        """Answer what `path` (a regular expression, any case) fits otherwise: always, or so many times."""
        self._faults.append(_Fault(re.compile(path, re.IGNORECASE), answer, times, query))

    def count(self, path: str, query: str = "") -> int:
        """How often something was asked that `path` fits, as in `fail`."""
        pattern = re.compile(path, re.IGNORECASE)
        return sum(bool(pattern.search(a.path)) and query in json.dumps(a.query) for a in self.asked)

    def answer(self, request: Request) -> Response:
        """The reply to one request, noted down before anything else."""
        with self._lock:
            self.asked.append(Asked(request.method, request.path, request.args.to_dict()))
            self.shown.add((request.host.split(":")[0], request.headers.get("Authorization", "")))
            fault = self._fault(request)
        wanted = METRICS_TOKEN if request.path.endswith(BATCH) else TOKEN
        if request.headers.get("Authorization") != f"Bearer {wanted}":
            return error(401, "InvalidAuthenticationToken")(request)
        if fault is not None:
            return fault.answer(request)
        if "api-version" not in request.args:
            return error(400, "MissingApiVersionParameter")(request)
        found = self._tags(request) or self._list(request) or self._of_resource(request) or self._other(request)
        found = found or error(404, "ResourceNotFound")(request)
        found.headers.setdefault("x-ms-ratelimit-remaining-subscription-global-reads", "3749")
        return found

    def _fault(self, request: Request) -> _Fault | None:
        for fault in self._faults:
            if fault.times != 0 and fault.path.search(request.path) and fault.query in json.dumps(request.args):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def _other(self, request: Request) -> Response | None:
        with self._lock:
            operation = self.operations.answer(request, self.subscriptions, self.url)
        asked = graph(request, self.subscriptions, self.management_groups, self.row_page_size or self.page_size)
        return operation or asked or batch(request, self.subscriptions)

    def _tags(self, request: Request) -> Response | None:
        found = _TAGS.fullmatch(request.path.lower())
        if found is None or request.method != "GET":
            return None
        return Response(self.subscriptions[found[1]].raw["serviceTags"], content_type="application/json")

    def _list(self, request: Request) -> Response | None:
        found = LIST.fullmatch(request.path.lower())
        if found is None or request.method != "GET" or found[2] not in LISTS:
            return None
        if found[1] not in self.subscriptions:
            return error(404, "SubscriptionNotFound")(request)
        kind = LISTS[found[2]]
        if kind == "virtualMachines" and request.args.get("statusOnly") == "true":
            kind = "virtualMachineStatuses"
        entries = self.subscriptions[found[1]].lists.get(kind, [])
        if kind == "restorePointCollections":  # their points only come with the single resource
            entries = [{**e, "properties": {"source": e["properties"].get("source")}} for e in entries]
        return self._page(request, entries)

    def _of_resource(self, request: Request) -> Response | None:
        found = _RESOURCE.fullmatch(request.path.lower())
        served = self.subscriptions.get(found[2]) if found is not None else None
        if found is None or served is None:
            return None
        owner, what = found[1], found[4] or ""
        if request.method == "GET" and what in OF_VAULTS:
            entries = served.lists.get(OF_VAULTS[what], [])
            return self._page(request, [e for e in entries if e["id"].lower().startswith(f"{owner}/")])
        if request.method == "GET" and found[3] == "virtualmachines" and request.args.get("$expand") == "instanceView":
            view = self._by_id(served.lists["instanceViews"]).get(owner)
            return reply(view) if view is not None else None
        if request.method == "GET" and found[3] == "restorepointcollections" and not what:
            found_one = [c for c in served.lists["restorePointCollections"] if c["id"].lower() == owner]
            return reply(expanded(found_one[0], served)) if found_one else None
        if request.method == "POST" and what == ADMIN_RULES:
            rules = [e["value"] for e in served.lists["securityAdminRules"] if e["id"].lower() == owner]
            return self._token_page(request, rules[0]) if rules else None
        return None

    def _by_id(self, entries: list[Any]) -> dict[str, Any]:
        """Entries by lower-case id; made once for each list, which stays as it is."""
        of, known = self._indexed
        if of is not entries:
            known = {e["id"].lower(): e for e in reversed(entries)}
            self._indexed = entries, known
        return known

    def _page(self, request: Request, entries: list[Any]) -> Response:
        start = int(request.args.get("$skiptoken", 0))
        end = start + self.page_size
        page: dict[str, Any] = {"value": entries[start:end]}
        if end < len(entries):
            rest = "&".join(f"{k}={v}" for k, v in request.args.items() if k != "$skiptoken")
            page["nextLink"] = f"{self.url}{request.path}?{rest}&$skiptoken={end}"
        return reply(page)

    def _token_page(self, request: Request, entries: list[Any]) -> Response:
        start = int((request.get_json(silent=True) or {}).get("skipToken", 0))
        end = start + self.page_size
        return reply({"value": entries[start:end], **({"skipToken": str(end)} if end < len(entries) else {})})


def reply(document: Any, status: int = 200, **headers: str) -> Response:
    """A JSON reply."""
    return Response(json.dumps(document), status, headers, content_type="application/json; charset=utf-8")


def error(status: int, code: str, **headers: str) -> Answer:
    """A refusal in ARM's words."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: reply({"error": {"code": code, "message": "made up"}}, status, **named)


def body(text: bytes | str, status: int = 200, kind: str = "application/json", **headers: str) -> Answer:
    """A reply of any bytes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: Response(text, status, named, content_type=kind)


def linked(link: str) -> Answer:
    """An empty page whose `nextLink` is `link`."""
    return lambda request: reply({"value": [], "nextLink": link})


def again(request: Request) -> Response:
    """A page whose `nextLink` leads to itself."""
    return reply({"value": [], "nextLink": request.url})


def hang(released: threading.Event) -> Answer:
    """No reply before the event."""

    def wait(request: Request) -> Response:
        released.wait(20)
        return reply({"value": []})

    return wait


def trusted(simulator: ArmSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign in to the simulator, and believe its certificate."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(simulator.authority))
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    monkeypatch.setenv("ARM_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("METRICS_ACCESS_TOKEN", METRICS_TOKEN)


@contextmanager
def serving(folder: Path, *subscriptions: Subscription) -> Iterator[ArmSimulator]:
    """A simulator for these subscriptions; its CA is kept in `folder`."""
    folder.mkdir(exist_ok=True)
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    simulator = ArmSimulator().start(*subscriptions)
    with HTTPServer(host="localhost", port=0, ssl_context=context, threaded=True) as server:
        simulator.authority = folder / "ca.pem"
        simulator.url = f"https://localhost:{server.port}"
        simulator.metrics_url = f"https://127.0.0.1:{server.port}/{{region}}"
        server.expect_request(re.compile(".*")).respond_with_handler(simulator.answer)
        yield simulator
