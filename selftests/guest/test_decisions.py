"""The decisions over a guest's facts: what holds, what fails and with which words, what cannot be decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from packaging.version import Version

from backup_compliance.guest import decisions, proxy_decisions
from backup_compliance.guest.addressing import Addressing, Lease
from backup_compliance.guest.extension_status.facts import BackupExtension, Handler
from backup_compliance.guest.facts import (
    AgentWay,
    HttpCheck,
    Proxy,
    ProxyVariable,
    Reboot,
    RouteDecision,
    Storage,
)
from backup_compliance.model.verdicts import Undetermined

HOST = "md-one.blob.storage.azure.net"


def check(path: str = "direct", stage: str = "answered", **told: str | int | None) -> HttpCheck:
    """A request to storage; answered by Azure unless it is told otherwise."""
    azure = stage == "answered" and "server" not in told
    found = HttpCheck(
        target="storage",
        path=path,
        endpoint=HOST,
        tool="curl",
        exit_status=0 if stage == "answered" else 7,
        stage=stage,
        detail="HTTP 400" if stage == "answered" else "the tool said so",
        status=400 if stage == "answered" else None,
        address="20.60.88.4",
        server="Windows-Azure-Blob/1.0" if azure else None,
        request_id="5f0d" if azure else None,
        location=None,
    )
    return replace(found, **told)  # type: ignore[arg-type]  # fields by name


def storage(*checks: HttpCheck, in_guest: bool = False) -> Storage:
    """The way to storage by these requests."""
    return Storage("goal-state", checks, in_guest, "onlyGuest" if in_guest else None)


OTHER = {"endpoint": "md-two.blob.storage.azure.net"}


@pytest.mark.parametrize(
    "subject",
    [
        storage(check()),
        storage(check(), check(**OTHER)),
        storage(check(stage="connection"), check("proxy")),
        storage(check(), check("proxy", "proxy")),
        storage(check(), check("proxy", "proxy"), in_guest=True),
        storage(check(server=None, request_id="5f0d")),
        storage(check(server="windows-azure-blob/1.0", request_id=None)),
        storage(check(address="10.20.0.7")),
    ],
)
def test_storage_that_answers_by_either_way_holds(subject: Storage) -> None:
    """Where the agent's way is not known, directly or through the proxy; a private endpoint's address is private."""
    assert decisions.storage_failure(subject) is None


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (storage(check(stage="name resolution", address=None)), f"direct: {HOST} does not resolve"),
        (storage(check(stage="connection")), f"TCP to {HOST} (20.60.88.4) failed"),
        (storage(check(stage="connection", address=None)), f"TCP to {HOST} failed"),
        (storage(check(stage="TLS")), f"TLS to {HOST} (20.60.88.4) fails or cannot be verified"),
        (storage(check(stage="HTTP")), "did not answer HTTP"),
        (storage(check("proxy", "proxy")), f"proxy: the proxy did not pass the request to {HOST} on"),
        (storage(check("proxy", "proxy", address=None)), "the proxy did not pass the request"),
        (storage(check(server="nginx", location="https://portal.example")), "Server: nginx, redirected to https://portal"),
        (storage(check(server=None)), "no Server header"),
        (storage(check(server="nginx", address="10.0.0.1")), f"{HOST} leads to the private address 10.0.0.1, and there something other than Azure Storage answers"),
        (storage(check(stage="TLS", address="127.0.0.1")), "private address 127.0.0.1, and there TLS failed"),
        (storage(check(stage="connection", address="0.0.0.0")), "an entry of the hosts file, or a redirected DNS answer"),
        (storage(check(stage="connection", address="not an address")), "TCP to"),
        (storage(check(stage="connection"), check("proxy", "proxy")), "direct: TCP to"),
        (storage(check(stage="connection"), check("proxy", "proxy")), "; proxy: the proxy did not pass"),
        (storage(check(), check(stage="connection", **OTHER)), "TCP to md-two"),
        (storage(check(stage="connection"), check("proxy"), in_guest=True), "snapshots start in the guest (SnapshotMethod = onlyGuest)"),
    ],
)  # fmt: skip
def test_storage_that_does_not_answer_names_the_first_failed_stage(subject: Storage, words: str) -> None:
    """Every stage has its own words and its own remedy."""
    assert words in (decisions.storage_failure(subject) or "")


@pytest.mark.parametrize("subject", [storage(), storage(check("proxy"), in_guest=True)])
def test_storage_that_was_not_tried_is_undetermined(subject: Storage) -> None:
    """No request is no answer."""
    with pytest.raises(Undetermined):
        decisions.storage_failure(subject)


DIRECTLY = AgentWay(None, "no proxy is set")
BY_PROXY = AgentWay("10.20.0.250:3128", "https_proxy of process 7")


def by(way: AgentWay, *checks: HttpCheck, **told: str | bool | None) -> Storage:
    """The way to storage, with the agent's own."""
    return replace(storage(*checks), ways={HOST: way}, **told)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    "subject",
    [
        by(DIRECTLY, check()),
        by(DIRECTLY, check(), check("proxy", "proxy")),
        by(BY_PROXY, check("proxy")),
        by(BY_PROXY, check(stage="connection"), check("proxy")),
        by(DIRECTLY, check(), snapshot_starts_in_guest=True),
    ],
)
def test_storage_that_answers_by_the_agents_way_holds(subject: Storage) -> None:
    """Another way may be closed."""
    assert decisions.storage_failure(subject) is None


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (by(DIRECTLY, check(stage="connection"), check("proxy")), "storage directly (no proxy is set): TCP to"),
        (by(DIRECTLY, check(stage="connection"), check("proxy")), "; through a proxy it answers, and the agent does not"),
        (by(BY_PROXY, check(), check("proxy", "proxy")), "through the proxy 10.20.0.250:3128 (https_proxy of process 7): the proxy"),
        (by(BY_PROXY, check(), check("proxy", "TLS")), "; directly it answers, and the agent does not go that way"),
        (by(BY_PROXY, check(), check("proxy", server="nginx")), "something other than Azure Storage"),
        (by(replace(BY_PROXY, is_usable=False), check()), "no host can have that name"),
        (by(DIRECTLY, check(stage="connection"), agent_channel="HostGAPlugin"), "changed to the HostGAPlugin channel"),
        (
            by(BY_PROXY, check(stage="connection"), check("proxy"), snapshot_starts_in_guest=True, snapshot_method="onlyGuest"),
            "go to md-one.blob.storage.azure.net directly: TCP",
        ),
    ],
)  # fmt: skip
def test_storage_that_does_not_answer_by_the_agents_way_fails(subject: Storage, words: str) -> None:
    """It says which way that is and why; what another way would do, and where the agent went instead."""
    assert words in (decisions.storage_failure(subject) or "")


