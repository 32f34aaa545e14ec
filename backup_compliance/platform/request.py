"""What of Azure a run asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AzureRequest:
    """What to read through ARM, and where that is."""

    subscriptions: Sequence[str] = ()
    """Lower case, each once."""
    management_groups: Sequence[str] = ()
    cloud: str = "public"
    arm_endpoint: str | None = None
    """Instead of the cloud's own."""
    metrics_endpoint: str | None = None
    verify_live: bool = False
