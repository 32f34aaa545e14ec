"""What security groups do to one flow, after Network Watcher's IP flow verify, for whole tags.

Order and rules: security admin rules, then the network interface's group, then the subnet's; first match by priority
in each; every group must allow. No group allows everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from backup_compliance.network.addresses import EVERYTHING, NOWHERE, AddressSet, Destination
from backup_compliance.network.partition import Candidate, Decider, Piece, partition
from backup_compliance.network.security_rules import AppliedTo, Effect, PortRange, SecurityGroup, SecurityRule
from backup_compliance.network.service_tags import Resolved, Surroundings

NAMED: Final = 4
"""How many shares an explanation tells."""
CLIENT_PORTS: Final = (1024, 65535)
"""Ports a client may send from; which one is the operating system's choice."""


class Access(StrEnum):
    """The verdict on a whole destination. PARTIAL: some of it is denied for certain, but not all."""

    ALLOW = "allow"
    DENY = "deny"
    PARTIAL = "partial"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class Flow:
    """From one machine to a destination; `source` None: its address is not known. Inbound: as the receiver sees it.

    `source_groups`: lower-case ids of the application security groups that the machine is in; None: go by its address.
    """

    source: AddressSet | None
    destination: Destination
    port: int
    protocol: str = "tcp"
    outbound: bool = True
    source_ports: PortRange = CLIENT_PORTS
    source_groups: frozenset[str] | None = None

    @property
    def targets(self) -> Destination:
        """The destination in the IP versions that the source has."""
        return self.destination.limited_to(self.source.versions()) if self.source else self.destination

    def __str__(self) -> str:
        source = self.source.summary(1).removesuffix("/32") if self.source else "an unknown address"
        return f"{self.protocol.upper()} {self.port} from {source} to {self.destination.name}"


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the destination with one fate, why, and how many of its prefixes it touches (all of them, if allowed)."""

    access: Access
    addresses: AddressSet
    prefixes: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlowVerdict:
    """What was decided about `subject` and by whom; denied shares come first."""

    subject: str
    destination: Destination
    shares: tuple[Share, ...]

    @property
    def access(self) -> Access:
        """ALLOW only when every address of a destination that is not empty is allowed for certain."""
        return overall({s.access for s in self.shares})

    @property
    def explanation(self) -> str:
        """One line: the verdict, then each share with its prefixes and what decided."""
        whole = len(self.destination.prefixes)
        if not self.shares:
            return (
                f"{self.subject}: nothing to judge, {self.destination.name} has no address of the source's IP version"
            )
        parts = [
            f"{s.prefixes} of {whole} prefixes {_WORDS[s.access]}: {'; '.join(s.reasons)}" for s in self.shares[:NAMED]
        ]
        more = f". And {len(self.shares) - NAMED} smaller parts more" if len(self.shares) > NAMED else ""
        return f"{self.subject} - {'. '.join(parts)}{more}"

    def evidence(self) -> dict[str, Any]:
        """JSON-ready: the shares, each with its first prefixes."""
        shares = [
            {"access": s.access.value, "prefixes": s.prefixes, "first": s.addresses.summary(), "by": list(s.reasons)}
            for s in self.shares
        ]
        return {
            "destination": self.destination.name,
            "prefixes": len(self.destination.prefixes),
            "access": self.access.value,
            "shares": shares,
        }


_WORDS: Final = {Access.ALLOW: "allowed", Access.DENY: "denied", Access.UNDETERMINED: "undetermined"}
_ORDER: Final = (Access.DENY, Access.UNDETERMINED, Access.ALLOW)


def overall(found: set[Access]) -> Access:
    """One verdict for the verdicts on parts; what is denied for certain outweighs what is not known."""
    if not found:
        return Access.UNDETERMINED
    if len(found) == 1:
        return next(iter(found))
    return Access.PARTIAL if found & {Access.DENY, Access.PARTIAL} else Access.UNDETERMINED


def verify_security_groups(groups: Sequence[SecurityGroup], flow: Flow, surroundings: Surroundings) -> FlowVerdict:
    """What the admin rules and the groups of network interface and subnet do together, in Azure's order.

    `groups` holds what is attached, in any order; leave out nothing that is attached but unread (`unread_group`).
    """
    targets = flow.targets
    if not groups:
        reason = "no network security group on the network interface or its subnet"
        return judged(str(flow), targets, [(Access.ALLOW, targets.addresses, (reason,))])
    order = (
        list(AppliedTo) if flow.outbound else [AppliedTo.NETWORK_MANAGER, AppliedTo.SUBNET, AppliedTo.NETWORK_INTERFACE]
    )
    pieces = [Piece(targets.addresses, frozenset({Effect.PASS}), ())] if targets.addresses else []
    for group in sorted(groups, key=lambda g: order.index(g.applied_to)):
        pieces = [p for piece in pieces for p in _pass_on(piece, group, flow, surroundings)]
    fates = [(_access(p.effects), p.addresses, tuple(map(str, p.deciders))) for p in pieces]
    return judged(str(flow), targets, fates)


def judged(
    subject: str, targets: Destination, fates: Sequence[tuple[Access, AddressSet, tuple[str, ...]]]
) -> FlowVerdict:
    """Shares from parts of the destination: equal fates together, prefixes counted."""
    merged: dict[tuple[Access, tuple[str, ...]], AddressSet] = {}
    for access, addresses, reasons in fates:
        if addresses:
            merged[access, reasons] = merged.get((access, reasons), NOWHERE) | addresses
    shares = [
        Share(access, addresses, targets.count(addresses, touched=access is not Access.ALLOW), reasons)
        for (access, reasons), addresses in merged.items()
    ]
    return FlowVerdict(subject, targets, tuple(sorted(shares, key=lambda s: (_ORDER.index(s.access), -s.prefixes))))


def _access(effects: frozenset[str]) -> Access:
    if effects == {Effect.DENY}:
        return Access.DENY
    return Access.UNDETERMINED if Effect.DENY in effects else Access.ALLOW


def _pass_on(piece: Piece, group: SecurityGroup, flow: Flow, surroundings: Surroundings) -> Iterator[Piece]:
    """A piece after one more group: only what the groups before may have passed on is for this group to decide."""
    if Effect.PASS not in piece.effects:
        yield piece
        return
    before = piece.effects - {Effect.PASS}
    nobody = f"no rule of {group} matches"
    candidates = _candidates(group, flow, surroundings, piece.addresses)
    for after in partition(piece.addresses, candidates, frozenset(group.otherwise), nobody):
        effects = before | after.effects
        yield Piece(after.addresses, effects, _deciders(piece, after, effects))


def _deciders(before: Piece, after: Piece, effects: frozenset[str]) -> tuple[Decider, ...]:
    if len(effects) > 1:
        # what is certain only says where the traffic would have gone; the doubts are the reasons
        doubts = tuple(d for d in (*before.deciders, *after.deciders) if d.doubt)
        return doubts or (*before.deciders, *after.deciders)
    last = after.deciders[-1:]
    return last if effects == {Effect.DENY} else (*before.deciders, *last)


def _candidates(
    group: SecurityGroup, flow: Flow, surroundings: Surroundings, targets: AddressSet
) -> Iterator[Candidate]:
    """The rules that may decide any of `targets`."""
    for rule in group.rules:
        if rule.outbound is not None and rule.outbound is not flow.outbound:
            continue
        reach = _reach(rule, surroundings)
        if not (reach.certain.overlaps(targets) or reach.possible.overlaps(targets)):
            continue
        sure, doubt = _applies(rule, flow, surroundings)
        if sure is False:
            continue
        certain = reach.certain if sure else NOWHERE
        effects = frozenset[str](rule.effects)
        number = "of unknown priority" if rule.priority is None else f"priority {rule.priority}"
        text = f"rule {rule.name} ({number}, {rule.access}) of {group}"
        yield Candidate(certain, reach.possible | reach.certain, effects, text, doubt or rule.problem or reach.reason)


def _reach(rule: SecurityRule, surroundings: Surroundings) -> Resolved:
    """The destinations a rule covers."""
    if rule.destination.names is None:
        return Resolved(NOWHERE, EVERYTHING, rule.problem)
    return surroundings.resolve_endpoint(rule.destination.names, rule.destination.groups)


def _applies(rule: SecurityRule, flow: Flow, surroundings: Surroundings) -> tuple[bool | None, str]:
    """Whether everything but the destination matches: True, False, or None with the reason."""
    answers = (
        (None if rule.priority is None else True, rule.problem),
        (None if rule.outbound is None else rule.outbound is flow.outbound, rule.problem),
        (None if rule.protocol is None else rule.protocol in ("*", flow.protocol.lower()), rule.problem),
        (_has_port(rule, flow.port), rule.problem),
        (_from_ports(rule, flow), rule.problem or "it asks for certain source ports"),
        _from_source(rule, flow, surroundings),
    )
    if any(matches is False for matches, _ in answers):
        return False, ""
    return next(((m, reason) for m, reason in answers if m is None), (True, ""))


def _has_port(rule: SecurityRule, port: int) -> bool | None:
    if rule.destination_ports is None:
        return None
    return any(low <= port <= high for low, high in rule.destination_ports)


def _from_ports(rule: SecurityRule, flow: Flow) -> bool | None:
    """True when every port the flow may come from matches, in one range or in several; False when none does."""
    if rule.source_ports is None:
        return None
    first, last = flow.source_ports
    uncovered = first
    for low, high in sorted(rule.source_ports):
        if low <= uncovered <= high:
            uncovered = high + 1
    if uncovered > last:
        return True
    return None if any(low <= last and first <= high for low, high in rule.source_ports) else False


def _from_source(rule: SecurityRule, flow: Flow, surroundings: Surroundings) -> tuple[bool | None, str]:
    if rule.source.names is None:
        return None, rule.problem
    groups = rule.source.groups
    if flow.source_groups is not None:
        if any(group.lower() in flow.source_groups for group in groups):
            return True, ""
        groups = ()
    reach = surroundings.resolve_endpoint(rule.source.names, groups)
    source = flow.source or EVERYTHING
    if reach.certain.contains(source):
        return True, ""
    if source.overlaps(reach.certain) or source.overlaps(reach.possible):
        return None, reach.reason or "the source's address is not known, or only some of its addresses match"
    return False, ""
