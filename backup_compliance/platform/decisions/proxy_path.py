"""Whether a virtual machine's HTTP proxy lets it in and gets out itself, by security groups; pure.

Source: the troubleshooting article of 2016-07-14: the proxy's machine has to let its clients in and to be let out to the
tag Internet on ports 80 to 443. Which machine it is, is told by its private address: there is no DNS here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from backup_compliance.guest.facts import Proxy
from backup_compliance.model.verdicts import Undetermined, Unreadable
from backup_compliance.network.addresses import AddressSet
from backup_compliance.network.egress import EgressDecision
from backup_compliance.network.ip_flow import Access
from backup_compliance.platform.decisions.egress import find_flow
from backup_compliance.platform.estate.address_owners import AddressOwner, find_vm_by_private_ip
from backup_compliance.platform.estate.facts import VmIdentity
from backup_compliance.platform.estate.interfaces import Interface, address_of, primary_configuration, primary_interface
from backup_compliance.platform.estate.lookup import Estate, normalize_id

INTERNET_PORTS: Final = (80, 443)
VARIABLES: Final = ("https_proxy", "http_proxy", "all_proxy")
"""In the order in which they concern storage, which speaks HTTPS."""
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_URL: Final = re.compile(r"(?:[A-Za-z0-9+.-]+://)?(?:.*@)?(\[[^\]]*\]|[^:/?#]*)(?::([^/?#]*))?(?:[/?#].*)?")


@dataclass(frozen=True, slots=True)
class Leg:
    """One flow on the way, and what was decided about it or why nothing was."""

    text: str
    found: EgressDecision | Unreadable | Undetermined


def proxy_endpoint(proxy: Proxy) -> tuple[str, int]:
    """Host and port of the agent's proxy: those of waagent.conf, else those of the proxy variables.

    Raises `Undetermined` where they cannot be used, without showing them: they may hold credentials.
    """
    if proxy.host is not None or proxy.port is not None:
        return _usable(proxy.host or "", proxy.port or "", "HttpProxy.Host and HttpProxy.Port")
    # the agent of Linux takes one for https alone; Windows' settings keep their exceptions with them
    taken = [v for v in proxy.variables if v.exceptions is not None or (v.in_force and v.is_for_https_only)]
    by_name = ([v for v in taken if v.name.lower() == name] for name in VARIABLES)
    named = next((found for found in by_name if found), [])
    found = {_usable(*_parts(v.value), f"{v.name} ({v.origin})") for v in named}
    if len(found) != 1:
        told = ", ".join(f"{host}:{port}" for host, port in sorted(found))
        raise Undetermined(f"the proxy variables name {len(found)} proxies: {told or 'none that is known here'}")
    return found.pop()


def _parts(url: str) -> tuple[str, str]:
    match = _URL.fullmatch(url)
    return (match.group(1).strip("[]"), match.group(2) or "") if match else ("", "")


def _usable(host: str, port: str, where: str) -> tuple[str, int]:
    known = address_of(host) or (host if _HOST.fullmatch(host) else "")
    if not known or not _PORT.fullmatch(port) or not 0 < int(port) < 1 << 16:
        raise Undetermined(
            f"the proxy setting {where} holds no host and port that can be used: AVB-102 judges that", see=("AVB-102",)
        )
    return known, int(port)


def find_proxy_path(estate: Estate, interface: Interface, vm: VmIdentity, endpoint: tuple[str, int]) -> tuple[Leg, ...]:
    """Every flow on the way from a machine's interface through its proxy to the internet.

    Raises as `find_vm_by_private_ip`, and `Undetermined` for a proxy that goes by a host name.
    """
    host, port = endpoint
    if address_of(host) is None:
        raise Undetermined(f"the proxy {host}:{port} is named by a host name: which machine that is, DNS would tell")
    holder = find_vm_by_private_ip(estate, interface, host)
    out: tuple[Leg, ...] = estate.cached(
        ("ways out of a proxy", normalize_id(holder.vm.id)), lambda: _out(estate, holder)
    )
    if normalize_id(holder.vm.id) == normalize_id(vm.id):  # what a machine sends to itself meets no security group
        return out
    address = primary_configuration(interface).address
    source = AddressSet.of(address) if address else None
    reaches = _leg(
        f"{vm.name} to its proxy {holder.vm.name}",
        lambda: find_flow(estate, interface, vm, host, port),
    )
    lets_in = _leg(
        f"proxy {holder.vm.name} from {vm.name}",
        lambda: find_flow(estate, holder.interface, holder.vm, host, port, outbound=False, source=source),
    )
    return (reaches, lets_in, *out)


def _out(estate: Estate, holder: AddressOwner) -> tuple[Leg, ...]:
    def leaving(port: int) -> EgressDecision:
        interface = primary_interface(estate, holder.profile, holder.vm)
        return find_flow(estate, interface, holder.vm, "Internet", port)

    what = f"proxy {holder.vm.name} to the internet"
    return tuple(_leg(f"{what} on {port}", partial(leaving, port)) for port in INTERNET_PORTS)


def _leg(text: str, find: Callable[[], EgressDecision]) -> Leg:
    try:
        return Leg(text, find())
    except (Unreadable, Undetermined) as error:
        return Leg(text, error.again())


def proxy_path_failure(path: tuple[Leg, ...]) -> str | None:
    """The first flow that is denied, in whole or in part; or None.

    A denial stands whatever else is not known. Raises `Unreadable` or `Undetermined` where nothing is denied and not
    everything is allowed.
    """
    decided = [(leg.text, leg.found) for leg in path if isinstance(leg.found, EgressDecision)]
    for text, each in decided:
        if each.access in (Access.DENY, Access.PARTIAL):
            return f"{text}: {each.explanation}"
    for leg in path:
        if isinstance(leg.found, Unreadable):
            raise Unreadable(f"{leg.text}: {leg.found.reason}", leg.found.remedy)
    for leg in path:
        if isinstance(leg.found, Undetermined):
            raise Undetermined(f"{leg.text}: {leg.found}", leg.found.remedy, leg.found.see)
    for text, each in decided:
        if each.access is not Access.ALLOW:
            raise Undetermined(f"{text}: {each.explanation}")
    return None


def path_evidence(path: tuple[Leg, ...]) -> dict[str, Any]:
    """The way as evidence: what was decided about each flow."""
    return {leg.text: leg.found.evidence if isinstance(leg.found, EgressDecision) else str(leg.found) for leg in path}
