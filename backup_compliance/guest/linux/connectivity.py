"""What HTTP requests and the kernel's routes from inside the guest showed, stage by stage."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from typing import Final

from backup_compliance.guest.facts import IN_GUEST, NO_ENDPOINT, HttpCheck, RouteDecision, Storage
from backup_compliance.guest.linux.files import parse_configuration, parse_files
from backup_compliance.guest.probe_output import Part, ProbeOutput
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

SNAPSHOT_CONFIGURATION: Final = "/etc/azure/vmbackup.conf"

# curl's exit statuses (curl.1, EXIT CODES) by the stage that failed.
_CURL_STAGES: Final = {
    **dict.fromkeys((5, 97), "proxy"),
    6: "name resolution",
    7: "connection",
    **dict.fromkeys((35, 51, 53, 54, 58, 59, 60, 66, 77, 80, 82, 83, 90, 91, 98), "TLS"),
    **dict.fromkeys((52, 55, 56, 16, 18, 92, 95, 96), "HTTP"),
}
# The kernel answers a lookup that ends on such a route with an error only (rtnetlink.7, fib_semantics.c).
# `local` leads back to the VM itself: neither storage nor the host is there
UNUSABLE: Final = frozenset({"unreachable", "prohibit", "blackhole", "throw", "local"})
_ROUTE_ERRORS: Final = {
    "Invalid argument": "blackhole",
    "Permission denied": "prohibit",
    "No route to host": "unreachable",
}
# Exit statuses that say nothing about the network: the tool was not started, took offence at its
# arguments, or was built without TLS (wget.1, EXIT STATUS; POSIX sh).
_UNABLE: Final = {
    "curl": frozenset({-1, 1, 2, 3, 4, 126, 127}),
    "wget": frozenset({-1, 1, 2, 3, 126, 127}),
    "python3": frozenset({-1, 1, 2, 126, 127}),
}
_RESOLVING = re.compile(r"(?i)resolving timed out|unable to resolve|could not resolve|name resolution")
_STATUS = re.compile(r"HTTP/[0-9.]+ ([0-9]{3})")
_HEADER = re.compile(r"(?im)^[ \t]*(server|x-ms-request-id|location)[ \t]*:[ \t]*(.*)$")
_CHECK_LIMIT: Final = 8192
"""Characters of one request's part that are looked at; the probe sends 3,000."""


def parse_http_checks(output: ProbeOutput, target: str) -> tuple[HttpCheck, ...]:
    """The requests to `storage` or `host`; `Unreadable` where the guest has nothing to ask with."""
    parts = output.all("http", target)
    if not parts:
        raise Unreadable(f"the probe's output has no request to {target}", "collect again with this version's probe.sh")
    return tuple(_check(part) for part in parts)


def _check(part: Part) -> HttpCheck:
    target, path = (*part.words[1:], "", "")[:2]
    text = part.text[:_CHECK_LIMIT]
    tool, exit_status = _tool(text)
    numbers = {} if tool == "wget" else _numbers(text)
    answer = _answer(text, tool)
    # The first of a name counts: wget repeats Location in words of its own.
    headers = {k.lower(): v.strip() for k, v in reversed(_HEADER.findall(answer))}
    status = _status(numbers, answer, tool)
    stage = _stage(tool, exit_status, text, target, path, numbers, status)
    return HttpCheck(
        target=target,
        path=path,
        endpoint=printable(part.words[3], 260) if len(part.words) > 3 else "",
        tool=tool,
        exit_status=exit_status,
        stage=stage,
        detail=_detail(text, tool, exit_status, stage, status),
        status=status if stage == "answered" else None,
        # Behind a proxy only the proxy's own address is known here.
        address=None if path == "proxy" else numbers.get("ip") or _connected_address(text),
        server=_clean(headers.get("server")),
        request_id=_clean(headers.get("x-ms-request-id")),
        location=_clean(headers.get("location")),
    )


