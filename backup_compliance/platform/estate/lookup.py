"""Every resource that was read, found by resource id: lower case, never by name.

Pure: raw recordings in, records out. A reference to what is not there is named by whoever follows it; a list that was
not read, or only in part, is `Unreadable` for whoever needs it and for nobody else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from backup_compliance.model.arm_json import as_record, last_segment, text_at
from backup_compliance.model.recorded import Problem, ReadProblem, RecordedSubscription
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, RECOLLECT_OR_LOOK, Undetermined, Unreadable
from backup_compliance.platform.estate.resource_types import ABOUT_OTHERS, RESOURCE_TYPES

Resource = Mapping[str, Any]
T = TypeVar("T")
NO_ENTRY: Final = "give each entry of that file the id of the resource it was asked for"


@dataclass(frozen=True, slots=True)
class Listing:
    """One list of ARM: resources by lower-case id, and what of it could not be read."""

    resources: Mapping[str, Resource]
    damaged: tuple[str, ...] = ()
    """Entries that are no resource, by place and reason."""
    problems: Mapping[str, Problem] = field(default_factory=dict)
    """Why parts are missing, by the lower-case id of what was asked (a vault, a virtual machine)."""


@dataclass(frozen=True, slots=True)
class _Raised:
    """What making a cached value came to."""

    error: Unreadable | Undetermined


@dataclass(frozen=True)
class Estate:
    """Everything read of all subscriptions. Lists are decoded when first asked for."""

    subscriptions: Mapping[str, RecordedSubscription]
    _cache: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def read_at(self, subscription: str) -> datetime | None:
        """When the subscription was read, UTC; None where nobody recorded that."""
        found = self.subscriptions.get(subscription)
        return found.read_at if found is not None else None

    def cached(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returns, or the `Unreadable` or `Undetermined` that it raises, found out once for `key`."""
        if key not in self._cache:
            try:
                self._cache[key] = make()
            except (Unreadable, Undetermined) as error:
                self._cache[key] = _Raised(error.again())
        found = self._cache[key]
        if isinstance(found, _Raised):
            raise found.error.again()
        made: T = found
        return made

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returns, found out once for `key`; what it raises names the asking resource, so it is raised afresh."""
        if key not in self._cache:
            self._cache[key] = make()
        made: T = self._cache[key]
        return made

    def document(self, subscription: str, kind: str) -> Any:
        """The JSON of one type as it was recorded; `Unreadable` saying what is missing and how to grant it."""
        recorded = self.subscriptions.get(subscription.lower())
        if recorded is None:
            raise Unreadable(
                f"{kind} of subscription {printable(subscription, 60)} were not read",
                "read that subscription too: something here refers to it",
            )
        for problem in recorded.problems:
            if problem.type == kind and _is_of_all(problem):
                raise Unreadable(
                    f"{kind} of subscription {recorded.id}: {printable(problem.reason)}",
                    printable(problem.remedy) or _grant(kind),
                )
        if kind not in recorded.documents:
            right = f" (right: {RESOURCE_TYPES[kind]})" if kind in RESOURCE_TYPES else ""
            raise Unreadable(f"{kind}.json of subscription {recorded.id} is missing", f"collect {kind}{right}")
        try:
            return json.loads(recorded.documents[kind])
        except (ValueError, RecursionError) as error:
            what = printable(str(error), 120)
            raise Unreadable(f"{kind}.json of subscription {recorded.id} is no JSON: {what}", RECOLLECT) from None

    def listing(self, subscription: str, kind: str) -> Listing:
        """The list `kind` of one subscription; `Unreadable` where it was not read, or only its first pages."""
        subscription = subscription.lower()
        return self.cached(("list", subscription, kind), lambda: self._parse(subscription, kind))

    def _parse(self, subscription: str, kind: str) -> Listing:
        document = self.document(subscription, kind)
        problems = {
            p.scope.lower(): Problem(printable(p.reason), printable(p.remedy) or _grant(kind))
            for p in self.subscriptions[subscription].problems
            if p.type == kind and not _is_of_all(p)
        }
        return parse_listing(document, f"{kind}.json of subscription {subscription}", problems, kind, subscription)

    def find(self, kind: str, reference: str, named_by: str) -> Resource:
        """The resource that `named_by` refers to; `Unreadable` naming both when it is not in the list."""
        listing = self.listing(subscription_of(reference), kind)
        found = listing.resources.get(normalize_id(reference))
        if found is not None:
            return found
        problem = listing.problems.get(normalize_id(reference))
        if problem is not None:
            raise Unreadable(f"{kind} {last_segment(reference)}: {problem.reason}", problem.remedy)
        told = f"; {len(listing.damaged)} entries of that list are damaged" if listing.damaged else ""
        where = f"not in {kind}.json of subscription {subscription_of(reference)}{told}"
        if kind in ABOUT_OTHERS:
            raise Unreadable(f"{named_by} is {where}", NO_ENTRY if listing.damaged else _grant(kind))
        raise Unreadable(f"{named_by} refers to {told_id(reference)}, which is {where}", RECOLLECT_OR_LOOK)

    def every(self, kind: str) -> Iterable[Resource]:
        """All resources of a type, over all subscriptions; `Unreadable` where one list was not read."""
        for subscription in self.subscriptions:
            yield from self.listing(subscription, kind).resources.values()


def open_estate(subscriptions: Iterable[RecordedSubscription]) -> Estate:
    """The estate behind recordings; nothing is decoded yet."""
    return Estate({each.id: each for each in subscriptions})


def parse_listing(
    document: Any, what: str, problems: Mapping[str, Problem] | None = None, kind: str = "", subscription: str = ""
) -> Listing:
    """A list reply `{"value": [...]}` with all its pages; `Unreadable` when it is none, or has a further page.

    Args:
        document: the reply, as JSON gives it.
        what: how messages name it.
        problems: why single resources or scopes are missing, by normalize_id id.
        kind: the type that is listed, for the right to grant.
        subscription: whose resources these must be; empty for anybody's.
    """
    record = as_record(document)
    values = record.get("value") if record is not None else None
    if record is None or not isinstance(values, list):
        error = as_record(record.get("error")) if record is not None else None
        if error is not None:
            raise Unreadable(f"ARM refused {what}: {printable(text_at(error, 'code'), 60) or 'an error'}", _grant(kind))
        raise Unreadable(f'{what} is no list {{"value": [...]}}', RECOLLECT)
    if record.get("nextLink"):
        raise Unreadable(
            f"{what} holds the first page only: nextLink was not followed", "collect every page into one value"
        )
    resources: dict[str, Resource] = {}
    unread = dict(problems or {})
    damaged = []
    for index, entry in enumerate(values):
        resource = as_record(entry)
        key = normalize_id(text_at(resource, "id")) if resource is not None else ""
        if resource is None or not key:
            damaged.append(f"value[{index}] is no resource with an id")
        elif subscription and subscription_of(key) != subscription:
            damaged.append(f"value[{index}] belongs to subscription {printable(subscription_of(key), 60) or '?'}")
        elif resources.get(key, resource) != resource:
            unread[key] = Problem(f"{what} lists it twice, and differently", RECOLLECT)
        else:
            resources[key] = resource
    return Listing({k: r for k, r in resources.items() if k not in unread}, tuple(damaged), unread)


def normalize_id(resource_id: str) -> str:
    """A resource id as it is compared: ARM's own replies differ in case."""
    return resource_id.strip().rstrip("/").lower()


