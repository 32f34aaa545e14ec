"""Proxies: real ones, and every way in which their settings are not usable."""

from __future__ import annotations

from typing import Final

from selftests.lab.places import PROXY, PROXY_PASSWORD_PORT, PROXY_PORT
from selftests.lab.table import C, Case, Fault, N, case

_KEPT: Final = "/run/lab-waagent.conf"


def _settings(name: str, *lines: str, obstacle: str = "", more: str = "", undo_more: str = "") -> Fault:
    """A fault of waagent.conf's proxy settings."""
    added = "".join(f"echo '{line}' >> /etc/waagent.conf; " for line in lines)
    apply = f"cp -a /etc/waagent.conf {_KEPT}; {added}{more}"
    return Fault(name, apply, f"mv {_KEPT} /etc/waagent.conf{undo_more}", obstacle=obstacle)


def _at(port: int | str, host: str = PROXY) -> tuple[str, str]:
    return f"HttpProxy.Host={host}", f"HttpProxy.Port={port}"


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


_SNAPSHOT: Final = (
    "mkdir -p /etc/azure; printf '[SnapshotThread]\\nSnapshotMethod = onlyGuest\\n' > /etc/azure/vmbackup.conf"
)
_NO_SNAPSHOT: Final = "; rm /etc/azure/vmbackup.conf"

# the agent goes through its proxy or not at all, though storage answers directly
_CLOSED: Final = ("101", N, "the agent does not go that way")
_NO_HOST: Final = ("101", N, "no host can have that name")

CASES: Final[tuple[Case, ...]] = (
    case(
        "proxy1", _settings("only through the proxy", *_at(PROXY_PORT), obstacle="proxy_only"), ("101", C), ("102", C)
    ),
    case("proxy1", _settings("proxy set, and not needed", *_at(PROXY_PORT)), ("102", C)),
    case("proxy1", _settings("proxy is down", *_at(3130)), _CLOSED, ("102", N, "does not accept CONNECT")),
    case(
        "proxy1",
        _settings("proxy's host is nowhere", *_at(3128, "10.77.0.99")),
        _CLOSED,
        ("102", N, "does not accept CONNECT"),
    ),
    case("proxy1", _settings("proxy wants a password", *_at(PROXY_PASSWORD_PORT)), _CLOSED, ("102", N, "CONNECT")),
    case("proxy2", _settings("proxy's port is no number", *_at("http")), ("102", N, "is not a number")),
    case(
        "proxy2", _settings("proxy without a port", f"HttpProxy.Host={PROXY}"), ("102", N, "HttpProxy.Port is not set")
    ),
    case(
        "proxy2",
        _settings("proxy with a password", *_at(3129, f"labuser:labpassword@{PROXY}")),
        _NO_HOST,
        ("102", N, "credentials"),
    ),
    case(
        "proxy2",
        _settings("spaces in the proxy's settings", f"HttpProxy.Host = {PROXY}", f"HttpProxy.Port = {PROXY_PORT}"),
        ("102", C),
    ),
    case("proxy2", _settings("proxy is a URL", *_at(PROXY_PORT, f"http://{PROXY}")), _NO_HOST, ("102", N, "is a URL")),
    case(
        "proxy3",
        _settings(
            "only the proxy, and snapshots in the guest",
            *_at(PROXY_PORT),
            obstacle="proxy_only",
            more=_SNAPSHOT,
            undo_more=_NO_SNAPSHOT,
        ),
        ("101", N, "snapshots start in the guest (SnapshotMethod = onlyGuest)"),
        ("102", C),
    ),
    case(
        "proxy3",
        _environment(
            "environment that names the host address nowhere",
            f"http_proxy=http://{PROXY}:{PROXY_PORT}",
            f"https_proxy=http://{PROXY}:{PROXY_PORT}",
        ),
        ("102", C),
    ),
    case(
        "proxy3",
        _environment(
            "environment for https alone", f"https_proxy=http://{PROXY}:{PROXY_PORT}", "no_proxy=168.63.129.16"
        ),
        ("102", C),
    ),
    case("wget1", _settings("only through the proxy", *_at(PROXY_PORT), obstacle="proxy_only"), ("101", C), ("102", C)),
    case("wget2", _settings("proxy wants a password", *_at(PROXY_PASSWORD_PORT)), _CLOSED, ("102", N, "CONNECT")),
    case(
        "python1", _settings("only through the proxy", *_at(PROXY_PORT), obstacle="proxy_only"), ("101", C), ("102", C)
    ),
    case("python2", _settings("proxy is down", *_at(3130)), _CLOSED, ("102", N, "does not accept CONNECT")),
    case(
        "busybox", _settings("only through the proxy", *_at(PROXY_PORT), obstacle="proxy_only"), ("101", C), ("102", C)
    ),
)