def _tool(text: str) -> tuple[str, int]:
    """The tool and its exit status, from the first line only: the lines after it are a server's."""
    found = re.match(r"tool=(curl|wget|python3|none) exit=(?:([0-9]{1,3})\b)?", text)
    tool = found.group(1) if found else "none"
    if tool == "none":
        raise Unreadable(
            "the guest has no tool that can make an HTTPS request and verify it",
            "install curl, GNU wget or python3 on the guest",
        )
    exit_status = int(found.group(2)) if found and found.group(2) else -1
    if exit_status in _UNABLE[tool]:
        said = printable(text.partition("\n")[2], 200) or "it said nothing"
        raise Unreadable(
            f"{tool} on the guest cannot make the request (exit status {exit_status}): {said}",
            "repair it, or install curl, GNU wget or python3 with TLS on the guest",
        )
    return tool, exit_status


def _numbers(text: str) -> dict[str, str]:
    """What curl (and the probe's Python) says last; a server's own header cannot come after it."""
    said = [x for x in text.split("\n") if x.startswith("http=")]
    return dict(re.findall(r"\b(http|connect|ip|tcp|tls)=([0-9A-Fa-f.:]+)(?!\S)", said[-1])) if said else {}


def _answer(text: str, tool: str) -> str:
    """The headers that count: curl shows a proxy's answer to CONNECT before the server's, wget follows redirects."""
    found = [m.start() for m in _STATUS.finditer(text)]
    if not found:
        return ""
    return text[found[0] : found[1] if len(found) > 1 else None] if tool == "wget" else text[found[-1] :]


def _clean(value: str | None) -> str | None:
    return printable(value, 120) if value else None


def _status(numbers: dict[str, str], answer: str, tool: str) -> int | None:
    found = _STATUS.match(answer) if tool == "wget" else re.fullmatch(r"([1-9][0-9]{2})", numbers.get("http", ""))
    return int(found.group(1)) if found else None


def _stage(
    tool: str, exit_status: int, text: str, target: str, path: str, numbers: dict[str, str], status: int | None
) -> str:
    # wget's exit status is that of the last redirect; the first answer is the endpoint's.
    if exit_status == 0 or (tool == "wget" and status):
        return "answered" if status else "HTTP"
    if path == "proxy":
        return _proxied_stage(tool, exit_status, numbers)
    if _RESOLVING.search(text):
        return "name resolution"
    plain = target == "host"
    if tool == "wget":
        if exit_status == 5:
            return "TLS"
        connected, secured = "connected." in text, "request sent" in text or exit_status == 7
    else:
        stage = _CURL_STAGES.get(exit_status)
        if stage is not None:
            return stage
        # Timed out: the stage is the one it never finished. curl tells no times then, but the address.
        secured = _positive(numbers.get("tls"))
        connected = secured or _positive(numbers.get("tcp")) or "ip" in numbers
    if not connected:
        return "connection"
    return "HTTP" if secured or plain else "TLS"


def _proxied_stage(tool: str, exit_status: int, numbers: dict[str, str]) -> str:
    """Behind a proxy: the proxy's own fault, unless the tunnel stood; only curl tells that for sure."""
    if tool == "curl":
        if not numbers.get("connect", "").startswith("2"):
            return "proxy"
        return _CURL_STAGES.get(exit_status) or ("HTTP" if _positive(numbers.get("tls")) else "TLS")
    verified_not = exit_status == 5 if tool == "wget" else exit_status in (35, 60)
    return "TLS" if verified_not else "proxy"


def _positive(number: str | None) -> bool:
    """Whether a time that curl tells is more than 0.000000."""
    return number is not None and re.search("[1-9]", number) is not None


def _detail(text: str, tool: str, exit_status: int, stage: str, status: int | None) -> str:
    if stage == "answered":
        return f"HTTP {status}"
    told = [
        x
        for x in text.split("\n")[1:]
        if x.startswith(("curl: (", "wget:"))
        or (not x.startswith("curl") and re.search(r"(?i)err(or|no)|failed|refused|timed out|resolve", x))
    ]
    issuer = re.search(r"issuer: *(.*)", text)
    said = printable(told[-1] if told else "", 200) or (
        f"timed out ({tool})" if exit_status in (28, 124, 143) else f"{tool} exit status {exit_status}"
    )
    return f"{said}; certificate issued by {printable(issuer.group(1), 100)}" if issuer else said


