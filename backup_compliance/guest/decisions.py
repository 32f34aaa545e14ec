"""Decisions over a guest's facts: each says what holds, or names the first thing that does not.

Every function returns the explanation of the failure, or None where the precondition holds; pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from itertools import groupby

from backup_compliance.guest.extension_status.codes import exit_code_meaning
from backup_compliance.guest.extension_status.decisions import RunJudgement, judge_reports
from backup_compliance.guest.extension_status.facts import BackupExtension, Handler
from backup_compliance.guest.extension_status.reading import ExtensionStatus
from backup_compliance.guest.facts import Addressing, HttpCheck, Proxy, Reboot, RouteDecision, Storage
from backup_compliance.guest.linux.leases import decode_option_245
from backup_compliance.model.verdicts import Undetermined

HOST_ADDRESS = "168.63.129.16"


def storage_failure(storage: Storage) -> str | None:
    """Every endpoint must answer, directly or through the proxy; directly too when snapshots start in the guest."""
    if not storage.checks:
        raise Undetermined("no storage endpoint was tried")
    for endpoint, group in groupby(sorted(storage.checks, key=lambda c: c.endpoint), lambda c: c.endpoint):
        checks = sorted(group, key=lambda c: c.path)
        failed = [c for c in checks if not c.is_azure_storage]
        if len(failed) == len(checks):
            return "; ".join(f"{c.path}: {check_failure(c)}" for c in failed)
        if storage.snapshot_starts_in_guest and all(c.path != "direct" for c in checks):
            raise Undetermined(f"snapshots start in the guest and {endpoint} was only tried through the proxy")
        direct = next((c for c in failed if c.path == "direct"), None)
        if direct and storage.snapshot_starts_in_guest:
            why = storage.snapshot_report or f"SnapshotMethod = {storage.snapshot_method}"
            return f"snapshots start in the guest ({why}) and go to {endpoint} directly: {check_failure(direct)}"
    return None


def check_failure(check: HttpCheck) -> str:
    """One request that did not reach its service, by its first failed stage."""
    where = (
        f"{check.endpoint} ({check.address})" if check.address and check.address != check.endpoint else check.endpoint
    )
    if check.target == "storage" and check.stage != "name resolution" and _is_hijacked(check.address):
        return f"the DNS answer is hijacked: {check.endpoint} resolves to {check.address}, where Azure Storage does not answer ({check.detail})"
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


def _is_hijacked(address: str | None) -> bool:
    """Whether a storage name led to an address that is nobody's on the internet (and no private endpoint answered)."""
    if address is None:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return parsed.is_private or parsed.is_loopback or parsed.is_unspecified


def proxy_settings_failure(proxy: Proxy, spaced_lines: Sequence[str]) -> str | None:
    """Host and port complete, no credentials, readable by the extension, and of one mind."""
    if proxy.host is not None or proxy.port is not None:
        if proxy.host is None or proxy.port is None:
            missing = "HttpProxy.Host" if proxy.host is None else "HttpProxy.Port"
            return f"{missing} is not set: the agent then uses no proxy at all (Host={proxy.host or 'unset'}, Port={proxy.port or 'unset'})"
        if not proxy.port.isdigit():
            return f"HttpProxy.Port={proxy.port} is not a number"
        if "/" in proxy.host:
            return f"HttpProxy.Host={proxy.host} is a URL; the agent takes a host name or an address"
        if spaced_lines:
            return f"white space around '=' in waagent.conf makes the extension discard the whole file: {spaced_lines[0]!r}"
    credentials = next((v for v in [proxy.host or "", *(v.value for v in proxy.variables)] if "@" in v), None)
    if credentials:
        return f"the proxy setting {credentials} holds credentials; authenticated proxies are not supported"
    if proxy.contradictions:
        return f"the proxy settings disagree: {proxy.contradictions[0]}"
    return None


def proxy_failure(proxy: Proxy, spaced_lines: Sequence[str], checks: Sequence[HttpCheck]) -> str | None:
    """The settings are usable, CONNECT is accepted, and the host address goes another way."""
    if (failure := proxy_settings_failure(proxy, spaced_lines)) is not None:
        return failure
    through = [c for c in checks if c.path == "proxy"]
    refused = next((c for c in through if c.stage in ("proxy", "connection", "name resolution")), None)
    if refused:
        return f"the proxy does not accept CONNECT to {refused.endpoint}: {refused.detail}"
    captured = captured_host_address(proxy)
    if captured:
        return captured
    if proxy.script is not None:
        raise Undetermined(f"the script {proxy.script} decides which proxy is used, and it was not run")
    if not through:
        raise Undetermined(_why_not_tried(proxy))
    return None


def _why_not_tried(proxy: Proxy) -> str:
    if any(v.exceptions is not None for v in proxy.variables):
        return f"{proxy.variables[0].value} is not HOST:PORT, so CONNECT was not tried"
    return "the proxy is set for the agent's service only and the agent does not run, so CONNECT was not tried; start the agent and read again"


def captured_host_address(proxy: Proxy) -> str | None:
    """Whether a proxy variable sends 168.63.129.16 through the proxy; `no_proxy` may name it, its network, or `*`.

    The host address speaks plain HTTP on both ports, so `https_proxy` does not concern it.
    """
    for variable in (v for v in proxy.variables if not v.is_for_https_only):
        exceptions = proxy.no_proxy if variable.exceptions is None else variable.exceptions
        if not any(_spares_host_address(entry) for entry in exceptions):
            by = "no_proxy" if variable.exceptions is None else "its list of exceptions"
            return f"{variable.name}={variable.value} ({variable.origin}) sends {HOST_ADDRESS} through the proxy: {by} does not name it"
    return None


def _spares_host_address(entry: str) -> bool:
    """A network, `*`, or Windows' wildcards (`168.63.129.*`); `<local>` means names without a dot only."""
    try:
        return ip_address(HOST_ADDRESS) in ip_network(entry, strict=False)
    except ValueError:
        return re.fullmatch(r"(?:http://)?[0-9.*]+", entry) is not None and fnmatchcase(
            HOST_ADDRESS, entry.removeprefix("http://")
        )


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
        raise Undetermined(
            f"no lease of {addressing.interface} was found where dhclient, networkd, NetworkManager, wicked and dhcpcd keep theirs"
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
