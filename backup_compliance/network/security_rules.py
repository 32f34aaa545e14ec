"""Security rules from ARM's JSON, and what one rule does to one flow.

Shapes: a network security group (`properties.securityRules[]` and `defaultSecurityRules[]`, each with `properties`), the
`effectiveNetworkSecurityGroups` reply (flat rules, tags already expanded), and the reply of
`listNetworkManagerEffectiveSecurityAdminRules`. A field that is missing, null or unknown leaves the rule in place as
one that may match and may not, with the reason; it never widens or narrows the rule in silence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from backup_compliance.model.arm_json import (
    NOTHING,
    as_record,
    integer_at,
    items_of,
    last_segment,
    name_of,
    properties_of,
    text_at,
    texts_at,
)
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Undetermined, Unreadable
from backup_compliance.network.addresses import parse_prefix


class Effect(StrEnum):
    """What a rule does to what it matches: `PASS` hands it to the next group, and after the last one lets it through."""

    PASS = "pass"  # noqa: S105 - no password
    ALLOW = "allow"
    DENY = "deny"


class AppliedTo(StrEnum):
    """What a group of rules is attached to, as the effective reply names its association."""

    NETWORK_MANAGER = "networkManager"
    NETWORK_INTERFACE = "networkInterface"
    SUBNET = "subnet"


PortRange = tuple[int, int]
_ANY_PORT: Final = (0, 65535)
_EITHER: Final = frozenset({Effect.PASS, Effect.DENY})
_ANY_EFFECT: Final = _EITHER | {Effect.ALLOW}
_NSG_ACCESS: Final = {"allow": frozenset({Effect.PASS}), "deny": frozenset({Effect.DENY})}
_ADMIN_ACCESS: Final = _NSG_ACCESS | {"alwaysallow": frozenset({Effect.ALLOW})}
_ANY_PROTOCOL: Final = frozenset({"*", "all", "any"})
_PROTOCOLS: Final = frozenset({"tcp", "udp", "icmp", "icmpv6", "esp", "ah"})
_PORTS: Final = re.compile(r"([0-9]{1,5})(?:\s*-\s*([0-9]{1,5}))?")
_MANAGER: Final = re.compile(r"/networkManagers/([^/]+)/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RuleEndpoint:
    """One side of a rule: prefixes and tags, or application security groups by id; None where it is unreadable."""

    names: tuple[str, ...] | None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecurityRule:
    """One rule. None in a field means that it could not be read, never that it matches everything."""

    name: str
    priority: int | None
    outbound: bool | None
    effects: frozenset[Effect]
    access: str
    protocol: str | None
    source: RuleEndpoint
    destination: RuleEndpoint
    source_ports: tuple[PortRange, ...] | None
    destination_ports: tuple[PortRange, ...] | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """The rules of one network security group, or the network manager's, by priority; doubtful places first."""

    name: str
    applied_to: AppliedTo
    rules: tuple[SecurityRule, ...]

    @property
    def otherwise(self) -> frozenset[Effect]:
        """What happens to traffic that no rule matches: admin rules pass it on; a group's default rules are missing."""
        return frozenset({Effect.PASS}) if self.applied_to is AppliedTo.NETWORK_MANAGER else _EITHER

    def __str__(self) -> str:
        if self.applied_to is AppliedTo.NETWORK_MANAGER:
            return f"the admin rules of network manager {self.name}"
        place = "subnet" if self.applied_to is AppliedTo.SUBNET else "network interface"
        return f"network security group {self.name} ({place})"


def unread_group(name: str, applied_to: AppliedTo, problem: str) -> SecurityGroup:
    """A group that is attached but could not be read: whatever it does is undetermined, because of `problem`."""
    return SecurityGroup(
        printable(name, 80), applied_to, (_unread_rule("whatever its rules are", applied_to, problem),)
    )


def _unread_rule(name: str, applied_to: AppliedTo, problem: str) -> SecurityRule:
    nothing = RuleEndpoint(None)
    return SecurityRule(name, None, None, _either(applied_to), "?", None, nothing, nothing, None, None, problem)


