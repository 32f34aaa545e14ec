"""Security rules against our own reading of Microsoft's documentation, one address, protocol, port and source port at a time.

What is compared: `verify_security_groups` over whole destinations. What it is compared with: loops over rules, written from

- Azure network security groups overview: rules by priority, the lowest number first, first match; default rules last
- How network security groups filter traffic: outbound the interface's group, then the subnet's; both must allow
- Security admin rules in Virtual Network Manager: before every group; Allow goes on to the groups, AlwaysAllow and Deny end it
- Service tags overview: what VirtualNetwork, Internet and AzureLoadBalancer stand for
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from typing import Any, Final

from backup_compliance.network.addresses import AddressSet, Destination
from backup_compliance.network.ip_flow import Access, Flow, FlowVerdict, verify_security_groups
from backup_compliance.network.security_rules import (
    AppliedTo,
    SecurityGroup,
    parse_admin_rules,
    parse_effective_groups,
    parse_security_group,
)
from backup_compliance.network.service_tags import Resolved, Surroundings, VirtualNetwork, parse_service_tags
from selftests.builders.network import tag_document

OWN: Final = "10.1.0.4"
SPACE: Final = ("10.1.0.0/16", "10.9.0.0/24")
"""The network's own space and a peer's."""
USER_ROUTES: Final = ("20.0.0.48/29",)
"""Prefixes of user-defined routes to an appliance, which VirtualNetwork holds, too."""
NOT_PUBLIC: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16")
TAGS: Final = {"Low": ("20.0.0.0/28", "20.0.0.20/30"), "High": ("20.0.0.32/27",), "Low.North": ("20.0.0.0/30",)}
MEMBERS: Final = {"/asg/mine": (OWN,), "/asg/others": ("10.1.0.9", "10.9.0.7"), "/asg/nobody": ()}
EPHEMERAL: Final = (1024, 65535)
PORTS: Final = (0, 1, 22, 79, 80, 443, 444, 1024, 65534, 65535)
RANGES: Final = (
    "*",
    "443",
    "0-65535",
    "80",
    "400-500",
    "443-443",
    "444-65535",
    "65535",
    "0",
    "0-442",
    "1-79",
    "65000-65535",
)
SOURCE_RANGES: Final = (
    "*",
    "*",
    "*",
    "*",
    "0-65535",
    "1024-65535",
    "1-1023",
    "0-1024",
    "50000-50999",
    "65535",
    "1025-65535",
)
PREFIXES: Final = (
    *(
        "*",
        "20.0.0.0/26",
        "20.0.0.0/30",
        "20.0.0.16/28",
        "20.0.0.5",
        "20.0.0.5-20.0.0.40",
        "20.0.0.33/32",
        "20.0.0.48/28",
    ),
    *(
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/24",
        "10.9.0.0/25",
        "172.16.0.0/12",
        "Internet",
        "internet",
        "VirtualNetwork",
    ),
    *("virtualnetwork", "Low", "low", "High", "Low.North", "AzureLoadBalancer", "168.63.129.16"),
)
SOURCES: Final = (
    "*",
    "*",
    "*",
    OWN,
    "10.1.0.0/24",
    "10.1.0.0/16",
    "VirtualNetwork",
    "10.1.0.5",
    "10.2.0.0/16",
    "Internet",
    "0.0.0.0/1",
)
TARGETS: Final = (
    "20.0.0.0/27",
    "20.0.0.32/28",
    "20.0.0.48/28",
    "10.1.0.9/32",
    "10.9.0.7/32",
    "10.9.0.200/32",
    "172.16.5.1/32",
)
EVERY: Final = tuple(str(a) for t in TARGETS for a in ip_network(t))
DEFAULTS: Final = (("VirtualNetwork", "VirtualNetwork", "Allow"), ("*", "Internet", "Allow"), ("*", "*", "Deny"))


@cache
def holds(name: str, address: str) -> bool:
    """Whether a prefix, range or tag holds an IPv4 address, as the documentation of service tags has it."""
    key = name.lower()
    here = ip_address(address)
    if key == "*":
        return True
    if key == "virtualnetwork":
        return any(here in ip_network(p) for p in (*SPACE, *USER_ROUTES, "168.63.129.16/32"))
    if key == "internet":
        private = (*NOT_PUBLIC, *SPACE)
        return not any(here in ip_network(p) for p in private)
    if key == "azureloadbalancer":
        return address == "168.63.129.16"
    tags = {tag.lower(): prefixes for tag, prefixes in TAGS.items()}
    if key in tags:
        return any(here in ip_network(p) for p in tags[key])
    if "-" in name:
        first, last = name.split("-")
        return int(IPv4Address(first)) <= int(here) <= int(IPv4Address(last))
    return here in ip_network(name)


@cache
def undecided(name: str, address: str) -> bool:
    """Whether Internet still holds public prefixes of user-defined routes is documented nowhere."""
    return name.lower() == "internet" and any(ip_address(address) in IPv4Network(p) for p in USER_ROUTES)


@dataclass(frozen=True)
class Rule:
    """One rule, as drawn."""

    priority: int
    access: str
    outbound: bool
    protocol: str
    ports: tuple[str, ...]
    source_ports: tuple[str, ...]
    sources: tuple[str, ...]
    source_groups: tuple[str, ...]
    destinations: tuple[str, ...]
    destination_groups: tuple[str, ...]

    def matches(self, protocol: str, address: str, port: int, source_port: int) -> bool | None:
        """Whether it matches one packet; None where nobody knows."""
        if not self.outbound or not _is_protocol(self.protocol, protocol):
            return False
        if not _in(self.ports, port) or not _in(self.source_ports, source_port):
            return False
        if not (any(holds(s, OWN) for s in self.sources) or any(OWN in MEMBERS[g] for g in self.source_groups)):
            return False
        if any(holds(d, address) and not undecided(d, address) for d in self.destinations):
            return True
        if any(address in MEMBERS[g] for g in self.destination_groups):
            return True
        return None if any(undecided(d, address) for d in self.destinations) else False


@cache
def _in(ranges: tuple[str, ...], port: int) -> bool:
    return any(low <= port <= high for low, high in map(_range, ranges))


def _is_protocol(name: str, protocol: str) -> bool:
    return name.lower() in ("*", "all", "any", protocol)


@cache
def _range(text: str) -> tuple[int, int]:
    low, _, high = ("0-65535" if text == "*" else text).partition("-")
    return int(low), int(high or low)


@dataclass(frozen=True)
class Estate:
    """Everything that one packet meets, in order."""

    admin: tuple[Rule, ...]
    """By priority, as everywhere here; the product gets them in any order."""
    groups: tuple[tuple[AppliedTo, tuple[Rule, ...]], ...]

    def ends(self, protocol: str, address: str, port: int, source_port: int) -> set[bool]:
        """Whether a packet gets out: both where a documented answer is missing."""
        found = {None} if not self.admin else _first(self.admin, protocol, address, port, source_port)
        passed = {True} if "AlwaysAllow" in found else set()
        passed |= {False} if "Deny" in found else set()
        if found & {None, "Allow"}:
            each = [_first(rules, protocol, address, port, source_port) for _, rules in self.groups]
            passed |= {False} if any("Deny" in e for e in each) else set()
            passed |= {True} if all("Allow" in e for e in each) else set()
        return passed

    @property
    def source_ports(self) -> list[int]:
        """A port of each kind that rules tell apart."""
        rules = [*self.admin, *(r for _, rules in self.groups for r in rules)]
        edges = {
            e
            for r in rules
            for t in r.source_ports
            for low, high in (_range(t),)
            for e in (low - 1, low, high, high + 1)
        }
        return sorted({*EPHEMERAL, *(e for e in edges if EPHEMERAL[0] <= e <= EPHEMERAL[1])})


@lru_cache(maxsize=1 << 14)
def _first(rules: tuple[Rule, ...], protocol: str, address: str, port: int, source_port: int) -> set[str | None]:
    found: set[str | None] = set()
    for rule in rules:
        match = rule.matches(protocol, address, port, source_port)
        if match is not False:
            found.add(rule.access)
        if match:
            return found
    return found | {None}


def drawn(chosen: random.Random) -> Estate:
    """An estate by chance: admin rules now and then, none to two groups."""
    kinds = chosen.choice(
        ((), (AppliedTo.SUBNET,), (AppliedTo.NETWORK_INTERFACE,), tuple(AppliedTo)[1:], tuple(AppliedTo)[1:])
    )
    admin = _rules(chosen, ("Allow", "Deny", "AlwaysAllow"), 4, groups=False) if chosen.random() < 0.4 else ()
    return Estate(admin, tuple((k, (*_rules(chosen, ("Allow", "Deny"), 7, groups=True), *_defaults())) for k in kinds))


def _rules(chosen: random.Random, accesses: tuple[str, ...], most: int, *, groups: bool) -> tuple[Rule, ...]:
    priorities = sorted(chosen.sample(range(100, 120), chosen.randint(0, most)))
    return tuple(_rule(chosen, p, accesses, groups=groups) for p in priorities)


def _rule(chosen: random.Random, priority: int, accesses: tuple[str, ...], *, groups: bool) -> Rule:
    by_group = groups and chosen.random() < 0.15
    to_group = groups and chosen.random() < 0.15
    ids = list(MEMBERS)
    return Rule(
        priority,
        chosen.choice(accesses),
        chosen.random() < 0.9,
        chosen.choice(("Tcp", "TCP", "*", "*", "Udp", "Icmp", "Any")),
        tuple(chosen.sample(RANGES, chosen.choice((1, 1, 2, 3)))),
        tuple(chosen.sample(SOURCE_RANGES, chosen.choice((1, 1, 1, 2)))),
        () if by_group else tuple(chosen.sample(SOURCES, chosen.choice((1, 1, 2)))),
        tuple(chosen.sample(ids, 1)) if by_group else (),
        () if to_group else tuple(chosen.sample(PREFIXES, chosen.choice((1, 1, 2, 3)))),
        tuple(chosen.sample(ids, chosen.choice((1, 2)))) if to_group else (),
    )


def _defaults() -> tuple[Rule, ...]:
    return tuple(
        Rule(65000 + n, access, True, "*", ("*",), ("*",), (source,), (), (destination,), ())
        for n, (source, destination, access) in enumerate(DEFAULTS)
    )


def _json(rule: Rule, *, plural: bool) -> dict[str, Any]:
    """As ARM gives it: one value alone in the singular field or in the plural one."""
    body: dict[str, Any] = {
        "priority": rule.priority,
        "access": rule.access,
        "direction": "Outbound" if rule.outbound else "Inbound",
        "protocol": rule.protocol,
    }
    for name, values in (
        ("sourcePortRange", rule.source_ports),
        ("destinationPortRange", rule.ports),
        ("sourceAddressPrefix", rule.sources),
        ("destinationAddressPrefix", rule.destinations),
    ):
        single = len(values) == 1 and not plural
        body[name] = values[0] if single else None
        body[f"{name}es" if name.endswith("Prefix") else f"{name}s"] = [] if single else list(values)
    for side, ids in (("source", rule.source_groups), ("destination", rule.destination_groups)):
        if ids:
            body[f"{side}ApplicationSecurityGroups"] = [{"id": i.upper()} for i in ids]
    return {"name": f"r{rule.priority}", "properties": body}


def _admin_json(rule: Rule, *, flat: bool) -> dict[str, Any]:
    body = {
        **_json(rule, plural=False)["properties"],
        "sourcePortRanges": list(rule.source_ports),
        "destinationPortRanges": list(rule.ports),
        "sources": [{"addressPrefix": s, "addressPrefixType": "IPPrefix"} for s in rule.sources],
        "destinations": [{"addressPrefix": d, "addressPrefixType": "ServiceTag"} for d in rule.destinations],
    }
    head = {"id": f"/subscriptions/0/providers/x/networkManagers/m/rules/r{rule.priority}", "kind": "Custom"}
    return {**head, **body} if flat else {**head, "properties": body}


def _effective_json(kind: AppliedTo, rules: tuple[Rule, ...]) -> dict[str, Any]:
    """As the effective reply gives a group: flat rules, two defaults of one name told by their own priority."""
    flat = [
        {"name": f"securityRules/r{r.priority}", **_json(r, plural=n % 2 == 0)["properties"]}
        for n, r in enumerate(rules)
    ]
    return {
        "networkSecurityGroup": {"id": "/x/nsg"},
        "association": {kind.value: {"id": "/x/y"}},
        "effectiveSecurityRules": flat,
    }


def parsed(estate: Estate, chosen: random.Random) -> list[SecurityGroup]:
    """The estate's JSON through the product's parsers, in one of ARM's shapes and any order."""
    found: list[SecurityGroup] = []
    shuffled = [(k, tuple(chosen.sample(rules, len(rules)))) for k, rules in estate.groups]
    if chosen.random() < 0.3 and shuffled:
        found += parse_effective_groups({"value": [_effective_json(k, rules) for k, rules in shuffled]})
    else:
        for kind, rules in shuffled:
            own = [_json(r, plural=chosen.random() < 0.5) for r in rules if r.priority < 65000]
            behind = [_json(r, plural=False) for r in rules if r.priority >= 65000]
            resource = {"name": "nsg", "properties": {"securityRules": own, "defaultSecurityRules": behind}}
            found.append(parse_security_group(resource, kind))
    flat = chosen.random() < 0.5
    admin = parse_admin_rules({"value": [_admin_json(r, flat=flat) for r in estate.admin]})
    return chosen.sample(found + ([admin] if admin else []), len(found) + bool(admin))


