"""A Windows guest's network: addresses and leases from the registry, routes from `route print`, requests by PowerShell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Final

from backup_compliance.guest.addressing import Addressing, Lease
from backup_compliance.guest.facts import IN_GUEST, NO_ENDPOINT, HttpCheck, RouteDecision, Storage
from backup_compliance.guest.probe_output import Part, ProbeOutput
from backup_compliance.guest.windows.output import RECOLLECT_AS_ADMINISTRATOR, key, powershell, registry
from backup_compliance.guest.windows.registry import Key
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

HOST_ADDRESS: Final = "168.63.129.16"
OPTION_245: Final = 245
FOREVER: Final = 0xFFFFFFFF
STAGES: Final = frozenset({"name resolution", "connection", "proxy", "TLS", "HTTP", "answered"})
_ADDRESS = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_RULE = re.compile(r"={20,}\s*")
_HEADINGS: Final = 2


def parse_options(data: bytes) -> dict[int, bytes]:
    """DhcpInterfaceOptions as values by option code.

    Records of little-endian numbers: code, 0, length, vendor flag, expiry, then the value padded to four bytes.
    They are walked, never searched: the bytes of one option may look like another.
    """
    found: dict[int, bytes] = {}
    at = 0
    while at + 20 <= len(data):
        code, _, length, _, _ = (int.from_bytes(data[at + n : at + n + 4], "little") for n in range(0, 20, 4))
        value = data[at + 20 : at + 20 + length]
        if len(value) < length:
            raise Unreadable("DhcpInterfaceOptions ends within a record", RECOLLECT_AS_ADMINISTRATOR)
        found.setdefault(code, value)
        at += 20 + length + -length % 4
    return found


@dataclass(frozen=True, slots=True)
class _Route:
    network: IPv4Network
    gateway: str
    interface: IPv4Address
    metric: int

    @property
    def is_on_link(self) -> bool:
        return not re.fullmatch(_ADDRESS, self.gateway)

    def __str__(self) -> str:
        return f"{self.network} via {printable(self.gateway, 40)}, interface {self.interface}, metric {self.metric}"


def _table(output: ProbeOutput) -> list[_Route]:
    """The active IPv4 routes that `route print` shows; its headings are translated, its numbers are not.

    Rules of `=` part its sections. In the one that holds routes, two lines of headings come first, and no line after
    the first route is anything but a route: what else is there is what is left of one.
    """
    part = output.one("route-table")
    found: list[_Route] = []
    section: list[str] = []
    for line in [*part.lines(), "=" * 20]:
        if not _RULE.fullmatch(line):
            section += [line] if line.strip() else []
            continue
        routes = [_route(each) for each in section]
        if any(routes):
            headings = next(at for at, route in enumerate(routes) if route)
            damaged = next((each for each in section[:headings] if re.search(_ADDRESS, each)), None)
            damaged = damaged or next((section[at] for at in range(headings, len(routes)) if not routes[at]), None)
            if damaged is not None or headings > _HEADINGS:
                raise part.damaged(damaged or section[_HEADINGS])
            found += [route for route in routes if route]
        section = []
    if not found:
        raise Unreadable("route print showed no route", "run `route print -4` there")
    return found


def _route(line: str) -> _Route | None:
    """Destination, mask, gateway or its word for "on-link" in the guest's language, interface, metric."""
    words = line.split()
    if len(words) < 5 or not re.fullmatch("[0-9]{1,9}", words[-1]):
        return None
    try:
        network = IPv4Network(f"{words[0]}/{words[1]}", strict=False)
        return _Route(network, " ".join(words[2:-2]), IPv4Address(words[-2]), int(words[-1]))
    except ValueError:
        return None


def _decide(destination: str, address: str, table: list[_Route]) -> RouteDecision:
    target = IPv4Address(address)
    fitting = [r for r in table if target in r.network]
    if not fitting:
        return RouteDecision(destination, address, "route print shows no route for it", usable=False)
    best = max(fitting, key=lambda r: (r.network.prefixlen, -r.metric))
    if best.interface.is_loopback:
        return RouteDecision(destination, address, f"{best}: it leads back to the VM itself", usable=False)
    if not best.is_on_link and not _is_near(IPv4Address(best.gateway), table):
        return RouteDecision(destination, address, f"{best}: no network of the VM holds that gateway", usable=False)
    return RouteDecision(destination, address, str(best), usable=True)


def _is_near(gateway: IPv4Address, table: list[_Route]) -> bool:
    return any(r.is_on_link and gateway in r.network and not r.interface.is_loopback for r in table)


def parse_routes(output: ProbeOutput) -> tuple[RouteDecision, ...]:
    """Windows' decision for the host address and for storage: the longest prefix, then the lowest metric."""
    table = _table(output)
    persistent = _persistent(output)
    found = [_decide("host", HOST_ADDRESS, table)]
    for check in _checks(output, "storage"):
        if check.path == "direct" and check.address and _is_address(check.address):
            found.append(_decide(check.endpoint, check.address, table))
    return tuple(_with_persistent(decision, persistent) for decision in found)


def _persistent(output: ProbeOutput) -> list[tuple[IPv4Network, str]]:
    """Routes that New-NetRoute and `route -p add` keep: values named DESTINATION,MASK,GATEWAY,METRIC.

    They only explain where a route comes from: a value of another name is left out, and decides nothing.
    """
    kept = key(output, "persistent-routes", may_be_empty=True)
    found = []
    for name in kept.values if kept else ():
        destination, mask, *_ = (*name.split(","), "", "")
        try:
            found.append((IPv4Network(f"{destination}/{mask}", strict=False), name))
        except ValueError:
            continue
    return found


