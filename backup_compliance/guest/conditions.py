"""Conditions over a guest's facts that a baseline's severities may depend on, by the name it uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from packaging.version import Version

from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.guest.decisions import host_address_failure
from backup_compliance.guest.recording import Guest
from backup_compliance.guest.windows.guest import WindowsGuest
from backup_compliance.model.verdicts import Undetermined, Unreadable


def _agent_below_minimum(guest: Guest, thresholds: Thresholds) -> bool:
    return guest.agent is None or guest.agent.goal_state < minimum_agent(guest, thresholds)


def minimum_agent(guest: Guest, thresholds: Thresholds) -> Version:
    """The oldest supported agent of the guest's operating system: the two have version lines of their own."""
    windows = isinstance(guest, WindowsGuest)
    return Version(thresholds.windows_agent_minimum if windows else thresholds.linux_agent_minimum)


CONDITIONS: Final[Mapping[str, Callable[[Guest, Thresholds], bool]]] = {
    "snapshot-starts-in-guest": lambda guest, thresholds: guest.storage.snapshot_starts_in_guest,
    "agent-below-minimum": _agent_below_minimum,
    "host-address-reachable": lambda guest, thresholds: host_address_failure(guest.host_address) is None,
    "proxy-is-set": lambda guest, thresholds: guest.proxy is not None and guest.proxy.concerns_https,
    "several-addresses": lambda guest, thresholds: len(guest.addressing.addresses) > 1,
}


def holding(names: Iterable[str], guest: Guest, thresholds: Thresholds) -> tuple[str, ...]:
    """Those of `names` that hold; one that cannot be read does not, so the base severity stands."""

    def holds(name: str) -> bool:
        try:
            return CONDITIONS[name](guest, thresholds)
        except (Unreadable, Undetermined):
            return False

    return tuple(name for name in names if holds(name))