def _either(applied_to: AppliedTo) -> frozenset[Effect]:
    """Everything that a rule there may do."""
    return _ANY_EFFECT if applied_to is AppliedTo.NETWORK_MANAGER else _EITHER


def parse_security_group(resource: Any, applied_to: AppliedTo) -> SecurityGroup:
    """A `Microsoft.Network/networkSecurityGroups` resource; raises `Unreadable` when it is no object."""
    record = as_record(resource)
    if record is None:
        raise Unreadable("a network security group is no JSON object")
    properties = properties_of(record) or NOTHING
    rules: list[SecurityRule] = []
    for key in ("securityRules", "defaultSecurityRules"):
        entries = properties.get(key)
        if isinstance(entries, list):
            rules.extend(parse_rule(e, applied_to, f"{key}[{i}]") for i, e in enumerate(entries))
        else:
            rules.append(_unread_rule(key, applied_to, f"its list {key} is missing"))
    return SecurityGroup(name_of(record, "without a name"), applied_to, _in_order(rules))


def parse_effective_groups(reply: Any) -> tuple[SecurityGroup, ...]:
    """The `effectiveNetworkSecurityGroups` reply: one group for each association of the network interface.

    Raises `Unreadable` when it is no such reply, `Undetermined` when it names no group: Azure answers so for a machine
    that does not run as well as for one without groups.
    """
    groups = []
    for index, entry in enumerate(items_of(reply, "value", "the reply with effective network security groups")):
        record = as_record(entry) or NOTHING
        association = as_record(record.get("association")) or NOTHING
        applied_to = next((a for a in AppliedTo if association.get(a.value)), AppliedTo.SUBNET)
        name = (
            last_segment(text_at(as_record(record.get("networkSecurityGroup")) or NOTHING, "id")) or f"value[{index}]"
        )
        entries = record.get("effectiveSecurityRules")
        if isinstance(entries, list):
            rules = [parse_rule(e, applied_to, f"effectiveSecurityRules[{i}]") for i, e in enumerate(entries)]
            groups.append(SecurityGroup(name, applied_to, _in_order(rules)))
        else:
            groups.append(unread_group(name, applied_to, "its list effectiveSecurityRules is missing"))
    if not groups:
        raise Undetermined("the reply with effective network security groups is empty")
    return tuple(groups)


def parse_admin_rules(reply: Any) -> SecurityGroup | None:
    """The effective security admin rules of a virtual network; None when none apply to it.

    The precedence between several network managers is in no reply, so their rules then count in any order.
    Raises `Unreadable` when it is no such reply.
    """
    entries = items_of(reply, "value", "the reply with effective security admin rules")
    kind = AppliedTo.NETWORK_MANAGER
    rules = [parse_rule(e, kind, f"value[{i}]") for i, e in enumerate(entries)]
    ids = (text_at(as_record(e) or NOTHING, "id") for e in entries)
    managers = sorted({m.group(1) for i in ids if (m := _MANAGER.search(i))})
    if len(managers) > 1:
        rules = [replace(r, priority=None, problem=r.problem or "several network managers apply") for r in rules]
    more = as_record(reply)
    if more is not None and any(more.get(key) not in (None, "") for key in ("skipToken", "nextLink")):
        rules.append(_unread_rule("the next page", kind, "only the first page of admin rules was read"))
    return SecurityGroup(printable(" and ".join(managers), 80) or "?", kind, _in_order(rules)) if rules else None


