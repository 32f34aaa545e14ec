"""What the simulated ARM answers beside lists and resources: Resource Graph, Azure Monitor, long-running operations."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug import Request, Response

from selftests.builders.arm import Subscription

GRAPH = "/providers/microsoft.resourcegraph/resources"
_BATCH = re.compile(r"/([^/]+)/subscriptions/([^/]+)/metrics:getbatch")
_OPERATIONS = {
    "effectiveroutetable": "effectiveRoutes",
    "effectivenetworksecuritygroups": "effectiveSecurityGroups",
    "ipflowverify": "ipFlows",
    "nexthop": "nextHops",
}
_BEGIN = re.compile(r"(/subscriptions/([^/]+)/resourcegroups/[^/]+/providers/microsoft\.network/[^/]+/[^/]+)/([^/]+)")
_RESULT = re.compile(
    r"/subscriptions/[^/]+/providers/microsoft\.network/locations/[^/]+/(operations|operationresults)/(\d+)"
)
ASKED = ("localIPAddress", "remoteIPAddress", "remotePort", "protocol", "sourceIPAddress", "destinationIPAddress")
"""What a recording of Network Watcher's answers repeats of the question."""
Reply = Callable[..., Response]


@dataclass
class Operations:
    """Long-running operations that were begun: accepted, once more not ready, then their result."""

    results: dict[int, Any] = field(default_factory=dict)
    polled: dict[int, int] = field(default_factory=dict)

    def answer(self, request: Request, served: Mapping[str, Subscription], url: str) -> Response | None:
        """202 with a Location for what begins, 202 or the result at that Location; None for anything else."""
        path = request.path.lower()
        if request.method == "GET" and (found := _RESULT.fullmatch(path)):
            return self._result(found[1], int(found[2]), request.url)
        begun = _BEGIN.fullmatch(path) if request.method == "POST" else None
        if begun is None or begun[3] not in _OPERATIONS or begun[2] not in served:
            return None
        asked = request.get_json(silent=True) or {}
        about = str(asked.get("targetResourceId", begun[1])).lower()
        entries = served[begun[2]].lists.get(_OPERATIONS[begun[3]], [])
        result = next((e["value"] for e in entries if e["id"].lower() == about), None)
        if result is None:
            return _json({"error": {"code": "NetworkInterfaceNotAttachedToRunningVM", "message": "made up"}}, 400)
        number = len(self.results) + 1
        self.results[number] = _answer(result) if "targetResourceId" in asked else {"value": result}
        where = f"{url}/subscriptions/{begun[2]}/providers/Microsoft.Network/locations/westeurope"
        signed = f"{number}?api-version=2024-05-01&t=6390&c=MII&s=signed-as-it-is&h=x"
        given = {"Location": f"{where}/operationResults/{signed}"}
        if begun[3] == "effectiveroutetable":  # the network provider gives both for some of its operations
            given["Azure-AsyncOperation"] = f"{where}/operations/{signed}"
        return Response("null", 202, given, content_type="application/json")

    def _result(self, kind: str, number: int, url: str) -> Response:
        self.polled[number] = self.polled.get(number, 0) + 1
        early = self.polled[number] == 1
        if kind == "operations":
            return _json({"status": "InProgress" if early else "Succeeded"})
        return Response("null", 202, {"Location": url}) if early else _json(self.results[number])


def _answer(value: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: given for name, given in value[0].items() if name not in ASKED}


def expanded(record: dict[str, Any], served: Subscription) -> dict[str, Any]:
    """A collection of restore points with its points: its own, else those that were recorded of it."""
    known, key = served.lists.get("restorePoints", []), record["id"].lower()
    whole = [row["restorePoints"] for row in known if row["id"].lower() == key]
    points = whole[0] if whole else [row for row in known if row["id"].lower().startswith(f"{key}/")]
    return {**record, "properties": {"restorePoints": points, **record["properties"]}}


def graph(
    request: Request, served: Mapping[str, Subscription], groups: Mapping[str, list[str]], page_size: int
) -> Response | None:
    """A page of Resource Graph: subscriptions of management groups, or restore points; only what the query asks for."""
    if request.method != "POST" or request.path.lower() != GRAPH:
        return None
    asked = request.get_json()
    if "microsoft.resources/subscriptions" in asked["query"]:
        below = [i for group in asked["managementGroups"] for i in groups.get(group, [])]
        rows = [{"id": f"/subscriptions/{i}", "subscriptionId": i} for i in sorted(below)]
    else:
        known = [p for i in asked["subscriptions"] if i in served for p in served[i].lists.get("restorePoints", [])]
        rows = [p for p in known if "/restorePoints/" in p["id"]]
    start, top = int(asked["options"].get("$skipToken", 0)), min(asked["options"]["$top"], page_size)
    page = rows[start : start + top]
    more = {"$skipToken": str(start + top)} if start + top < len(rows) else {}
    counts = {"totalRecords": len(rows), "count": len(page), "facets": []}
    return _json({**counts, "data": page, "resultTruncated": "true" if more else "false", **more})


def batch(request: Request, served: Mapping[str, Subscription]) -> Response | None:
    """Azure Monitor's answer for up to fifty machines: what was recorded of the window that is asked for."""
    found = _BATCH.fullmatch(request.path.lower())
    if found is None or request.method != "POST":
        return None
    ids = [i.lower() for i in request.get_json()["resourceids"]]
    if len(ids) > 50 or found[2] not in served:
        return _json({"error": {"code": "BadRequest", "message": "made up"}}, 400)
    start = request.args["starttime"].replace("+00:00", "Z").replace(".000Z", "Z")
    known = {e["resourceid"].lower(): e for e in served[found[2]].lists["metrics"] if e["starttime"] == start}
    return _json({"values": [known[i] for i in ids if i in known]})


def _json(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document), status, content_type="application/json; charset=utf-8")
