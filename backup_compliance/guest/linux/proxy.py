"""The agent's proxy: what is set where, and by which way the agent asks for https.

The rules are the agent's own (WALinuxAgent, azurelinuxagent/common/utils/restutil.py): HttpProxy.Host of its
configuration goes before the environment and takes HttpProxy.Port with it; else `https_proxy`, else `HTTPS_PROXY`, which
must be a URL with a port. `http_proxy` is no way for https, and 168.63.129.16 never goes through a proxy.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Final

from backup_compliance.guest.facts import AgentConfiguration, AgentWay, Proxy, ProxyVariable
from backup_compliance.guest.linux.agent import parse_agent_configuration, parse_agent_processes, parse_agent_service
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.model.sanitize import printable

HTTPS_VARIABLES: Final = ("https_proxy", "HTTPS_PROXY")
"""In the order in which the agent looks for them; a name that is there counts even when it is empty."""
UNIT: Final = "systemd unit"
_NAME = r"(?i:https?_proxy|all_proxy|no_proxy)"
_IN_UNIT = re.compile(rf'Environment="?({_NAME})=([^"]*)')
_IN_PROCESS = re.compile(rf"environment ([0-9]{{1,10}}) ({_NAME})=(.*)")
_URL = re.compile(r"[^/?#]{0,20}//(?:[^/?#]{0,200}@)?([^:/?#@]{1,253}):([0-9]{1,5})(?:[/?#].*)?")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")


def read_proxy(output: ProbeOutput) -> Proxy:
    """Every proxy setting that concerns the agent, even when there is none."""
    configuration = parse_agent_configuration(output)
    settings = configuration.settings if configuration else {}
    in_force, environment = _environment(output)
    variables, exceptions = [], {}
    for origin, name, value in environment:
        if name.lower() != "no_proxy":
            variables.append(ProxyVariable(origin, name, printable(value), in_force=origin == in_force))
        elif origin == in_force:
            exceptions[name] = value
    spared = exceptions.get("no_proxy") or exceptions.get("NO_PROXY") or ""
    host, port = settings.get("HttpProxy.Host"), settings.get("HttpProxy.Port")
    return Proxy(
        None if host is None else printable(host),
        port and printable(port),
        tuple(dict.fromkeys(variables)),
        tuple(dict.fromkeys(filter(None, re.sub("[ \t]", "", spared).split(",")))),
        extension_proxy=_extension_proxy(configuration),
    )


def parse_proxy(output: ProbeOutput) -> Proxy | None:
    """Every proxy setting that concerns the agent; None where none is set."""
    proxy = read_proxy(output)
    if proxy.host is None and proxy.port is None and not any(v.value for v in proxy.variables):
        parse_agent_service(output)  # that no proxy is set is known only where the unit's environment was told
        return None
    return proxy


def _environment(output: ProbeOutput) -> tuple[str, list[tuple[str, str, str]]]:
    """Where the environment is that counts, and (origin, name, value) of the variables in unit and processes.

    The handler asks for storage; it has its environment from the daemon, and that from the unit as it was then. Only
    while neither runs does the unit count: it is what the agent will have.
    """
    part = output.one("processes")
    running = parse_agent_processes(output)
    own = {str(process.pid) for process in (running.daemon, running.handler) if process}
    found = []
    for line in output.one("units").lines():
        if match := _IN_UNIT.match(line):
            found.append((UNIT, match.group(1), match.group(2).strip()))
    for line in part.lines():
        match = _IN_PROCESS.fullmatch(line)
        if match and match.group(1) in own:
            found.append((_origin(match.group(1)), match.group(2), match.group(3).strip()))
    asking = [_origin(p.pid) for p in (running.handler, running.daemon) if p]
    told = {origin for origin, _, _ in found}
    return next((origin for origin in asking if origin in told), (asking or [UNIT])[0]), found


def _origin(pid: str | int | None) -> str:
    return f"environment of process {pid}"


def _extension_proxy(configuration: AgentConfiguration | None) -> str | None:
    """The proxy by which the backup extension goes: HttpProxy.Host on port 443, if that is set alone.

    With both keys set it goes directly, and so it does where a line has blanks around `=`: its own parser then gives up.
    """
    if configuration is None or configuration.spaced_lines:
        return None
    host, port = (configuration.settings.get(key) for key in ("HttpProxy.Host", "HttpProxy.Port"))
    return f"{printable(host)}:443" if host and port is None else None


def way_to(proxy: Proxy, endpoint: str) -> AgentWay:
    """How the agent asks `endpoint` (a host, with or without a port) for https."""
    host = endpoint.partition(":")[0]
    spared = next((entry for entry in proxy.no_proxy if _spares(entry, host)), None)
    if spared is not None:
        return AgentWay(None, f"no_proxy spares it by {printable(spared, 80)}")
    if proxy.host is not None:
        if proxy.port is None or not re.fullmatch("[0-9]{1,5}", proxy.port):
            return AgentWay(None, "HttpProxy.Host is set without a usable HttpProxy.Port")
        setting = "HttpProxy.Host and HttpProxy.Port"
        return AgentWay(f"{proxy.host}:{proxy.port}", setting, is_usable=_HOST.fullmatch(proxy.host) is not None)
    variable = https_variable(proxy)
    if variable is None:
        other = next((v.name for v in proxy.variables if v.in_force and v.value), None)
        return AgentWay(None, f"{other} is no way for https" if other else "no proxy is set")
    setting = f"{variable.name} of the {variable.origin}"
    found = _URL.fullmatch(variable.value)
    if found is None:
        return AgentWay(None, f"{setting} is no URL with a port")
    named = f"{found.group(1)}:{found.group(2)}"
    return AgentWay(named, setting, is_usable=_HOST.fullmatch(found.group(1)) is not None)


def https_variable(proxy: Proxy) -> ProxyVariable | None:
    """The variable that the agent takes for https; None where there is none in its environment."""
    in_force = [v for v in proxy.variables if v.in_force]
    return next((v for name in HTTPS_VARIABLES for v in in_force if v.name == name), None)


def is_url_with_port(value: str) -> bool:
    """Whether the agent finds a host and a port in the value of a proxy variable."""
    return _URL.fullmatch(value) is not None


def _spares(entry: str, host: str) -> bool:
    """Plain `endswith` for names, whatever the case; for addresses the address or the network."""
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower().endswith(entry.lower())
    try:
        return address in ip_network(entry, strict=False)
    except ValueError:
        return False
