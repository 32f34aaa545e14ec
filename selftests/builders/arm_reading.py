"""Reads the simulated ARM with the real clients, and runs the product against it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backup_compliance.model.recorded import RecordedSubscription
from backup_compliance.platform.arm.clouds import endpoint_of
from backup_compliance.platform.arm.pace import ArmLimits, Waiting
from backup_compliance.platform.arm.read import Scope, read_subscriptions
from selftests.builders.arm import READ_AT
from selftests.builders.arm_simulator import ArmSimulator
from selftests.builders.product import Judged, judge

QUICK = ArmLimits(waiting=Waiting(sleep=lambda seconds: None), retries=1, poll_interval=0.01)
"""As in earnest, without pauses."""


def read(simulator: ArmSimulator, *ids: str, limits: ArmLimits = QUICK, live: bool = False) -> RecordedSubscription:
    """The first of these subscriptions, or the only one there is, read as of the samples' moment."""
    return read_all(simulator, Scope(ids or tuple(simulator.subscriptions), verify_live=live), limits)[0]


def read_all(simulator: ArmSimulator, scope: Scope, limits: ArmLimits = QUICK) -> tuple[RecordedSubscription, ...]:
    """Everything in `scope`, read as of the samples' moment."""
    endpoint = endpoint_of("public", simulator.url, simulator.metrics_url or None)
    return read_subscriptions(scope, endpoint, limits, now=lambda: READ_AT)


def comparable(recorded: RecordedSubscription) -> dict[str, Any]:
    """The documents as JSON."""
    return {kind: json.loads(document) for kind, document in recorded.documents.items()}


def live(pytester: pytest.Pytester, simulator: ArmSimulator, *given: str) -> Judged:
    """One run of the product against the simulator."""
    named = [f"--subscription={name}" for name in simulator.subscriptions]
    return judge(pytester, *named, *located(simulator), *given)


def located(simulator: ArmSimulator) -> tuple[str, str]:
    """The options that say where the simulator is."""
    return f"--arm-endpoint={simulator.url}", f"--metrics-endpoint={simulator.metrics_url}"
