"""What HTTP requests and the kernel's routes from inside the guest showed, stage by stage."""

from __future__ import annotations

import re
from typing import Final

from backup_compliance.guest.facts import HttpCheck, RouteDecision, Storage
from backup_compliance.guest.files import parse_configuration, parse_files
from backup_compliance.guest.output import Part, ProbeOutput
from backup_compliance.untrusted import printable
from backup_compliance.verdicts import Unreadable

SNAPSHOT_CONFIGURATION: Final = "/etc/azure/vmbackup.conf"
IN_GUEST: Final = frozenset({"onlyguest", "firstguestthenhost"})
UNUSABLE: Final = frozenset({"unreachable", "prohibit", "blackhole", "throw"})

# curl's exit statuses (curl.1, EXIT CODES) by the stage that failed.
_CURL_STAGES: Final = {
    **dict.fromkeys((5, 97), "proxy"),
    6: "name resolution",
    7: "connection",
    **dict.fromkeys((35, 51, 53, 54, 58, 59, 60, 66, 77, 80, 82, 83, 90, 91, 98), "TLS"),
    **dict.fromkeys((52, 55, 56, 16, 18, 92, 95, 96), "HTTP"),
}
_WGET_STAGES: Final = {4: "connection", 5: "TLS", 7: "HTTP"}
# The kernel answers a lookup that ends on such a route with an error only (rtnetlink.7, fib_semantics.c).
_ROUTE_ERRORS: Final = {
    "Invalid argument": "blackhole",
    "Permission denied": "prohibit",
    "No route to host": "unreachable",
}
_PROXY_REFUSED = re.compile(
    r"(?i)CONNECT tunnel|from proxy after CONNECT|Proxy tunneling failed|Tunnel connection failed"
)
_RESOLVING = re.compile(r"(?i)resolving timed out|unable to resolve|could not resolve|name resolution")
_STATUS = re.compile(r"HTTP/[\d.]+ (\d{3})")
_HEADER = re.compile(r"(?im)^\s*(server|x-ms-request-id|location)\s*:\s*(.*)$")


def parse_http_checks(output: ProbeOutput, target: str) -> tuple[HttpCheck, ...]:
    """The requests to `storage` or `host`; `Unreadable` where the guest has nothing to ask with."""
    parts = output.all("http", target)
    if not parts:
        raise Unreadable(f"the probe's output has no request to {target}", "collect again with this version's probe.sh")
    return tuple(_check(part) for part in parts)


def _check(part: Part) -> HttpCheck:
    target, path = (*part.words[1:], "", "")[:2]
    pairs = dict(
        re.findall(r"(\w+)=(\S*)", "\n".join(x for x in part.text.splitlines() if re.match(r"(tool|http)=", x)))
    )
    tool = pairs.get("tool", "none")
    if tool == "none":
        raise Unreadable(
            "the guest has no tool that can make an HTTPS request and verify it",
            "install curl, GNU wget or python3 on the guest",
        )
    exit_status = int(pairs["exit"]) if pairs.get("exit", "").isdigit() else -1
    # A proxy's own answer to CONNECT comes first; the last block of headers is the server's.
    last = part.text[m[-1].start() :] if (m := list(_STATUS.finditer(part.text))) else ""
    headers = {k.lower(): v.strip() for k, v in _HEADER.findall(last)}
    status = _status(pairs, last)
    stage = _stage(tool, exit_status, part.text, path, pairs, status)
    return HttpCheck(
        target=target,
        path=path,
        endpoint=part.words[3] if len(part.words) > 3 else "",
        tool=tool,
        exit_status=exit_status,
        stage=stage,
        detail=_detail(part.text, tool, exit_status, stage, status),
        status=status if stage == "answered" else None,
        address=pairs.get("ip") or _connected_address(part.text),
        server=_clean(headers.get("server")),
        request_id=_clean(headers.get("x-ms-request-id")),
        location=_clean(headers.get("location")),
    )


def _clean(value: str | None) -> str | None:
    return printable(value, 120) if value else None


def _status(pairs: dict[str, str], last: str) -> int | None:
    status = pairs.get("http", "")
    if not status.isdigit() or status == "000":
        status = found.group(1) if (found := _STATUS.search(last)) else ""
    return int(status) if status.isdigit() and int(status) else None


def _stage(tool: str, exit_status: int, text: str, path: str, pairs: dict[str, str], status: int | None) -> str:
    if exit_status == 0 or (tool == "wget" and exit_status in (6, 8) and status):
        return "answered" if status else "HTTP"
    if path == "proxy" and _PROXY_REFUSED.search(text):
        return "proxy"
    if _RESOLVING.search(text):
        return "name resolution"
    if tool == "wget" and exit_status in _WGET_STAGES:
        return "TLS" if "verify" in text and "certificate" in text else _WGET_STAGES[exit_status]
    stage = _CURL_STAGES.get(exit_status)
    if stage is None:  # timed out: the stage is the one it never finished
        connected, secured = (float(pairs.get(k) or 0) > 0 for k in ("tcp", "tls"))
        stage = "HTTP" if secured else "TLS" if connected else "connection"
    return "proxy" if path == "proxy" and stage == "connection" else stage