def segment(resource_id: str, name: str) -> str:
    """The value that follows `name` in a resource id, as it is spelt there; "" when there is none."""
    parts = resource_id.strip("/").split("/")
    names = resource_id.strip("/").lower().split("/")[:-1]
    wanted = name.lower()
    return parts[names.index(wanted) + 1] if wanted in names else ""


def told_id(resource_id: str) -> str:
    """A resource id for messages: everything but subscription and provider, which say little to people."""
    short = re.sub(r"(?i)^/subscriptions/[^/]+/resourceGroups/([^/]+)/providers/[^/]+/", r"\1: ", resource_id.strip())
    return printable(short, 200)


def subscription_of(resource_id: str) -> str:
    """The subscription of a resource id, lower case."""
    return segment(resource_id, "subscriptions").lower()


def _is_of_all(problem: ReadProblem) -> bool:
    """Whether a problem takes the whole list: none of its resources or vaults is named."""
    scope = problem.scope.lower()
    if problem.type in ABOUT_OTHERS or problem.type.startswith("backup"):
        return "/providers/" not in scope
    return f"/{problem.type.lower()}/" not in scope


def _grant(kind: str) -> str:
    return f"grant {RESOURCE_TYPES[kind]} and collect again" if kind in RESOURCE_TYPES else RECOLLECT
