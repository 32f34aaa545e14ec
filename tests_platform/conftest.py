"""What several controls of a virtual machine ask for first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backup_compliance.catalogue.baselines import Thresholds
from backup_compliance.guest.extension_status.reading import ExtensionStatus
from backup_compliance.guest.recording import Guest
from backup_compliance.model.verdicts import NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.decisions.agent_and_power import agent_of, check_runs
from backup_compliance.platform.decisions.live import (
    FlowSubject,
    WatcherAnswer,
    check_agreement,
    find_route_answers,
    find_security_answers,
    unanswered,
)
from backup_compliance.platform.decisions.proxy_path import Leg, find_proxy_path, path_evidence, proxy_endpoint
from backup_compliance.platform.decisions.schedule_groups import Grouping, ScheduleGroup, find_schedule_group, shown
from backup_compliance.platform.estate.facts import AgentView, InstanceView
from backup_compliance.platform.machine import Machine


@pytest.fixture
def agent(machine: Machine) -> AgentView:
    """What the agent of a running VM reports; not applicable to one that does not run."""
    check_runs(machine.power)
    return agent_of(machine.instance)


@pytest.fixture
def reported(machine: Machine) -> InstanceView | None:
    """The instance view, where there is one."""
    try:
        return machine.instance
    except Unreadable:
        return None


@pytest.fixture
def contradiction(guest_inside: Guest | None) -> str:
    """What the guest says against an agent that does not report; empty where it says nothing."""
    try:
        processes = guest_inside.processes if guest_inside is not None else None
    except Unreadable:
        return ""
    if processes is None or processes.daemon is None or processes.handler is None:
        return ""
    return "; its processes run in the guest all the same: does it get through to 168.63.129.16 (AVB-103)?"


@pytest.fixture
def storage_answers(guest_inside: Guest | None) -> bool | None:
    """Whether Azure Storage answers the guest itself, directly; None where nobody asked it."""
    try:
        direct = [c for c in guest_inside.storage.checks if c.path == "direct"] if guest_inside is not None else []
    except Unreadable:
        return None
    return all(c.is_azure_storage for c in direct) if direct else None


@pytest.fixture
def guest_reports(guest_inside: Guest | None) -> tuple[ExtensionStatus, ...]:
    """What the backup extension left in the guest of its runs; empty where nobody read that."""
    try:
        extension = guest_inside.extension if guest_inside is not None else None
    except Unreadable:
        return ()
    active = extension.active if extension is not None else None
    return (active.last, *active.earlier) if active is not None and active.last is not None else ()


@pytest.fixture
def proxy_path(machine: Machine, guest_inside: Guest | None) -> tuple[Leg, ...]:
    """The way through the proxy that the guest names; not applicable where it names none."""
    if guest_inside is None:
        raise Undetermined("whether the guest uses a proxy is not known: it was not read", "read the guest as well")
    if guest_inside.proxy is None or not guest_inside.proxy.concerns_https:
        raise NotApplicable("no proxy is set for the agent in the guest, or none that it takes for https")
    endpoint = proxy_endpoint(guest_inside.proxy)
    found = find_proxy_path(machine.estate, machine.interface, machine.identity, endpoint)
    machine.add_evidence("proxy_path", path_evidence(found))
    return found


@pytest.fixture
def live_security(machine: Machine) -> None:
    """What Azure itself says of security groups, where it was asked; an error where that contradicts the verdict."""
    _compare(machine, find_security_answers)


@pytest.fixture
def live_routes(machine: Machine) -> None:
    """What Azure itself says of routes, likewise."""
    _compare(machine, find_route_answers)


def _compare(machine: Machine, find: Callable[[FlowSubject], list[WatcherAnswer]]) -> None:
    subject = FlowSubject(machine.estate, machine.identity, machine.interface)
    answers, missing = find(subject), unanswered(subject)
    if answers or missing:
        told = [*map(str, answers), *(f"not answered - {each}" for each in missing)]
        machine.add_evidence("verified_live", told)
    check_agreement(answers)


@pytest.fixture
def schedule_group(machine: Machine, thresholds: Thresholds) -> ScheduleGroup:
    """Whose backups are not to start with this machine's; not applicable to one that is not backed up or in no group."""
    grouping = Grouping(thresholds.schedule_group_tag, thresholds.schedule_group_resource_groups)
    found = find_schedule_group(machine.estate, machine.identity, machine.profile, grouping)
    if machine.schedule is None:
        raise NotApplicable("no vault backs this VM up (AVB-501)")
    machine.add_evidence("schedule_group", dict(shown(found)))
    return found