@pytest.mark.parametrize(
    "subject",
    [
        by(BY_PROXY, check()),
        by(DIRECTLY, check("proxy")),
        by(BY_PROXY, check("proxy"), snapshot_starts_in_guest=True),
        by(DIRECTLY, check(), snapshot_starts_in_guest=True, extension_proxy="10.20.0.250:443"),
    ],
)
def test_way_that_was_not_tried_is_undetermined(subject: Storage) -> None:
    """Another way that is open proves nothing of it."""
    with pytest.raises(Undetermined):
        decisions.storage_failure(subject)


PROXY = Proxy("10.20.0.250", "3128", (), ())
THROUGH = [check(), check("proxy", address=None)]


def variable(name: str, value: str = "http://p.example:3128", *no_proxy: str) -> Proxy:
    """A proxy that the agent's environment sets."""
    return Proxy(None, None, (ProxyVariable("systemd unit", name, value),), no_proxy)


def in_settings(name: str, value: str, *exceptions: str) -> Proxy:
    """A proxy of Windows' settings, which keep their exceptions with them."""
    return Proxy(None, None, (ProxyVariable("ProxyServer", name, value, exceptions),), ())


PENDING = Proxy(None, None, (ProxyVariable("systemd unit", "https_proxy", "http://p:1", in_force=False),), ())


@pytest.mark.parametrize(
    "proxy",
    [
        PROXY,
        replace(PROXY, host="proxy.example"),
        variable("https_proxy"),
        variable("HTTPS_PROXY"),
        variable("http_proxy"),
        variable("http_proxy", "http://***@p:1"),
        variable("all_proxy", "socks5://p"),
        variable("https_proxy", ""),
        in_settings("http_proxy", "p:1", "168.63.129.16"),
        in_settings("http_proxy", "p:1", "localhost", "168.63.129.0/24"),
        in_settings("http_proxy", "p:1", "168.63.129.16/24"),
        in_settings("all_proxy", "p:1", "*"),
        in_settings("https_proxy", "p:1"),
        replace(PROXY, variables=variable("https_proxy").variables),
    ],
)
def test_proxy_that_passes_requests_on_holds(proxy: Proxy) -> None:
    """Complete, without a password, and on Windows not used for the host address, for which Linux never asks a proxy."""
    assert proxy_decisions.proxy_failure(proxy, THROUGH) is None


