"""Judges the egress of 10,000 network interfaces, and says how much faster that is than going prefix by rule.

`python -m selftests.bench.egress` needs no root, no network and no guests; 1 when a target is missed.
"""

from __future__ import annotations

import json
import sys
import time
from ipaddress import IPv4Network, ip_address, ip_network
from typing import Any, Final

from backup_compliance.model.recorded import RecordedSubscription
from backup_compliance.network.ip_flow import Access
from backup_compliance.platform.decisions.egress import find_egress
from backup_compliance.platform.estate.compute import parse_identity, parse_profile
from backup_compliance.platform.estate.interfaces import primary_interface
from backup_compliance.platform.estate.lookup import open_estate
from selftests.bench.results import Figure, Section, figure_of, finish
from selftests.builders.arm import (
    SUBSCRIPTION,
    Json,
    machine,
    network_id,
    nic,
    rule,
    security_group,
    subnet,
    virtual_network,
)

INTERFACES: Final = 10_000
GROUPS: Final = 500
RULES: Final = 20
TAGS: Final = {"Storage.westeurope": 190, "AzureBackup.westeurope": 40, "AzureActiveDirectory": 90}
"""How many prefixes each has; those of Microsoft's weekly file have about as many."""
SECONDS: Final = 3.0
GAIN: Final = 50.0
BEYOND: Final = 15.0
"""... the floor, which neither joins resources nor names the rules that decide."""
RUNS: Final = 5
NAIVE: Final = 25
"""Interfaces that the naive loop judges; its time is scaled to all of them."""
Rule = tuple[IPv4Network, IPv4Network | str, bool]


def prefixes(tag: str) -> list[str]:
    """Disjoint /22s of a block for each tag."""
    base = 20 + list(TAGS).index(tag)
    return [f"{base}.{n // 32}.{n % 32 * 8}.0/22" for n in range(TAGS[tag])]


def rules(group: int) -> list[Json]:
    """Rules as estates have them: partners' addresses denied, tags allowed, some for one source subnet only."""
    found = [
        rule(
            f"rule-{n}",
            100 + n,
            "Deny" if n % 2 else "Allow",
            destination=f"{60 + n}.{group % 250}.0.0/16",
            port="443",
            source=f"10.{group // 250}.{group % 250}.0/24" if n % 5 == 0 else "*",
        )
        for n in range(RULES - 3)
    ]
    tags = [
        rule(f"to-{t}", 300 + n, "Allow", destination=t, port="443", source="VirtualNetwork")
        for n, t in enumerate(TAGS)
    ]
    return [*found, *tags, rule("deny-rest", 4000, "Deny")]


def documents() -> dict[str, Any]:
    """One subscription: every interface in a subnet of its group, a third of them with a group of their own too."""
    names = [f"vm{n:05d}" for n in range(INTERFACES)]
    subnets = [subnet(f"s{g}", f"10.{g // 250}.{g % 250}.0/24", security_group=f"nsg{g}") for g in range(GROUPS)]
    nics = [
        nic(
            f"{name}-nic",
            f"10.{n % GROUPS // 250}.{n % GROUPS % 250}.{4 + n // GROUPS}",
            subnet=f"s{n % GROUPS}",
            security_group=f"nsg{n % GROUPS}" if n % 3 == 0 else None,
        )
        for n, name in enumerate(names)
    ]
    tags = [{"name": t, "id": t, "properties": {"addressPrefixes": prefixes(t)}} for t in TAGS]
    return {
        "virtualMachines": [machine(name, n) for n, name in enumerate(names)],
        "networkInterfaces": nics,
        "networkSecurityGroups": [security_group(f"nsg{g}", *rules(g)) for g in range(GROUPS)],
        "virtualNetworks": [virtual_network(*subnets, space="10.0.0.0/8")],
        "routeTables": [],
        "securityAdminRules": [{"id": network_id("virtualNetworks", "sample-net"), "value": []}],
        "serviceTags": {"cloud": "Public", "changeNumber": "1", "values": tags},
    }


def recorded(found: dict[str, Any]) -> RecordedSubscription:
    """As a reader would have left it."""
    return RecordedSubscription(
        SUBSCRIPTION, {k: json.dumps({"value": v} if isinstance(v, list) else v).encode() for k, v in found.items()}
    )


def product(subscription: RecordedSubscription) -> tuple[float, float, int]:
    """Processor seconds for judging and for reading before it, and how many verdicts allow.

    Reading: virtual machines and their interfaces from raw JSON to records, which every control of the platform needs.
    Judging: all the rest, from raw JSON of groups, networks and tags to every verdict and its words.
    """
    begun = time.process_time()
    estate = open_estate([subscription])
    machines = [(parse_identity(r), parse_profile(r)) for r in estate.every("virtualMachines")]
    senders = [(vm, primary_interface(estate, profile, vm)) for vm, profile in machines]
    read, allowed = time.process_time(), 0
    for vm, interface in senders:
        for tag in TAGS:
            found = find_egress(estate, interface, vm, tag)
            allowed += found.access is Access.ALLOW
    return time.process_time() - read, read - begun, allowed