def _detail(text: str, tool: str, exit_status: int, stage: str, status: int | None) -> str:
    if stage == "answered":
        return f"HTTP {status}"
    told = [
        x
        for x in text.splitlines()
        if x.startswith(("curl:", "wget:")) or re.search(r"(?i)error|failed|refused|timed out|resolve", x)
    ]
    issuer = re.search(r"issuer: *(.*)", text)
    said = printable(told[-1] if told else "", 200) or (
        f"timed out ({tool})" if exit_status in (28, 124, 143) else f"{tool} exit status {exit_status}"
    )
    return f"{said}; certificate issued by {printable(issuer.group(1), 100)}" if issuer else said


def _connected_address(text: str) -> str | None:
    found = re.search(r"Connecting to \S+ \([^)]*\)\|([\d.]+)\|", text) or re.search(r"Connecting to ([\d.]+):", text)
    return found.group(1) if found else None


def parse_storage(output: ProbeOutput) -> Storage:
    """The requests to Azure Storage and how the snapshot is asked for."""
    endpoints = output.one("endpoints").pairs()
    if not output.all("http", "storage"):
        raise Unreadable(
            "no storage endpoint to try: the VM's goal state names none and the baseline has none for this cloud",
            "name one of your own accounts in thresholds.storage_endpoints of a baseline file",
        )
    method = _snapshot_method(output)
    return Storage(
        origin=endpoints.get("origin", ""),
        checks=parse_http_checks(output, "storage"),
        snapshot_starts_in_guest=(method or "").lower() in IN_GUEST,
        snapshot_method=method,
    )


def _snapshot_method(output: ProbeOutput) -> str | None:
    """`SnapshotMethod` of the extension's own configuration file; None where it is not set."""
    state = parse_files(output).state(SNAPSHOT_CONFIGURATION)
    if state not in ("absent", "readable"):
        raise Unreadable(f"{SNAPSHOT_CONFIGURATION} is {state}", "read the guest as root")
    for line in parse_configuration(output).get(SNAPSHOT_CONFIGURATION, []):
        key, _, value = line.partition("=")
        if key.strip().lower() == "snapshotmethod":
            return printable(value, 40)
    return None


def parse_routes(output: ProbeOutput) -> tuple[RouteDecision, ...]:
    """The kernel's decisions, from `ip route get`, or from /proc/net/route on guests without `ip`."""
    found = []
    for part in output.all("route"):
        destination, address = (*part.words[1:], "", "")[:2]
        lines = [printable(x) for x in part.text.splitlines()[1:] if x.strip()]
        exit_status = part.pairs().get("exit", "")
        if not exit_status.isdigit():
            raise Unreadable(
                f"the routing decision for {printable(address, 60)} was not read", "run `ip route get` on the guest"
            )
        if exit_status == "127":
            found.append(_table_decision(destination, address, output.one("routes").text))
            continue
        first = lines[0] if lines else f"ip route get: exit status {exit_status}"
        first += next((f" ({kind} route)" for errno, kind in _ROUTE_ERRORS.items() if errno in first), "")
        usable = exit_status == "0" and bool(lines) and first.split(" ")[0] not in UNUSABLE
        found.append(RouteDecision(destination, address, first, usable))
    if not found:
        raise Unreadable("the probe's output has no routing decision", "collect again with this version's probe.sh")
    return tuple(found)


def _table_decision(destination: str, address: str, table: str) -> RouteDecision:
    """Longest prefix match over the kernel's table; RTF_REJECT (0x200) marks unreachable routes."""
    try:
        target = int.from_bytes(bytes(int(b) for b in address.split(".")), "little")
        rows = [line.split() for line in table.splitlines()[1:] if line.strip()]
        routes = [(int(r[7], 16), int(r[6]), int(r[3], 16), r) for r in rows if target & int(r[7], 16) == int(r[1], 16)]
    except (ValueError, IndexError, OverflowError) as error:
        raise Unreadable("/proc/net/route is not readable as a routing table") from error
    if not routes:
        return RouteDecision(destination, address, "no route in /proc/net/route", usable=False)
    mask, _, flags, row = max(routes, key=lambda r: (r[0].bit_count(), -r[1]))
    return RouteDecision(
        destination, address, f"/proc/net/route: {' '.join(row[:4])} /{mask.bit_count()}", usable=not flags & 0x200
    )
