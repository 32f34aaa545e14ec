"""Decisions over a guest's facts: each says what holds, or names the first thing that does not.

Every function returns the explanation of the failure, or None where the precondition holds; pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from itertools import groupby

from backup_compliance.guest.addressing import Addressing
from backup_compliance.guest.extension_status.codes import exit_code_meaning
from backup_compliance.guest.extension_status.decisions import RunJudgement, judge_reports
from backup_compliance.guest.extension_status.facts import BackupExtension, Handler
from backup_compliance.guest.extension_status.reading import ExtensionStatus
from backup_compliance.guest.facts import AgentWay, HttpCheck, Reboot, RouteDecision, Storage
from backup_compliance.guest.linux.dhcp_clients import CLIENTS
from backup_compliance.guest.linux.lease_formats import decode_option_245
from backup_compliance.model.verdicts import Undetermined

HOST_ADDRESS = "168.63.129.16"


def storage_failure(storage: Storage) -> str | None:
    """Every endpoint must answer by the agent's own way to it; directly too when snapshots start in the guest.

    Where the agent's way is not known, either way will do.
    """
    if not storage.checks:
        raise Undetermined("no storage endpoint was tried")
    for endpoint, group in groupby(sorted(storage.checks, key=lambda c: c.endpoint), lambda c: c.endpoint):
        checks = {c.path: c for c in sorted(group, key=lambda c: c.path)}
        way = storage.ways.get(endpoint)
        failure = _either_way_failure(checks) if way is None else _agents_way_failure(way, checks, storage, endpoint)
        if failure or (failure := _snapshot_way_failure(storage, checks.get("direct"), endpoint)):
            return failure
    return None


def _either_way_failure(checks: Mapping[str, HttpCheck]) -> str | None:
    if any(c.is_azure_storage for c in checks.values()):
        return None
    return "; ".join(f"{path}: {check_failure(c)}" for path, c in checks.items())


def _agents_way_failure(way: AgentWay, checks: Mapping[str, HttpCheck], storage: Storage, endpoint: str) -> str | None:
    """By the way that the agent takes; another one that is open helps nobody."""
    taken = "direct" if way.proxy is None else "proxy"
    how = f"directly ({way.setting})" if way.proxy is None else f"through the proxy {way.proxy} ({way.setting})"
    check = checks.get(taken)
    if way.is_usable and check is None:
        raise Undetermined(f"the agent asks for {endpoint} {how}, and the probe did not")
    if way.is_usable and check is not None and check.is_azure_storage:
        return None
    stage = check_failure(check) if way.is_usable and check is not None else "no host can have that name"
    others = [path for path, c in checks.items() if path != taken and c.is_azure_storage]
    beside = (
        f"; {'directly' if 'direct' in others else 'through a proxy'} it answers, and the agent does not go that way"
        if others
        else ""
    )
    relayed = (
        f"; by its log the agent has changed to the {storage.agent_channel} channel" if storage.agent_channel else ""
    )
    return f"the agent asks for storage {how}: {stage}{beside}{relayed}"


def _snapshot_way_failure(storage: Storage, direct: HttpCheck | None, endpoint: str) -> str | None:
    """Snapshots that start in the guest go by the extension's way, which knows no proxy but HttpProxy.Host alone."""
    if not storage.snapshot_starts_in_guest:
        return None
    if storage.extension_proxy is not None:
        raise Undetermined(
            f"snapshots start in the guest and go through {storage.extension_proxy} (HttpProxy.Host without a Port), which was not tried"
        )
    if direct is None:
        raise Undetermined(f"snapshots start in the guest and {endpoint} was only tried through the proxy")
    if direct.is_azure_storage:
        return None
    why = storage.snapshot_report or f"SnapshotMethod = {storage.snapshot_method}"
    return f"snapshots start in the guest ({why}) and go to {endpoint} directly: {check_failure(direct)}"


def check_failure(check: HttpCheck) -> str:
    """One request that did not reach its service, by its first failed stage."""
    where = (
        f"{check.endpoint} ({check.address})" if check.address and check.address != check.endpoint else check.endpoint
    )
    if check.target == "storage" and check.stage != "name resolution" and _is_private(check.address):
        failed = "something other than Azure Storage answers" if check.stage == "answered" else f"{check.stage} failed"
        return (
            f"{check.endpoint} leads to the private address {check.address}, and there {failed} ({check.detail}): a private "
            "endpoint that does not answer, an entry of the hosts file, or a redirected DNS answer"
        )
    if check.stage == "answered":
        by = f"Server: {check.server}" if check.server else "no Server header"
        to = f", redirected to {check.location}" if check.location else ""
        return f"{where} was answered by something other than Azure Storage, a captive portal or a filter ({check.detail}, {by}{to})"
    if check.stage == "TLS":
        return f"TLS to {where} fails or cannot be verified, something intercepts it or a CA is missing in the guest ({check.detail})"
    return {
        "name resolution": f"{check.endpoint} does not resolve ({check.detail})",
        "connection": f"TCP to {where} failed ({check.detail})",
        "proxy": f"the proxy did not pass the request to {check.endpoint} on ({check.detail})",
    }.get(check.stage, f"{where} did not answer HTTP ({check.detail})")