@pytest.mark.parametrize("stage", ["TLS", "HTTP"])
def test_proxy_whose_tunnel_stands_holds(stage: str) -> None:
    """What fails in the tunnel is AVB-101's to judge."""
    assert proxy_decisions.proxy_failure(PROXY, [check("proxy", stage)]) is None


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        (replace(PROXY, port=None), "HttpProxy.Port is not set"),
        (replace(PROXY, host=None), "HttpProxy.Host is not set"),
        (replace(PROXY, port="squid"), "HttpProxy.Port=squid is not a number"),
        (replace(PROXY, port="-1"), "is not a number"),
        (replace(PROXY, port=""), "is not a number"),
        (replace(PROXY, host="http://10.20.0.250"), "is a URL"),
        (replace(PROXY, host="***@10.20.0.250"), "holds credentials"),
        (in_settings("http_proxy", "***@p:1", "*"), "holds credentials"),
        (replace(PROXY, port=None, extension_proxy="10.20.0.250:443"), "directly, the backup extension to 10.20.0.250:443"),
        (replace(PROXY, host=""), "HttpProxy.Host is empty"),
        (variable("https_proxy", "p.example:3128"), "is no URL with a port"),
        (variable("https_proxy", "http://p.example"), "the agent then goes directly"),
        (variable("https_proxy", "http://u:p@p:1"), "holds credentials"),
        (in_settings("http_proxy", "p:1"), "http_proxy=p:1 (ProxyServer) sends 168.63.129.16 through the proxy"),
        (in_settings("all_proxy", "p:1", "168.63.129.17", "10.0.0.0/8", "nonsense", "", "168.63.129"), "exceptions does not name it"),
        (in_settings("http_proxy", "p:1", "2603::/16"), "exceptions does not name it"),
    ],
)  # fmt: skip
def test_proxy_that_cuts_the_agent_off_names_the_setting(proxy: Proxy, words: str) -> None:
    """The first thing that is wrong with it."""
    assert words in (proxy_decisions.proxy_failure(proxy, THROUGH) or "")


@pytest.mark.parametrize("stage", ["proxy", "connection", "name resolution"])
def test_proxy_that_refuses_connect_fails(stage: str) -> None:
    """407, 403, 500, a closed port, a name without an address."""
    failure = proxy_decisions.proxy_failure(PROXY, [check(), check("proxy", stage, detail="response 407")])
    assert failure == f"the proxy does not accept CONNECT to {HOST}: response 407"


@pytest.mark.parametrize("proxy", [PROXY, variable("https_proxy"), in_settings("https_proxy", "p:1"), PENDING])
def test_proxy_that_was_not_tried_is_undetermined(proxy: Proxy) -> None:
    """CONNECT was not asked for, or the agent has the proxy only from its next start on."""
    with pytest.raises(Undetermined):
        proxy_decisions.proxy_failure(proxy, [check()])


@pytest.mark.parametrize("proxy", [variable("http_proxy"), variable("https_proxy", "http://p:1", "azure.net")])
def test_proxy_that_is_not_on_the_agents_way_need_not_be_tried(proxy: Proxy) -> None:
    """Neither of plain HTTP, nor where storage is spared; what another request through it came to says nothing."""
    assert proxy_decisions.proxy_failure(proxy, [check()]) is None
    assert proxy_decisions.proxy_failure(proxy, [check(), check("proxy", "proxy")]) is None


def host(port: str, stage: str = "answered", status: int | None = 200) -> HttpCheck:
    """A request to the host address."""
    return check(port, stage, target="host", endpoint="", status=status, detail=f"HTTP {status}")


