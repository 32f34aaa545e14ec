"""What the net begins with: every recording of which some control says that something is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from backup_compliance.gathering.folder import Facts, load_facts
from backup_compliance.model.recorded import RecordedGuest, RecordedSubscription
from selftests.builders.product import ROOT
from selftests.guest.linux import test_controls as linux
from selftests.guest.windows import test_controls as windows
from selftests.platform import test_controls as platform
from selftests.platform import test_missing_facts as missing
from selftests.proof.direct import BAD, Case, ends_of_guest, ends_on_platform, opened

SAMPLES: Final = ROOT / "samples" / "facts"
OF_ONE_MACHINE: Final = frozenset(
    {"virtualMachines", "virtualMachineStatuses", "instanceViews", "networkInterfaces", "backupProtectedItems"}
    | {"backupJobs", "restorePointCollections", "restorePoints", "metrics"}
)
"""Lists of the sample subscription of which a machine needs its own entries only."""


@dataclass(frozen=True)
class GuestBase:
    """One guest, and the controls that are not met there."""

    name: str
    output: bytes

    @property
    def bad(self) -> frozenset[str]:
        """What says that something is wrong."""
        return frozenset(c for c, end in ends_of_guest(self.output).items() if end.outcome in BAD)


@dataclass(frozen=True)
class PlatformBase:
    """One subscription, perhaps with guests."""

    name: str
    subscription: RecordedSubscription
    guests: tuple[RecordedGuest, ...] = ()
    only: str = ""
    """A single control that it was made for."""

    def facts(self, document: str = "", text: bytes = b"") -> Facts:
        """Its facts, with another text for one document."""
        if not document:
            return Facts(self.guests, (self.subscription,))
        changed = {**self.subscription.documents, document: text}
        return Facts(self.guests, (replace(self.subscription, documents=changed),))

    def bad(self) -> frozenset[Case]:
        """What says that something is wrong."""
        ends = ends_on_platform(opened(self.facts()))
        return frozenset(c for c, e in ends.items() if e.outcome in BAD and self.only in ("", c.control))


class Noticing(dict[str, bytes]):
    """Documents that remember which of them were read: what nobody read cannot change a verdict."""

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        super().__init__(documents)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> bytes:
        self.read.add(key)
        return super().__getitem__(key)


def read_for(base: PlatformBase, case: Case) -> frozenset[str]:
    """The documents that one control reads for one subject."""
    documents = Noticing(base.subscription.documents)
    watched = replace(base, subscription=replace(base.subscription, documents=documents))
    ends_on_platform(opened(watched.facts()), frozenset({case}))
    return frozenset(documents.read)


def guest_bases() -> Iterator[GuestBase]:
    """The sample guests, and the recordings that each control is tried on."""
    for path in sorted((SAMPLES / "guests").glob("*.txt")):
        yield GuestBase(f"samples/{path.stem}", path.read_bytes())
    for system, cases in (("linux", linux.CASES), ("windows", windows.CASES)):
        for control, name, recording, outcome, _ in cases:
            if outcome in BAD:
                yield GuestBase(f"{system}/{control}-{name}", recording.output())


def platform_bases() -> Iterator[PlatformBase]:
    """The machines of the sample subscription, and the subscriptions that each control is tried on."""
    yield from _samples()
    for control, name, subscription, outcome, _ in platform.CASES:
        if outcome in BAD:
            yield PlatformBase(f"platform/{control}-{name}", subscription.recorded(), only=control)
    for control, name, subscription, _ in missing.CASES:
        yield PlatformBase(f"missing/{control}-{name}", subscription.recorded(), only=control)


@cache
def _whole() -> Facts:
    return load_facts(SAMPLES)


def _samples() -> Iterator[PlatformBase]:
    """One base a machine: the whole subscription has fifty times the fields."""
    facts = _whole()
    subjects = opened(facts)
    (subscription,) = facts.subscriptions
    lists = {kind: json.loads(text) for kind, text in subscription.documents.items()}
    for key in sorted(subjects.machines):
        name = key.rsplit("/", 1)[-1]
        documents = {
            kind: json.dumps(_own(value, name)).encode() if kind in OF_ONE_MACHINE else subscription.documents[kind]
            for kind, value in lists.items()
        }
        host = subjects.joined.host_of.get(key)
        guests = tuple(g for g in facts.guests if g.name == host)
        yield PlatformBase(f"samples/{name}", replace(subscription, documents=documents), guests)


def _own(document: Any, name: str) -> Any:
    return {**document, "value": [e for e in document["value"] if name in json.dumps(e).lower()]}