def _is_private(address: str | None) -> bool:
    """Whether a storage name led to an address that is nobody's on the internet."""
    if address is None:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return parsed.is_private or parsed.is_loopback or parsed.is_unspecified


def host_address_failure(checks: Sequence[HttpCheck]) -> str | None:
    """The host address must answer 200 on port 80 and on port 32526."""
    by_port = {c.path: c for c in checks}
    for port in ("80", "32526"):
        check = by_port.get(port)
        if check is None:
            raise Undetermined(f"port {port} of {HOST_ADDRESS} was not tried")
        if check.stage != "answered":
            return f"{HOST_ADDRESS} does not answer on TCP {port}, {check.stage} failed: {check.detail}"
        if check.status != 200:
            return f"{HOST_ADDRESS} answers {check.detail} on TCP {port}, not 200: something other than the Azure host answers there"
    return None


def route_failure(routes: Sequence[RouteDecision]) -> str | None:
    """No decision may be a dead end; a storage endpoint that does not resolve cannot be decided."""
    dead = next((r for r in routes if not r.usable), None)
    if dead:
        return f"the route to {dead.address} ({dead.destination}) leads nowhere: {dead.decision}"
    if all(r.destination != "host" for r in routes):
        raise Undetermined(f"the route to {HOST_ADDRESS} was not asked for")
    if all(r.destination == "host" for r in routes):
        raise Undetermined(
            "no storage endpoint resolves, so there is no route to judge; AVB-101 says why", see=("AVB-101",)
        )
    return None


def handler_failure(extension: BackupExtension) -> str | None:
    """The active handler is Enabled and Ready; what its last run did is judged by its reports."""
    active = extension.active
    if active is None:
        return f"there is no handler folder, only {', '.join(extension.traces)}"
    if active.state != "Enabled":
        return f"HandlerState of {active.path} is {active.state or 'missing'}, not Enabled ({_reason(active)})"
    if active.status == "Installing":
        raise Undetermined(f"HandlerStatus of {active.path} is Installing", "collect again when that is done")
    if active.status != "Ready":
        return f"HandlerStatus of {active.path} is {active.status or 'missing'}, not Ready ({_reason(active)})"
    return None


def _reason(handler: Handler) -> str:
    meaning = exit_code_meaning(handler.exit_code)
    return (f"exit code {handler.exit_code}: {meaning}; " if meaning else "") + (handler.message or "no message")


def judge_last_run(extension: BackupExtension, others: Sequence[ExtensionStatus], now: datetime) -> RunJudgement:
    """What the last run of the active handler came to, by its own reports and those that the platform holds.

    Raises `Undetermined` where there is none, or it does not decide.
    """
    active = extension.active
    own = (active.last, *active.earlier) if active is not None and active.last is not None else ()
    judged = judge_reports(own, others, "the platform", now)
    if judged is None:
        raise Undetermined(
            f"{active.path if active else 'the extension'} holds no report of a run, so how the last backup ended is not known",
            "collect again after the next backup",
        )
    return judged


def check_report_is_new(extension: BackupExtension, now: datetime, limit: timedelta) -> None:
    """Raise `Undetermined` where a Windows agent stopped writing its report; one of unknown age counts as it is."""
    written = extension.reported_at
    if written is not None and now - written > limit:
        raise Undetermined(
            f"the agent's report in aggregatestatus.json is of {written:%Y-%m-%d %H:%M} UTC, and it writes one every few seconds while it runs (AVB-201)",
            "start the agent, and collect again",
            see=("AVB-201",),
        )


def option_245_failure(addressing: Addressing) -> str | None:
    """The current lease carries option 245, and it is the host address that the agent uses."""
    lease = addressing.lease
    if lease is None:
        if addressing.uses_dhcp is False:
            return f"{addressing.interface} has no DHCP lease: {addressing.evidence}"
        if addressing.expired is not None:
            return f"the lease in {addressing.expired.source} ran out on {addressing.expired.expires_at:%Y-%m-%d %H:%M} UTC"
        if addressing.foreign is not None:
            raise Undetermined(
                f"the lease in {addressing.foreign.source} is for {addressing.foreign.address}, which is no address of {addressing.interface}, and it has no other"
            )
        *names, last = (client.name for client in CLIENTS)
        raise Undetermined(
            f"no lease of {addressing.interface} was found where {', '.join(names)} and {last} keep theirs"
        )
    if lease.option_245 is None:
        return f"the lease in {lease.source} ({lease.client}) carries no option 245"
    decoded = decode_option_245(lease.option_245)
    if decoded is None:
        return f"option 245 in {lease.source} is {lease.option_245!r}, which is no IPv4 address"
    expected = addressing.agent_endpoint or HOST_ADDRESS
    if str(decoded) != expected:
        return f"option 245 in {lease.source} is {decoded}, the agent uses {expected}"
    return None


def reboot_failure(reboot: Reboot) -> str | None:
    """No restart flag, and no installed kernel newer than the running one."""
    if reboot.flags:
        return f"a restart is pending: {reboot.flags[0]} exists"
    if reboot.newer_kernels:
        return f"a restart is pending: kernel {reboot.newer_kernels[-1]} is installed, {reboot.running_kernel} runs"
    if not reboot.installed_kernels:
        raise Undetermined(
            "there is no restart flag, and no kernel image in /boot or /usr/lib/modules to compare the running kernel with"
        )
    return None