def test_host_address_that_answers_on_both_ports_holds() -> None:
    """In whatever order the answers came."""
    assert decisions.host_address_failure([host("32526"), host("80")]) is None


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ([host("80", "connection", None), host("32526")], "does not answer on TCP 80, connection failed"),
        ([host("80"), host("32526", "HTTP", None)], "does not answer on TCP 32526, HTTP failed"),
        ([host("80", status=302), host("32526")], "answers HTTP 302 on TCP 80, not 200"),
        ([host("80"), host("32526", status=404)], "on TCP 32526, not 200"),
        ([host("80", status=None), host("32526")], "not 200"),
    ],
)
def test_host_address_that_does_not_answer_names_the_port(checks: list[HttpCheck], words: str) -> None:
    """Another status is somebody else's."""
    assert words in (decisions.host_address_failure(checks) or "")


@pytest.mark.parametrize("checks", [[], [host("80")], [host("32526")], [host("443"), host("80")]])
def test_host_address_that_was_not_tried_is_undetermined(checks: list[HttpCheck]) -> None:
    """Both ports are needed."""
    with pytest.raises(Undetermined):
        decisions.host_address_failure(checks)


def route(destination: str, usable: bool = True) -> RouteDecision:  # noqa: FBT001, FBT002  # a table's column
    """A decision of the kernel."""
    return RouteDecision(destination, "20.60.88.4", "via 10.20.0.1" if usable else "blackhole 20.60.0.0/16", usable)


def test_routes_with_a_next_hop_hold() -> None:
    """To the host address and to storage."""
    assert decisions.route_failure([route("host"), route(HOST)]) is None


@pytest.mark.parametrize("routes", [[route("host", False)], [route("host"), route(HOST, False)], [route(HOST, False)]])
def test_route_that_leads_nowhere_is_named(routes: list[RouteDecision]) -> None:
    """One dead end is enough, whatever else is known."""
    assert "leads nowhere: blackhole" in (decisions.route_failure(routes) or "")


@pytest.mark.parametrize("routes", [[], [route("host")], [route(HOST)]])
def test_routes_that_were_not_asked_for_are_undetermined(routes: list[RouteDecision]) -> None:
    """Both destinations are needed."""
    with pytest.raises(Undetermined):
        decisions.route_failure(routes)


HANDLER = Handler("/x-1.0.9220.0", Version("1.0.9220.0"), "Enabled", "Ready", "Plugin enabled", None)
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_handler_that_is_enabled_and_ready_holds() -> None:
    """What its last run did is judged by its reports."""
    assert decisions.handler_failure(BackupExtension((HANDLER,), ())) is None


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (replace(HANDLER, state="NotInstalled"), "HandlerState of /x-1.0.9220.0 is NotInstalled, not Enabled"),
        (replace(HANDLER, state=None, message=""), "is missing, not Enabled (no message)"),
        (replace(HANDLER, state="enabled"), "not Enabled"),
        (replace(HANDLER, status="NotReady"), "HandlerStatus of /x-1.0.9220.0 is NotReady"),
        (replace(HANDLER, status=None), "is missing, not Ready"),
        (replace(HANDLER, status="NotReady", exit_code=126), "noexec"),
        (replace(HANDLER, status="NotReady", exit_code=3), "found no Python"),
        (replace(HANDLER, status="NotReady", exit_code=1), "not Ready (Plugin enabled)"),
    ],
)
def test_handler_that_does_not_work_names_the_file(handler: Handler, words: str) -> None:
    """State and status, in this order, with what the launcher's exit code tells."""
    assert words in (decisions.handler_failure(BackupExtension((handler,), ())) or "")


def test_handler_that_is_being_installed_is_undetermined() -> None:
    """Neither ready nor failed."""
    with pytest.raises(Undetermined, match="Installing"):
        decisions.handler_failure(BackupExtension((replace(HANDLER, status="Installing"),), ()))


def test_extension_without_a_folder_fails() -> None:
    """Only traces are left."""
    assert (
        decisions.handler_failure(BackupExtension((), ("a log folder",)))
        == "there is no handler folder, only a log folder"
    )


@pytest.mark.parametrize("extension", [BackupExtension((HANDLER,), ()), BackupExtension((), ("a log folder",))])
def test_extension_without_a_report_is_undetermined(extension: BackupExtension) -> None:
    """Nothing says how the last backup ended, and silence is no success."""
    with pytest.raises(Undetermined, match="no report of a run"):
        decisions.judge_last_run(extension, (), NOW)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=15), timedelta(hours=-1)])
def test_report_that_the_agent_still_writes_counts(age: timedelta) -> None:
    """Written within the limit by the guest's own clock."""
    decisions.check_report_is_new(BackupExtension((HANDLER,), (), NOW - age), NOW, timedelta(minutes=15))


