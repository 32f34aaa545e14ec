"""Proxies: real ones, and every way in which their settings are not usable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from selftests.lab.cases.extension import reported
from selftests.lab.places import PROXY, PROXY_PASSWORD_PORT, PROXY_PORT
from selftests.lab.table import C, Case, Fault, N, case

_KEPT: Final = "/run/lab-waagent.conf"


def _settings(name: str, *lines: str, obstacle: str = "", more: str = "", undo_more: str = "") -> Fault:
    """A fault of waagent.conf's proxy settings."""
    added = "".join(f"echo '{line}' >> /etc/waagent.conf; " for line in lines)
    apply = f"cp -a /etc/waagent.conf {_KEPT}; {added}{more}"
    return Fault(name, apply.rstrip("; "), f"mv {_KEPT} /etc/waagent.conf{undo_more}", obstacle=obstacle)


def at(port: int | str, host: str = PROXY) -> tuple[str, str]:
    """waagent.conf's lines for a proxy."""
    return f"HttpProxy.Host={host}", f"HttpProxy.Port={port}"


def _closed(fault: Fault) -> Fault:
    """The same, and no way to storage but the proxy."""
    return replace(fault, obstacle="proxy_only")


def _both(name: str, one: Fault, other: Fault) -> Fault:
    """Two changes at once."""
    return Fault(name, f"{one.apply}; {other.apply}", f"{other.undo}; {one.undo}", seen=other.seen)


def _environment(name: str, *variables: str) -> Fault:
    """Proxy variables in a drop-in of the agent's unit, as a person writes them by `systemctl edit`."""
    folder = "/etc/systemd/system/walinuxagent.service.d"
    lines = "".join(f"Environment={v}\\n" for v in variables)
    return Fault(
        name,
        f"printf '[Service]\\n{lines}' > {folder}/proxy.conf; systemctl daemon-reload; systemctl restart walinuxagent",
        f"rm {folder}/proxy.conf; systemctl daemon-reload; systemctl restart walinuxagent",
        seen="pgrep -f -- -run-exthandlers",
    )


_HTTP: Final = f"http_proxy=http://{PROXY}:{PROXY_PORT}"
_HTTPS: Final = f"https_proxy=http://{PROXY}:{PROXY_PORT}"
_NOWHERE: Final = f"https_proxy=http://{PROXY}:3130"


def _direct_way_counts(guest: str, name: str, orders: Mapping[str, Any], more: str = "", undo_more: str = "") -> Case:
    """The agent goes through the proxy, and the guest takes its snapshots itself, for which it asks no proxy."""
    fault = replace(
        _settings(name, *at(PROXY_PORT), obstacle="tcp_reset", more=more, undo_more=undo_more),
        orders=orders,
        seen=reported(2),
    )
    return case(guest, fault, ("101", N, "snapshot"), ("102", C), ("302", N, "without a code of its own"))


def _unusable(guest: str, name: str, *lines: str, words: str) -> Case:
    """A proxy that is set and that nobody gets through: the agent never asks storage directly then."""
    return case(guest, _settings(name, *lines), ("101", N, "through the proxy"), ("102", N, words))


CASES: Final[tuple[Case, ...]] = (
    case("proxy1", _settings("only through the proxy", *at(PROXY_PORT), obstacle="proxy_only"), ("101", C), ("102", C)),
    case("proxy1", _settings("proxy set, and not needed", *at(PROXY_PORT)), ("102", C)),
    _unusable("proxy1", "proxy is down", *at(3130), words="does not accept CONNECT"),
    _unusable("proxy1", "proxy's host is nowhere", *at(3128, "10.77.0.99"), words="does not accept CONNECT"),
    _unusable("proxy1", "proxy wants a password", *at(PROXY_PASSWORD_PORT), words="CONNECT"),
    case("proxy2", _settings("proxy's port is no number", *at("http")), ("102", N, "is not a number")),
    case(
        "proxy2", _settings("proxy without a port", f"HttpProxy.Host={PROXY}"), ("102", N, "HttpProxy.Port is not set")
    ),
    _unusable("proxy2", "proxy with a password", *at(3129, f"labuser:labpassword@{PROXY}"), words="credentials"),
    case(
        "proxy2",
        _settings(
            "blanks around = in the proxy's settings",
            f"HttpProxy.Host = {PROXY}",
            f"HttpProxy.Port = {PROXY_PORT}",
            obstacle="proxy_only",
        ),
        ("101", C),  # the agent strips them
        ("102", C),
    ),
    _unusable("proxy2", "proxy is a URL", *at(PROXY_PORT, f"http://{PROXY}"), words="is a URL"),
    _direct_way_counts(
        "dhcpcd",
        "only the proxy, and snapshots in the guest",
        {"late": 1},  # whatever it is: a backup under this configuration
        more="mkdir -p /etc/azure; printf '[SnapshotThread]\\nSnapshotMethod = onlyGuest\\n' > /etc/azure/vmbackup.conf",
        undo_more="; rm /etc/azure/vmbackup.conf",
    ),
    _direct_way_counts("dhclient-none", "only the proxy, and no snapshot by the host", {"presnapshot": 404}),
    case("proxy3", _environment("environment has both proxies", _HTTP, _HTTPS), ("102", C)),
    case("proxy3", _environment("environment spares the host", _HTTPS, "no_proxy=168.63.129.16"), ("102", C)),
    case("dhcpcd-none", _closed(_environment("only through https_proxy", _HTTPS)), ("101", C), ("102", C)),
    case(
        "dhcpcd-none",
        _closed(_environment("HTTPS_PROXY in capitals", _HTTPS.replace("https_proxy", "HTTPS_PROXY"))),
        ("101", C),
        ("102", C),
    ),
    # The agent downloads by https.
    case("dhcpcd-none", _closed(_environment("only http_proxy is set", _HTTP)), ("101", N, "TCP to"), ("102", C)),
    case(
        "dhcpcd-wrong",
        _closed(_environment("no_proxy spares storage", _HTTPS, "no_proxy=lab.example,windows.net")),
        ("101", N, "TCP to"),
        ("102", C),
    ),
    case("dhcpcd-wrong", _closed(_environment("no_proxy is a star", _HTTPS, "no_proxy=*")), ("101", C), ("102", C)),
    case(
        "dhcpcd-wrong",
        _both("setting wins over the environment", _settings("", *at(PROXY_PORT)), _environment("", _NOWHERE)),
        ("102", C),
    ),
    case("wget1", _settings("only through the proxy", *at(PROXY_PORT), obstacle="proxy_only"), ("101", C), ("102", C)),
    _unusable("wget2", "proxy wants a password", *at(PROXY_PASSWORD_PORT), words="CONNECT"),
    case(
        "python1", _settings("only through the proxy", *at(PROXY_PORT), obstacle="proxy_only"), ("101", C), ("102", C)
    ),
    _unusable("python2", "proxy is down", *at(3130), words="does not accept CONNECT"),
    case(
        "busybox", _settings("only through the proxy", *at(PROXY_PORT), obstacle="proxy_only"), ("101", C), ("102", C)
    ),
)
