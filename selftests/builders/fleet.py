"""Fleets: the demo's guests and subscription many times over, each time as a subscription of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from backup_compliance.gathering.folder import Facts
from backup_compliance.model.recorded import RecordedGuest, RecordedSubscription
from selftests.builders.arm import SUBSCRIPTION
from selftests.samples import sample_facts

VMS: Final = 24
"""Verdicts that the demo comes to: its virtual machines, and hosts that are none of them."""
_VM_ID: Final = "5a11ab1e-0000-4000-8000-"


def fleet(copies: int) -> Facts:
    """`copies` times the demo, all of it in one run; every documented cause fails on some machine of each copy."""
    demo = sample_facts()
    guests: list[RecordedGuest] = []
    subscriptions: list[RecordedSubscription] = []
    for number in range(copies):
        guests += (replace(g, name=f"{g.name}.{number}", output=_moved(g.output, number)) for g in demo.guests)
        for each in demo.subscriptions:
            documents = {kind: _moved(text, number) for kind, text in each.documents.items()}
            subscriptions.append(replace(each, id=_subscription(number), documents=documents))
    return Facts(tuple(guests), tuple(subscriptions), demo.label)


def _subscription(number: int) -> str:
    return f"{SUBSCRIPTION[:-4]}{number:04d}"


def _moved(text: bytes, number: int) -> bytes:
    """The same recording in another subscription, of machines with other ids."""
    for old, new in ((SUBSCRIPTION, _subscription(number)), (_VM_ID, f"5a11ab1e-{number:04x}-4000-8000-")):
        text = text.replace(old.encode(), new.encode()).replace(old.upper().encode(), new.upper().encode())
    return text