def test_report_that_is_old_is_undetermined() -> None:
    """It shows what an agent said that has stopped."""
    with pytest.raises(Undetermined, match="AVB-201"):
        decisions.check_report_is_new(
            BackupExtension((HANDLER,), (), NOW - timedelta(minutes=16)), NOW, timedelta(minutes=15)
        )


LEASE = Lease("f", "dhclient", "eth0", "10.20.0.4", "a8:3f:81:10", None)
ADDRESSING = Addressing("eth0", ("10.20.0.4",), True, "lease", LEASE, None, "168.63.129.16")


@pytest.mark.parametrize(
    "addressing",
    [
        ADDRESSING,
        replace(ADDRESSING, agent_endpoint=None),
        replace(ADDRESSING, lease=replace(LEASE, option_245="a:4d:0:63"), agent_endpoint="10.77.0.99"),
    ],
)
def test_option_245_that_is_the_agents_host_address_holds(addressing: Addressing) -> None:
    """It need not be the one of public Azure."""
    assert decisions.option_245_failure(addressing) is None


EXPIRED = replace(LEASE, expires_at=datetime(2020, 1, 6, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    ("addressing", "words"),
    [
        (
            replace(ADDRESSING, lease=None, uses_dhcp=False, evidence="iface eth0 inet static"),
            "has no DHCP lease: iface",
        ),
        (replace(ADDRESSING, lease=None, expired=EXPIRED), "ran out on 2020-01-06 10:00 UTC"),
        (replace(ADDRESSING, lease=replace(LEASE, option_245=None)), "the lease in f (dhclient) carries no option 245"),
        (replace(ADDRESSING, lease=replace(LEASE, option_245="a8:3f")), "is 'a8:3f', which is no IPv4 address"),
        (replace(ADDRESSING, lease=replace(LEASE, option_245="")), "which is no IPv4 address"),
        (
            replace(ADDRESSING, lease=replace(LEASE, option_245="00:00:00:00")),
            "is 0.0.0.0, the agent uses 168.63.129.16",
        ),
        (replace(ADDRESSING, agent_endpoint="10.0.0.1"), "the agent uses 10.0.0.1"),
        (replace(ADDRESSING, agent_endpoint="garbage"), "the agent uses garbage"),
    ],
)
def test_option_245_that_is_missing_or_another_names_the_lease(addressing: Addressing, words: str) -> None:
    """The file and the value."""
    assert words in (decisions.option_245_failure(addressing) or "")


@pytest.mark.parametrize("uses_dhcp", [True, None])
def test_option_245_without_any_lease_is_undetermined(uses_dhcp: bool | None) -> None:  # noqa: FBT001
    """A client that keeps its leases elsewhere proves nothing."""
    with pytest.raises(Undetermined):
        decisions.option_245_failure(replace(ADDRESSING, lease=None, uses_dhcp=uses_dhcp))


RESTARTED = Reboot((), "6.8.0-1021-azure", ("6.8.0-1021-azure",))


def test_restarted_guest_holds() -> None:
    """No flag and no newer kernel."""
    assert decisions.reboot_failure(RESTARTED) is None


@pytest.mark.parametrize(
    ("reboot", "words"),
    [
        (replace(RESTARTED, flags=("/run/reboot-required",)), "/run/reboot-required exists"),
        (
            replace(RESTARTED, newer_kernels=("6.8.0-999-azure", "6.8.0-1030-azure")),
            "kernel 6.8.0-1030-azure is installed",
        ),
        (Reboot(("/run/reboot-required",), "x", ()), "exists"),
    ],
)
def test_guest_that_waits_for_a_restart_names_why(reboot: Reboot, words: str) -> None:
    """The flag, or the newest kernel by number."""
    assert words in (decisions.reboot_failure(reboot) or "")


def test_guest_without_a_kernel_to_compare_is_undetermined() -> None:
    """No flag alone proves nothing on distributions that set none."""
    with pytest.raises(Undetermined):
        decisions.reboot_failure(replace(RESTARTED, installed_kernels=()))


@pytest.mark.parametrize(
    "decide",
    [decisions.host_address_failure, decisions.route_failure],
    ids=["host address", "routes"],
)
def test_decision_over_nothing_is_undetermined(decide: Callable[[tuple[()]], str | None]) -> None:
    """Blank facts never pass."""
    with pytest.raises(Undetermined):
        decide(())