def _with_persistent(decision: RouteDecision, kept: list[tuple[IPv4Network, str]]) -> RouteDecision:
    name = next((n for network, n in kept if str(network) == decision.decision.split(" ")[0]), None)
    if name is None:
        return decision
    told = f"{decision.decision} (persistent route {printable(name, 80)})"
    return RouteDecision(decision.destination, decision.address, told, decision.usable)


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


def parse_http_checks(output: ProbeOutput, target: str) -> tuple[HttpCheck, ...]:
    """Every request of PowerShell's to `storage` or `host`, by the stage that it came to."""
    powershell(output, "http", target)
    return tuple(_checks(output, target))


def _checks(output: ProbeOutput, target: str) -> Iterator[HttpCheck]:
    for part in output.all("http", target):
        yield _check(part)


def _check(part: Part) -> HttpCheck:
    target, path, endpoint = (*part.words[1:], "", "", "")[:3]
    told = {k: printable(v, 260) for k, v in part.pairs().items() if v}
    stage = told.get("stage", "")
    status = told.get("status", "")
    if stage not in STAGES or (stage == "answered" and not re.fullmatch("[1-9][0-9]{2}", status)):
        raise Unreadable(f"the request to {target} {path} was not told to its end", RECOLLECT_AS_ADMINISTRATOR)
    return HttpCheck(
        target=target,
        path=path,
        endpoint=printable(endpoint, 260),
        tool="PowerShell",
        exit_status=0 if stage == "answered" else 1,
        stage=stage,
        detail=f"HTTP {status}" if stage == "answered" else told.get("detail", "it gave no reason"),
        status=int(status) if stage == "answered" else None,
        # behind a proxy only the proxy's own address is known here
        address=None if path == "proxy" else told.get("address"),
        server=told.get("server"),
        request_id=told.get("request-id"),
        location=told.get("location"),
    )


def parse_storage(output: ProbeOutput) -> Storage:
    """The requests to Azure Storage, and how the snapshot is asked for."""
    part = powershell(output, "endpoints")
    if not [line for line in part.lines() if line and "=" not in line]:
        raise Unreadable(*NO_ENDPOINT)
    checks = parse_http_checks(output, "storage")
    keys = key(output, "bcdr-persistent")
    method = keys.text("SnapshotMethod") if keys else None
    return Storage(
        origin=part.pairs().get("origin", ""),
        checks=checks,
        snapshot_starts_in_guest=(method or "").lower() in IN_GUEST,
        snapshot_method=printable(method, 40) if method else None,
    )


def parse_addressing(output: ProbeOutput, now: datetime) -> Addressing:
    """How the primary interface, the one with the best default route, comes by its IPv4 address."""
    found = _primary(output)
    uses_dhcp = found.number("EnableDHCP")
    if uses_dhcp not in (0, 1):
        raise Unreadable(f"EnableDHCP is not told in {printable(found.path, 120)}", RECOLLECT_AS_ADMINISTRATOR)
    # what an earlier lease left behind stays in the registry after the address is set by hand
    lease = _lease(found) if uses_dhcp else None
    is_current = lease is not None and (lease.expires_at is None or lease.expires_at > now)
    return Addressing(
        interface=printable(found.path.rpartition("\\")[2], 60),
        addresses=tuple(dict.fromkeys(_own(found) if uses_dhcp else _static(found))),
        uses_dhcp=bool(uses_dhcp),
        evidence=f"EnableDHCP={uses_dhcp} in {printable(found.path, 160)}",
        lease=lease if is_current else None,
        expired=None if is_current else lease,
        agent_endpoint=None,
    )


def _primary(output: ProbeOutput) -> Key:
    interfaces = list(registry(output, "interfaces").values())
    try:
        table = _table(output)
    except Unreadable:
        # the registry names the gateways too, but not which of several is used
        return _only([k for k in interfaces if _has_gateway(k)], "a default gateway in the registry")
    default = [r for r in table if r.network.prefixlen == 0]
    if not default:
        raise Unreadable(
            "the guest has no default route, so no primary interface", "look at `route print -4` on the guest"
        )
    address = str(min(default, key=lambda r: r.metric).interface)
    return _only([k for k in interfaces if address in _own(k)], f"the address {address} of the default route")


def _has_gateway(interface: Key) -> bool:
    name = "DhcpDefaultGateway" if interface.number("EnableDHCP") == 1 else "DefaultGateway"
    return bool(_own(interface)) and any(_is_address(g) for g in interface.strings(name))


def _only(found: list[Key], what: str) -> Key:
    if len(found) != 1:
        raise Unreadable(f"{len(found)} interfaces in the registry have {what}", RECOLLECT_AS_ADMINISTRATOR)
    return found[0]


def _static(interface: Key) -> list[str]:
    return [a for a in interface.strings("IPAddress") if _is_address(a) and a != "0.0.0.0"]  # noqa: S104  # what Windows writes for none


def _own(interface: Key) -> list[str]:
    leased = interface.text("DhcpIPAddress")
    return [*([leased] if leased and interface.number("EnableDHCP") == 1 else []), *_static(interface)]


def _lease(interface: Key) -> Lease | None:
    address = interface.text("DhcpIPAddress")
    if not address or address == "0.0.0.0":  # noqa: S104  # what Windows writes for none
        return None
    options = parse_options(interface.data("DhcpInterfaceOptions") or b"")
    option = options.get(OPTION_245)
    ends = interface.number("LeaseTerminatesTime")
    endless = interface.number("Lease") == FOREVER or ends in (None, FOREVER)
    return Lease(
        source=printable(interface.path, 160),
        client="Windows",
        interface=printable(interface.path.rpartition("\\")[2], 60),
        address=printable(address, 40),
        option_245=option.hex() if option is not None else None,
        expires_at=None if endless or ends is None else datetime.fromtimestamp(ends, UTC),
    )
