"""Decisions over a guest's proxy settings: usable, accepting CONNECT, and out of the host address's way; pure.

Every function returns the explanation of the failure, or None where the precondition holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network

from backup_compliance.guest.decisions import HOST_ADDRESS
from backup_compliance.guest.facts import HttpCheck, Proxy, ProxyVariable
from backup_compliance.guest.linux.proxy import https_variable, is_url_with_port, way_to
from backup_compliance.model.verdicts import Undetermined


def proxy_settings_failure(proxy: Proxy) -> str | None:
    """Host and port complete, no credentials, and of one mind."""
    if (failure := _configuration_failure(proxy)) is not None:
        return failure
    concerned = _concerning(proxy)
    if credentials := next((v for v in [proxy.host or "", *(v.value for v in concerned)] if "@" in v), None):
        return f"the proxy setting {credentials} holds credentials; authenticated proxies are not supported"
    variable = https_variable(proxy) if proxy.host is None else None
    if variable and variable.value and variable.exceptions is None and not is_url_with_port(variable.value):
        return f"{variable.name}={variable.value} ({variable.origin}) is no URL with a port (http://HOST:PORT): the agent then goes directly"
    if proxy.contradictions:
        return f"the proxy settings disagree: {proxy.contradictions[0]}"
    return None


def _configuration_failure(proxy: Proxy) -> str | None:
    """What is wrong with HttpProxy.Host and HttpProxy.Port, and where agent and extension go because of it."""
    if proxy.host is None and proxy.port is None:
        return None
    if proxy.host is None:
        return f"HttpProxy.Host is not set: HttpProxy.Port={proxy.port} alone is no proxy, for the agent or for the extension"
    if not proxy.host:
        return "HttpProxy.Host is empty: the agent then asks no proxy of its environment either"
    if proxy.port is None:
        extension = f"to {proxy.extension_proxy}" if proxy.extension_proxy else "as well"
        return f"HttpProxy.Port is not set: with HttpProxy.Host={proxy.host} alone the agent goes directly, the backup extension {extension}"
    if not proxy.port.isdecimal():
        return f"HttpProxy.Port={proxy.port} is not a number: the agent then goes directly"
    if "/" in proxy.host:
        return f"HttpProxy.Host={proxy.host} is a URL; the agent takes a host name or an address"
    return None


def _concerning(proxy: Proxy) -> list[ProxyVariable]:
    """The variables that anybody goes by: on Linux those for https alone, which the agent takes."""
    return [v for v in proxy.variables if v.exceptions is not None or v.is_for_https_only]


def proxy_failure(proxy: Proxy, checks: Sequence[HttpCheck]) -> str | None:
    """The settings are usable, CONNECT is accepted where the agent goes that way, and the host address goes another."""
    if (failure := proxy_settings_failure(proxy)) is not None:
        return failure
    on_its_way = [c for c in checks if _goes_by_proxy(proxy, c.endpoint)]
    through = [c for c in on_its_way if c.path == "proxy"]
    refused = next((c for c in through if c.stage in ("proxy", "connection", "name resolution")), None)
    if refused:
        return f"the proxy does not accept CONNECT to {refused.endpoint}: {refused.detail}"
    if captured := captured_host_address(proxy):
        return captured
    if proxy.script is not None:
        raise Undetermined(f"the script {proxy.script} decides which proxy is used, and it was not run")
    pending = proxy.host is None and any(not v.in_force for v in _concerning(proxy)) and https_variable(proxy) is None
    if pending or (on_its_way and not through):
        raise Undetermined(_why_not_tried(proxy))
    return None


def _goes_by_proxy(proxy: Proxy, endpoint: str) -> bool:
    """Whether a proxy is asked for that host; of Windows' settings it is taken for granted."""
    return any(v.exceptions is not None for v in proxy.variables) or way_to(proxy, endpoint).proxy is not None


def _why_not_tried(proxy: Proxy) -> str:
    if any(v.exceptions is not None for v in proxy.variables):
        return f"{proxy.variables[0].value} is not HOST:PORT, so CONNECT was not tried"
    return "the proxy is set for the agent's service only and the agent does not run with it, so CONNECT was not tried; restart the agent and read again"


def captured_host_address(proxy: Proxy) -> str | None:
    """Whether Windows sends 168.63.129.16 through the proxy; the setting's own exceptions may name it or its network.

    The host address speaks plain HTTP on both ports, so a proxy for https alone does not concern it. The agent of Linux
    never asks a proxy for it, whatever its environment says.
    """
    for variable in (v for v in proxy.variables if not v.is_for_https_only and v.exceptions is not None):
        if not any(_spares_host_address(entry) for entry in variable.exceptions or ()):
            return f"{variable.name}={variable.value} ({variable.origin}) sends {HOST_ADDRESS} through the proxy: its list of exceptions does not name it"
    return None


def _spares_host_address(entry: str) -> bool:
    """A network, `*`, or Windows' wildcards (`168.63.129.*`); `<local>` means names without a dot only."""
    try:
        return ip_address(HOST_ADDRESS) in ip_network(entry, strict=False)
    except ValueError:
        return re.fullmatch(r"(?:http://)?[0-9.*]+", entry) is not None and fnmatchcase(
            HOST_ADDRESS, entry.removeprefix("http://")
        )