def naive(found: dict[str, Any]) -> tuple[float, int]:
    """The obvious loop over prefixes and rules, with everything parsed beforehand, for a few interfaces."""
    tags = {t: [ip_network(p) for p in prefixes(t)] for t in TAGS}
    groups = {g["name"]: [_parsed(r) for r in g["properties"]["securityRules"]] for g in found["networkSecurityGroups"]}
    begun, allowed = time.process_time(), 0
    for n, each in enumerate(found["networkInterfaces"][:NAIVE]):
        source = ip_address(each["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"])
        attached = [groups[f"nsg{n % GROUPS}"]] * (2 if n % 3 == 0 else 1)
        for tag, wanted in tags.items():
            allowed += all(_allows(g, source, p, tag, tags) for p in wanted for g in attached)
    return time.process_time() - begun, allowed


def _parsed(entry: Json) -> Rule:
    fields = entry["properties"]
    source, destination = fields["sourceAddressPrefix"], fields["destinationAddressPrefix"]
    source = {"*": "0.0.0.0/0", "VirtualNetwork": "10.0.0.0/8"}.get(source, source)
    where = "0.0.0.0/0" if destination == "*" else destination
    return IPv4Network(source), where if where in TAGS else IPv4Network(where), fields["access"] == "Allow"


def _allows(group: list[Rule], source: Any, prefix: Any, tag: str, tags: dict[str, list[Any]]) -> bool:
    """First match; a tag's rule goes through that tag's prefixes."""
    for origin, where, allow in group:
        ranges = tags[where] if isinstance(where, str) else [where]
        if source in origin and any(prefix.subnet_of(r) for r in ranges):
            return allow
    return False


def floor(subscription: RecordedSubscription) -> float:
    """Processor seconds that nobody gets around: JSON to dicts, every rule looked at once, a sentence a verdict.

    Every rule of every group is compared with the outermost addresses of each tag, as numbers that were worked out
    beforehand; which interface has which group is known beforehand too, and groups are not put together.
    """
    groups = [[_ends(entry) for entry in rules(g)] for g in range(GROUPS)]
    spans = {t: _span([IPv4Network(p) for p in prefixes(t)]) for t in TAGS}
    begun = time.process_time()
    for text in subscription.documents.values():
        json.loads(text)
    found = {}
    for number, group in enumerate(groups):
        for tag, (first, last) in spans.items():
            found[number, tag] = [allow for low, high, allow in group if low <= last and first <= high]
    told = [
        f"TCP 443 to {tag} from nic {n}: {'allowed' if found[n % GROUPS, tag][0] else 'denied'}"
        for n in range(INTERFACES)
        for tag in spans
    ]
    seconds = time.process_time() - begun
    assert len(told) == INTERFACES * len(TAGS)
    return seconds


def _ends(entry: Json) -> tuple[int, int, bool]:
    _, where, allow = _parsed(entry)
    first, last = _span([IPv4Network(p) for p in prefixes(where)] if isinstance(where, str) else [where])
    return first, last, allow


def _span(networks: list[IPv4Network]) -> tuple[int, int]:
    return int(networks[0].network_address), int(networks[-1].broadcast_address)


def main() -> int:
    """Measure, print and keep the figures; 0 when every target is kept."""
    # the documents that the recording is made of are gone again: the product never holds them, and the collector
    # would walk them while it is measured
    subscription = recorded(documents())
    runs, floors = [], []
    for _ in range(RUNS):
        runs.append(product(subscription))
        floors.append(floor(subscription))
    judging, reading, allowed = min(runs)
    whole = min(s + r for s, r, _ in runs)
    few, few_allowed = naive(documents())
    if (allowed, few_allowed) != (INTERFACES * len(TAGS), NAIVE * len(TAGS)):
        raise RuntimeError(f"{allowed} and {few_allowed} verdicts allow: one of the two judges wrongly")
    loop = few * INTERFACES / NAIVE
    told = (
        f"{loop:.0f} s, scaled from {NAIVE} interfaces with parsing not counted, by {whole:.2f} s from JSON to verdicts"
    )
    each = f"{judging:.2f} s and {reading:.2f} s for reading machines and interfaces before it, by {min(floors):.2f} s"
    figures = (
        Figure("judging", judging, at_most=SECONDS, unit="s", told=f"of one core, best of {RUNS}"),
        Figure("prefix by rule, beside the product", loop / whole, at_least=GAIN, told=told),
        figure_of(
            "the product, beside the floor",
            [(s + r) / f for (s, r, _), f in zip(runs, floors, strict=True)],
            at_most=BEYOND,
            told=each,
        ),
    )
    size = f"{INTERFACES:,} interfaces, {GROUPS} security groups of {RULES + 1} rules, {len(TAGS)} tags of {sum(TAGS.values())} prefixes"
    against = (
        f"{size}: the same JSON parsed, every rule of every group looked at once for each tag, a sentence a verdict"
    )
    return finish(Section("egress", against, figures, {"product": runs, "floor": floors, "prefix by rule": few}))


if __name__ == "__main__":
    sys.exit(main())
