"""`evaluate_egress`: whether a machine's packets get out to a destination, by security rules and routes together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backup_compliance.network.addresses import NOWHERE, AddressSet, Destination
from backup_compliance.network.ip_flow import Access, Flow, FlowVerdict, Share, judged, verify_security_groups
from backup_compliance.network.routes import NextHops, Route, next_hop
from backup_compliance.network.security_rules import SecurityGroup
from backup_compliance.network.service_tags import Surroundings, Unknown


@dataclass(frozen=True, slots=True)
class Routing:
    """The routes of one subnet or network interface, and whether a gateway may add others that nobody read."""

    routes: tuple[Route, ...]
    gateway_routes_unknown: bool = False


@dataclass(frozen=True, slots=True)
class EgressDecision:
    """The verdict on the whole destination; `security` and `routing` are its halves (None: not judged)."""

    access: Access
    explanation: str
    evidence: dict[str, Any]
    shares: tuple[Share, ...]
    security: FlowVerdict
    routing: NextHops | None


def evaluate_egress(
    source: AddressSet | None,
    destination: Destination | Unknown,
    port: int,
    groups: Sequence[SecurityGroup],
    surroundings: Surroundings,
    routing: Routing | None = None,
    protocol: str = "tcp",
    source_groups: frozenset[str] | None = None,
) -> EgressDecision:
    """Whether `source` (None: address not known) reaches every prefix of `destination` on `port`.

    `source_groups` as in `Flow`.
    A destination that is `Unknown` is undetermined, whatever the rules say; so is an empty one.
    """
    if isinstance(destination, Unknown):
        return _unknown(destination, protocol, port)
    flow = Flow(source, destination, port, protocol, source_groups=source_groups)
    security = verify_security_groups(groups, flow, surroundings)
    if routing is None:
        return _decision(security, security, None)
    hops = next_hop(
        routing.routes, flow.targets, surroundings.tags, gateway_routes_unknown=routing.gateway_routes_unknown
    )
    return _decision(_both(security, hops.verdict), security, hops)


def _unknown(destination: Unknown, protocol: str, port: int) -> EgressDecision:
    nothing = Destination(destination.name, (), NOWHERE)
    verdict = FlowVerdict(f"{protocol.upper()} {port} to {destination.name}", nothing, ())
    explanation = f"{verdict.subject}: undetermined, {destination.reason}"
    return EgressDecision(Access.UNDETERMINED, explanation, verdict.evidence(), (), verdict, None)


def _both(security: FlowVerdict, routing: FlowVerdict) -> FlowVerdict:
    """What both let through is allowed, what either stops is denied."""
    fates = []
    for rules in security.shares:
        for routes in routing.shares:
            access, reasons = _meet(rules, routes)
            fates.append((access, rules.addresses & routes.addresses, reasons))
    return judged(security.subject, security.destination, fates)


def _meet(rules: Share, routes: Share) -> tuple[Access, tuple[str, ...]]:
    for access in (Access.DENY, Access.UNDETERMINED):
        stopping = [share for share in (rules, routes) if share.access is access]
        if stopping:
            return access, tuple(r for share in stopping for r in share.reasons)
    return Access.ALLOW, (*rules.reasons, *routes.reasons)


def _decision(verdict: FlowVerdict, security: FlowVerdict, routing: NextHops | None) -> EgressDecision:
    evidence = verdict.evidence()
    if routing is not None:
        evidence["next_hops"] = sorted(routing.hop_types)
    return EgressDecision(verdict.access, verdict.explanation, evidence, verdict.shares, security, routing)
