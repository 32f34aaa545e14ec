"""What stands between a guest and Azure: names, packets, certificates, routes, the host address."""

from __future__ import annotations

from typing import Final

from selftests.lab.places import BLOB_HOST, HIJACKER, HOST_ADDRESS, STORAGE
from selftests.lab.table import C, Case, Fault, N, U, case

_UNRESOLVED: Final = ("104", U, "no storage endpoint resolves")
NO_GOAL_STATE: Final = ("207", N, "the newest release known")
"""Without the host address nobody says which agent the platform wants; Debian's is older than the newest release."""


def _obstacle(name: str, obstacle: str) -> Fault:
    return Fault(name, obstacle=obstacle)


DNS_REFUSED: Final = _obstacle("DNS refuses", "dns_refused")
DNS_DROPPED: Final = _obstacle("DNS dropped", "dns_dropped")
DNS_LIES: Final = _obstacle("DNS lies", "dns_lies")
RESET: Final = _obstacle("TCP reset", "tcp_reset")
PROHIBITED: Final = _obstacle("ICMP prohibited", "prohibited")
DROPPED: Final = _obstacle("TCP 443 dropped", "dropped")
STALLED: Final = _obstacle("dropped after the handshake", "dropped_after_connect")
INTERCEPTED: Final = _obstacle("TLS intercepted by another CA", "intercepted")
CAPTIVE: Final = _obstacle("captive portal", "captive")
PROXY_ONLY: Final = _obstacle("only the proxy may go out", "proxy_only")
HOST_DROPPED: Final = _obstacle("host address dropped", "host_dropped")
PLUGIN_DROPPED: Final = _obstacle("host plugin's port dropped", "plugin_dropped")
PLUGIN_STRANGE: Final = _obstacle("somebody else answers on 32526", "plugin_strange")


def _route(kind: str, destination: str) -> Fault:
    where = "storage" if destination == STORAGE else "the host address"
    before = "" if destination == STORAGE else f"ip route del {destination}; "
    after = "" if destination == STORAGE else f"; ip route add {destination} via 10.77.0.1 dev eth0"
    return Fault(
        f"{kind} route to {where}",
        f"{before}ip route add {kind} {destination}",
        f"ip route del {kind} {destination}{after}",
    )


FIREWALL: Final = Fault(
    "guest firewall drops the host address",
    "nft add table ip lab && nft 'add chain ip lab out { type filter hook output priority 0; }' && "
    f"nft 'add rule ip lab out ip daddr {HOST_ADDRESS} tcp dport {{ 80, 32526 }} drop'",
    "nft delete table ip lab",
)
NO_DEFAULT: Final = Fault("no default route", "ip route del default", "ip route add default via 10.77.0.1 dev eth0")


def _ways(guest: str, *faults: Fault) -> list[Case]:
    """What every tool must tell of the same obstacles: stage by stage."""
    said: dict[Fault, tuple[tuple[str, str, str], ...]] = {}
    for fault, words in (
        (DNS_REFUSED, f"{BLOB_HOST} does not resolve"),
        (DNS_DROPPED, f"{BLOB_HOST} does not resolve"),
        (DNS_LIES, f"leads to the private address {HIJACKER}"),
        (RESET, f"TCP to {BLOB_HOST}"),
        (PROHIBITED, f"TCP to {BLOB_HOST}"),
        (DROPPED, f"TCP to {BLOB_HOST}"),
        (STALLED, f"TLS to {BLOB_HOST}"),
        (INTERCEPTED, f"TLS to {BLOB_HOST}"),
        (CAPTIVE, "captive portal"),
        (PROXY_ONLY, f"TCP to {BLOB_HOST}"),
    ):
        more = (_UNRESOLVED,) if fault in (DNS_REFUSED, DNS_DROPPED) else ()
        said[fault] = (("101", N, words), *more)
    said[HOST_DROPPED] = (("103", N, "does not answer on TCP 80"), NO_GOAL_STATE)
    said[PLUGIN_DROPPED] = (("103", N, "does not answer on TCP 32526"),)
    said[PLUGIN_STRANGE] = (("103", N, "TCP 32526, not 200"),)
    return [case(guest, fault, *said[fault]) for fault in faults]


def _dead_end(guest: str, kind: str) -> Case:
    fault = _route(kind, STORAGE)
    return case(guest, fault, ("101", N, "TCP to"), ("104", N, kind))


CASES: Final = (
    *_ways("plain1", DNS_REFUSED, DNS_LIES, RESET, INTERCEPTED, HOST_DROPPED),
    *_ways("plain2", DNS_DROPPED, PROHIBITED, DROPPED, CAPTIVE, PLUGIN_DROPPED),
    *_ways("plain3", STALLED, PROXY_ONLY, PLUGIN_STRANGE),
    *_ways("wget1", DNS_REFUSED, RESET, INTERCEPTED, STALLED, HOST_DROPPED),
    *_ways("wget2", DNS_DROPPED, DNS_LIES, PROHIBITED, DROPPED, CAPTIVE),
    *_ways("python1", DNS_REFUSED, RESET, INTERCEPTED, STALLED, HOST_DROPPED),
    *_ways("python2", DNS_DROPPED, DNS_LIES, PROHIBITED, DROPPED, CAPTIVE),
    *_ways("busybox", DNS_DROPPED, INTERCEPTED),
    *_ways("mksh", DROPPED, CAPTIVE),
    *_ways("sysvinit", DROPPED, HOST_DROPPED),
    _dead_end("plain3", "blackhole"),
    _dead_end("plain4", "unreachable"),
    _dead_end("plain5", "prohibit"),
    case(
        "plain6",
        _route("blackhole", HOST_ADDRESS),
        ("101", N, "does not resolve"),  # the host address is the resolver, too
        ("103", N, "does not answer on TCP 80"),
        ("104", N, "blackhole"),
        NO_GOAL_STATE,
    ),
    case("networkd", FIREWALL, ("103", N, "does not answer on TCP 80"), NO_GOAL_STATE),
    case(
        "dhclient",
        NO_DEFAULT,
        ("101", N, "TCP to"),
        ("104", N, "unreachable"),
        ("404", "error", "no default route"),
        ("405", "error", "no default route"),
    ),
    case("plain4", Fault("nothing, after all that", "true"), ("101", C), ("103", C), ("104", C)),
)
