"""Decisions over what ARM says of agent and power: each explains what does not hold, or returns None; pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from packaging.version import Version

from backup_compliance.model.recorded import CLOCK_TOLERANCE
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.estate.facts import AgentView, InstanceView, Power, Profile, Status

SAME_MOMENT: Final = timedelta(minutes=15)
"""Within which two readings of one machine speak of the same state."""
_STOPPED: Final = ("stopped", "stopping", "deallocated", "deallocating")
_TROUBLE: Final = ("wait", "issue", "problem", "unreachable", "unavailable", "not available", "fail", "resolv", "lost")
"""What an agent may say of its network besides Ready; in words, for no list of its messages is published."""
_TRANSITIONAL: Final = ("starting", "stopping", "deallocating", "creating", "updating", "deleting", "migrating")


def check_runs(power: Power) -> None:
    """`NotApplicable` for a machine that does not run: what its agent last said is stale (AVB-411 judges the state)."""
    if not power.is_known:
        state = f"the power state {power.state}" if power.state else "no power state"
        raise Undetermined(f"{power.source} gives {state}, so whether the agent's word is fresh cannot be told")
    if not power.is_running:
        raise NotApplicable(f"the VM is {power.state}, what its agent last reported is stale (AVB-411)")


def agent_of(instance: InstanceView) -> AgentView:
    """What the agent reported; undetermined without it: a missing block is seen on live agents too."""
    if instance.agent is None:
        raise Undetermined("the instance view holds no vmAgent: the platform knows nothing of the agent")
    return instance.agent


def agent_failure(agent: AgentView, read_at: datetime | None, limit: timedelta) -> str | None:
    """The agent of a running VM is Ready, and said so at most `limit` before the facts were read."""
    if not agent.statuses:
        raise Undetermined("the instance view's vmAgent holds no status")
    for status in agent.statuses:
        if not _is_ready(status):
            return f"the agent reports {status.display or status.code}: {status.message or 'no message'}{_when(status)}"
    failure = _staleness(agent.statuses, read_at, limit)
    waiting = next((s for s in agent.statuses if _waits_for_network(s)), None)
    if waiting is None:
        return failure
    told = f"and says itself that it waits for the network: {waiting.message}"
    if failure is not None:
        return f"{failure}; it was Ready then, {told}"
    raise Undetermined(
        f"the agent reports Ready, {told}",
        "look whether 168.63.129.16 answers in the guest",
        see=("AVB-103", "AVB-104"),
    )


def _waits_for_network(status: Status) -> bool:
    """Whether the words of a status that is ready say that the agent has no network: a contradiction."""
    message = status.message.lower()
    return "network" in message and any(word in message for word in _TROUBLE)


def _is_ready(status: Status) -> bool:
    ready = (status.state, status.display.lower()) == ("succeeded", "ready")
    if not ready and status.state not in ("unavailable", "failed") and "not ready" not in status.display.lower():
        raise Undetermined(
            f"the agent's status {status.code or 'without code'} ({status.display or 'no text'}) is not known"
        )
    return ready


def _staleness(statuses: tuple[Status, ...], read_at: datetime | None, limit: timedelta) -> str | None:
    times = [s.time for s in statuses if s.time is not None]
    if not times:
        raise Undetermined("the agent is Ready, and the report does not say since when")
    if read_at is None:
        raise Unreadable(
            f"the agent was Ready at {_told(max(times))}, and when these facts were read is not recorded",
            "write read_at of the subscription into facts.json (README, Against Azure)",
        )
    age = read_at - max(times)
    if age < -CLOCK_TOLERANCE:
        raise Undetermined(f"the agent's report of {_told(max(times))} is later than the reading of {_told(read_at)}")
    if age > limit:
        return f"the agent last reported {_span(age)} before the reading, at {_told(max(times))}; the limit is {limit.total_seconds() / 60:g} minutes"
    return None


def _span(age: timedelta) -> str:
    return f"{age.days} days" if age.days > 1 else f"{age.total_seconds() / 60:.0f} minutes"


def _when(status: Status) -> str:
    return f" ({_told(status.time)})" if status.time is not None else ""


def _told(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def agent_version_failure(agent: AgentView, profile: Profile, linux: str, windows: str) -> str | None:
    """The version that the agent reports is at least the supported minimum of its operating system."""
    version = parse_version(agent.version)
    if version is None:
        raise Undetermined(f"the agent's version is {agent.version or 'missing'}, which is no version")
    if profile.operating_system is None:
        raise Undetermined("ARM does not say whether this is Linux or Windows, and each has its own minimum")
    minimum = linux if profile.operating_system == "Linux" else windows
    if version < Version(minimum):
        return f"the agent is {version}, the oldest supported {profile.operating_system} agent is {minimum}"
    return None


def parse_version(text: str) -> Version | None:
    """An agent's or handler's version; old agents write `WALinuxAgent-2.0.16`."""
    number = re.sub(r"^WALinuxAgent-", "", text.strip())
    return Version(number) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){1,4}", number) else None


def agent_switch_failure(profile: Profile, instance: InstanceView | None) -> str | None:
    """Neither switch of the model keeps agent and extensions away.

    The model may give none (a VM made from a specialized disk has no osProfile). An agent that reported itself then
    proves the one, an extension that is there proves the other: ARM forbids the switch while there is any.
    """
    switches = {
        "provisionVMAgent": profile.provision_vm_agent,
        "allowExtensionOperations": profile.allow_extension_operations,
    }
    off = [name for name, value in switches.items() if value is False]
    if off:
        return f"{' and '.join(off)} {'is' if len(off) == 1 else 'are'} false: the platform may not run the agent's extensions"
    has_agent = instance is not None and instance.agent is not None and bool(instance.agent.statuses)
    has_extension = instance is not None and bool(instance.extensions)
    proven = {"provisionVMAgent": has_agent, "allowExtensionOperations": has_extension}
    unknown = [name for name, value in switches.items() if value is None and not proven[name]]
    if unknown:
        raise Undetermined(f"the model gives no {' and no '.join(unknown)}, and no agent or extension reports itself")
    return None


def power_failure(power: Power, read_at: datetime | None, guest_answered_at: datetime | None) -> str | None:
    """The power state is one that backup can work with, and is true.

    Args:
        power: what ARM says.
        read_at: when ARM was read.
        guest_answered_at: when the guest inside answered; None when it was not read.
    """
    provisioning = power.provisioning
    if provisioning is not None and provisioning.state == "failed":
        return f"provisioning failed: {provisioning.code} {provisioning.message}".strip()
    for what, state in (("provisioning", provisioning.state if provisioning else ""), ("power", power.state or "")):
        if state in _TRANSITIONAL:
            return f"the {what} state is {state}: a backup that starts now finds the VM between two states"
    if power.state in _STOPPED and _answered(read_at, guest_answered_at):
        return f"ARM says {power.state}, and the guest answered at {guest_answered_at:%Y-%m-%d %H:%M} UTC: the state is misreported"
    if power.state in _STOPPED and guest_answered_at is not None and read_at is None:
        raise Undetermined(
            f"ARM says {power.state} and the guest answered; which of them spoke last is not recorded",
            "write read_at of the subscription into facts.json (README, Against Azure)",
        )
    if power.state == "stopped":
        return "the VM was shut down from inside and is still allocated (PowerState/stopped)"
    if power.state not in ("running", "deallocated"):
        raise Undetermined(f"{power.source} gives the power state {printable(power.state or 'none', 40)}")
    if provisioning is None or provisioning.state != "succeeded":
        raise Undetermined(f"the provisioning state is {provisioning.code if provisioning else 'missing'}")
    return None


def _answered(read_at: datetime | None, guest_answered_at: datetime | None) -> bool:
    return read_at is not None and guest_answered_at is not None and abs(guest_answered_at - read_at) <= SAME_MOMENT