def surroundings() -> Surroundings:
    """The network, the tags and the groups' members."""
    network = VirtualNetwork(AddressSet.of(*SPACE), user_routes=AddressSet.of(*USER_ROUTES))
    members = {k: Resolved(AddressSet.of(*v)) for k, v in MEMBERS.items()}
    tags = parse_service_tags(tag_document(**{k.replace(".", "__"): list(v) for k, v in TAGS.items()}))
    return Surroundings(tags, network, members)


def differences(seed: int) -> tuple[int, list[str]]:
    """How many addresses one seed's estate was asked for, and where both readings differ."""
    chosen = random.Random(seed)
    estate = drawn(chosen)
    groups = parsed(estate, chosen)
    around = surroundings()
    found: list[str] = []
    for _ in range(2):
        port, protocol = chosen.choice(PORTS), chosen.choice(("tcp", "tcp", "udp"))
        flow = Flow(AddressSet.of(OWN), Destination.of("d", *TARGETS), port, protocol)
        verdict = verify_security_groups(groups, flow, around)
        found += _compared(estate, verdict, protocol, port)
    return 2 * len(EVERY), [f"seed {seed}: {f}" for f in found]


def _compared(estate: Estate, verdict: FlowVerdict, protocol: str, port: int) -> list[str]:
    found: list[str] = []
    fates: set[Access | None] = set()
    parts = len(estate.source_ports) > 2
    for address in EVERY:
        ends = {e for s in estate.source_ports for e in estate.ends(protocol, address, port, s)}
        expected = Access.UNDETERMINED if len(ends) > 1 else Access.ALLOW if True in ends else Access.DENY
        shares = [s for s in verdict.shares if s.addresses.contains(AddressSet.of(address))]
        told = shares[0].access if len(shares) == 1 else None
        # rules for single source ports are judged one by one: together they may decide what each leaves open
        if told is not expected and not (parts and told is Access.UNDETERMINED):
            found.append(f"{protocol} {port} to {address}: {told}, by the documentation {expected}")
        fates.add(told)
    whole = fates.pop() if len(fates) == 1 else Access.PARTIAL if Access.DENY in fates else Access.UNDETERMINED
    if verdict.access is not whole:
        found.append(f"{protocol} {port}: {verdict.access} as a whole, by its parts {whole}")
    return found + _miscounted(verdict)


def _miscounted(verdict: FlowVerdict) -> list[str]:
    found: list[str] = []
    for share in verdict.shares:
        inside = {t: [share.addresses.contains(AddressSet.of(str(a))) for a in ip_network(t)] for t in TARGETS}
        counted = sum(all(i) if share.access is Access.ALLOW else any(i) for i in inside.values())
        if counted != share.prefixes:
            found.append(f"{share.prefixes} prefixes {share.access}, by counting {counted}")
    return found