def parse_rule(entry: Any, applied_to: AppliedTo, otherwise: str) -> SecurityRule:
    """One rule of any of the shapes; `otherwise` is its name when it has none."""
    record = as_record(entry)
    body = properties_of(record) if record is not None else None
    if record is None or body is None:
        return _unread_rule(otherwise, applied_to, "it is no JSON object with properties")
    admin = applied_to is AppliedTo.NETWORK_MANAGER
    either = _either(applied_to)
    access = text_at(body, "access")
    direction = text_at(body, "direction").lower()
    protocol = text_at(body, "protocol").lower()
    rule = SecurityRule(
        name=last_segment(name_of(record, otherwise)),
        priority=integer_at(body, "priority", 1, 65535),
        outbound=direction == "outbound" if direction in ("outbound", "inbound") else None,
        effects=(_ADMIN_ACCESS if admin else _NSG_ACCESS).get(access.lower(), either),
        access=printable(access, 20) or "?",
        protocol="*" if protocol in _ANY_PROTOCOL else protocol if protocol in _PROTOCOLS else None,
        source=_admin_endpoint(body, "sources") if admin and "sources" in body else _endpoint(body, "source"),
        destination=_admin_endpoint(body, "destinations")
        if admin and "destinations" in body
        else _endpoint(body, "destination"),
        source_ports=_ports(texts_at(body, "sourcePortRange", "sourcePortRanges")),
        destination_ports=_ports(texts_at(body, "destinationPortRange", "destinationPortRanges")),
    )
    problem = _problem(rule, either)
    return replace(rule, problem=problem) if problem else rule


def _problem(rule: SecurityRule, either: frozenset[Effect]) -> str:
    unread = {
        "priority": rule.priority is None,
        "direction": rule.outbound is None,
        "access": rule.effects == either,
        "protocol": rule.protocol is None,
        "source": rule.source.names is None,
        "destination": rule.destination.names is None,
        "source ports": rule.source_ports is None,
        "destination ports": rule.destination_ports is None,
    }
    missing = [name for name, is_unread in unread.items() if is_unread]
    return f"{', '.join(missing)} missing or unknown" if missing else ""


def _endpoint(body: Mapping[str, Any], side: str) -> RuleEndpoint:
    """Prefixes of one side; Azure's own expansion of tags counts before the tag's name."""
    expanded = texts_at(body, f"expanded{side.capitalize()}AddressPrefix")
    names = texts_at(body, f"{side}AddressPrefix", f"{side}AddressPrefixes")
    if expanded and names is not None:
        names = expanded + tuple(n for n in names if parse_prefix(n) is not None)
    groups = body.get(f"{side}ApplicationSecurityGroups")
    ids = tuple(text_at(as_record(g) or NOTHING, "id") for g in groups) if isinstance(groups, list) else ()
    if expanded is None or "" in ids or not (groups is None or isinstance(groups, list)) or not (names or ids):
        return RuleEndpoint(None)
    return RuleEndpoint(names, ids)


def _admin_endpoint(body: Mapping[str, Any], key: str) -> RuleEndpoint:
    """Sources or destinations of an admin rule; members of a network group are in no reply, so its id is no name known."""
    items = body.get(key)
    records = [as_record(i) or NOTHING for i in items] if isinstance(items, list) else []
    names = tuple(text_at(r, "addressPrefix") for r in records)
    return RuleEndpoint(None if not names or "" in names else names)


def _ports(texts: Sequence[str] | None) -> tuple[PortRange, ...] | None:
    ranges = [_port_range(t) for t in texts or ()]
    known = tuple(r for r in ranges if r is not None)
    return known if known and len(known) == len(ranges) else None


@lru_cache(maxsize=1 << 12)
def _port_range(text: str) -> PortRange | None:
    found = _PORTS.fullmatch(text)
    if found is None:
        return _ANY_PORT if text == "*" else None
    low, high = int(found.group(1)), int(found.group(2) or found.group(1))
    return (low, high) if low <= high <= 65535 else None


def _in_order(rules: Sequence[SecurityRule]) -> tuple[SecurityRule, ...]:
    """By priority, unknown ones first: a rule that may match earlier than it does changes no proven verdict.

    Azure refuses two rules of one priority and direction; where a document has them and they differ, either may win.
    """
    kinds = {(r.outbound, r.priority, r.effects) for r in rules}
    tied = {place for place, count in Counter((o, p) for o, p, _ in kinds).items() if count > 1}
    placed = [
        replace(r, priority=None, problem=r.problem or f"another rule has its priority {r.priority}")
        if (r.outbound, r.priority) in tied and r.priority is not None
        else r
        for r in rules
    ]
    return tuple(sorted(placed, key=lambda r: r.priority or 0))