def _connected_address(text: str) -> str | None:
    found = re.search(r"Connecting to \S+ \([^)]*\)\|([0-9.]+)\|", text) or re.search(r"Connecting to ([0-9.]+):", text)
    return found.group(1) if found else None


def parse_storage(output: ProbeOutput) -> Storage:
    """The requests to Azure Storage and how the snapshot is asked for."""
    part = output.one("endpoints")
    if not output.all("http", "storage"):
        raise Unreadable(*NO_ENDPOINT)
    checks = parse_http_checks(output, "storage")
    tried = {c.endpoint for c in checks if c.path == "direct"}
    untried = [x for x in part.text.split() if "=" not in x and printable(x, 260) not in tried]
    if untried:
        raise Unreadable(
            f"the probe's output has no request to {printable(untried[0], 80)}",
            "collect again with this version's probe.sh",
        )
    method = _snapshot_method(output)
    return Storage(
        origin=part.pairs().get("origin", ""),
        checks=checks,
        snapshot_starts_in_guest=(method or "").lower() in IN_GUEST,
        snapshot_method=method,
    )


def _snapshot_method(output: ProbeOutput) -> str | None:
    """`SnapshotMethod` of the extension's own configuration file; None where it is not set."""
    state = parse_files(output).state(SNAPSHOT_CONFIGURATION)
    if state not in ("absent", "readable"):
        raise Unreadable(f"{SNAPSHOT_CONFIGURATION} is {state}", "read the guest as root")
    for line in parse_configuration(output).get(SNAPSHOT_CONFIGURATION, []):
        # The extension reads it with ConfigParser, which takes both delimiters and any case.
        if match := re.match(r"(?i)[ \t]*snapshotmethod[ \t]*[=:](.*)", line):
            return printable(match.group(1), 40)
    return None


def parse_routes(output: ProbeOutput) -> tuple[RouteDecision, ...]:
    """The kernel's decisions, from `ip route get`, or from /proc/net/route on guests without `ip`."""
    found = []
    for part in output.all("route"):
        destination, address = (*part.words[1:], "", "")[:2]
        lines = [printable(x) for x in part.lines()[1:] if x.strip()]
        exit_status = part.pairs().get("exit", "")
        if exit_status == "127":
            found.append(_table_decision(destination, address, output.one("routes").text))
            continue
        refused = exit_status == "2" or any(x.startswith(("RTNETLINK answers", "ip: RTNETLINK")) for x in lines)
        if not refused and (exit_status != "0" or not lines):
            raise Unreadable(
                f"ip route get {printable(address, 40)} told no decision (exit status {printable(exit_status, 10)})",
                "run it on the guest",
            )
        first = lines[0] if lines else f"ip route get: exit status {exit_status}"
        first += next((f" ({kind} route)" for errno, kind in _ROUTE_ERRORS.items() if errno in first), "")
        usable = not refused and first.split(" ")[0] not in UNUSABLE
        found.append(RouteDecision(destination, address, first, usable))
    if not found:
        raise Unreadable("the probe's output has no routing decision", "collect again with this version's probe.sh")
    return tuple(found)


def _table_decision(destination: str, address: str, table: str) -> RouteDecision:
    """Longest prefix match over the kernel's table; RTF_REJECT (0x200) marks unreachable routes."""
    heading, *lines = table.split("\n")
    if not heading.startswith("Iface"):
        raise Unreadable("/proc/net/route was not read", "check /proc on the guest")
    try:
        target = int.from_bytes(IPv4Address(address).packed, "little")
        rows = [line.split() for line in lines if line.strip()]
        routes = [(int(r[7], 16), int(r[6]), int(r[3], 16), r) for r in rows if target & int(r[7], 16) == int(r[1], 16)]
    except (ValueError, IndexError, OverflowError) as error:
        raise Unreadable("/proc/net/route is not readable as a routing table") from error
    if not routes:
        return RouteDecision(destination, address, "no route in /proc/net/route", usable=False)
    mask, _, flags, row = max(routes, key=lambda r: (r[0].bit_count(), -r[1]))
    return RouteDecision(
        destination, address, f"/proc/net/route: {' '.join(row[:4])} /{mask.bit_count()}", usable=not flags & 0x200
    )
