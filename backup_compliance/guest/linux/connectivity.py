"""What HTTP requests from inside the guest showed, stage by stage."""

from __future__ import annotations

import re
from typing import Final

from backup_compliance.guest.facts import IN_GUEST, NO_ENDPOINT, AgentWay, HttpCheck, Proxy, Storage
from backup_compliance.guest.linux.files import parse_configuration, parse_files
from backup_compliance.guest.linux.proxy import read_proxy, way_to
from backup_compliance.guest.probe_output import RECOLLECT_WITH_THIS_PROBE, Part, ProbeOutput
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import NotAsked, Unreadable

SNAPSHOT_CONFIGURATION: Final = "/etc/azure/vmbackup.conf"

# curl's exit statuses (curl.1, EXIT CODES) by the stage that failed.
_CURL_STAGES: Final = {
    **dict.fromkeys((5, 97), "proxy"),
    6: "name resolution",
    7: "connection",
    **dict.fromkeys((35, 51, 53, 54, 58, 59, 60, 66, 77, 80, 82, 83, 90, 91, 98), "TLS"),
    **dict.fromkeys((52, 55, 56, 16, 18, 92, 95, 96), "HTTP"),
}
# Exit statuses that say nothing about the network: the tool was not started, took offence at its
# arguments, or was built without TLS (wget.1, EXIT STATUS; POSIX sh).
_UNABLE: Final = {
    "curl": frozenset({-1, 1, 2, 3, 4, 126, 127}),
    "wget": frozenset({-1, 1, 2, 3, 126, 127}),
    "python3": frozenset({-1, 1, 2, 126, 127}),
}
_RESOLVING = re.compile(r"(?i)resolving timed out|unable to resolve|could not resolve|name resolution")
NEWLINE: Final = "\n"
_TOOL = re.compile(r"tool=(curl|wget|python3|none) exit=([0-9]{0,3})(?=\s|$)")
_NUMBERS = re.compile(
    r"http=[0-9]{3}(?: (?:connect=[0-9]{3}|ip=[0-9A-Fa-f.:]{0,45}|tcp=[0-9.]{1,12}|tls=[0-9.]{1,12}))*[ \t\r]*"
)
_ENDPOINT = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?")
_WAY = re.compile(r"|direct|unusable|[A-Za-z0-9._-]{1,253}:[0-9]{1,5}")
_STATUS = re.compile(r"HTTP/[0-9.]+ ([0-9]{3})")
_HEADER = re.compile(r"(?im)^[ \t]*(server|x-ms-request-id|location)[ \t]*:[ \t]*(.*)$")
_CHECK_LIMIT: Final = 8192
"""Characters of one request's part that are looked at; the probe sends 3,000."""


def parse_http_checks(output: ProbeOutput, target: str) -> tuple[HttpCheck, ...]:
    """The requests to `storage` or `host`; `Unreadable` where the guest has nothing to ask with."""
    parts = output.all("http", target)
    if not parts:
        raise Unreadable(f"the probe's output has no request to {target}", RECOLLECT_WITH_THIS_PROBE)
    known = {"storage": ("direct", "proxy"), "host": ("80", "32526")}[target]
    told = [part.words[2:4] for part in parts]
    twice = next((words for words in told if told.count(words) > 1 or not words or words[0] not in known), None)
    if twice is not None:
        raise Unreadable(
            f"the request {printable(' '.join(twice), 80)!r} to {target} is told twice, or is none",
            RECOLLECT_WITH_THIS_PROBE,
        )
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
    if exit_status == 0 and status is None:
        raise Unreadable(f"{tool} succeeded by its exit status, and no answer is told", RECOLLECT_WITH_THIS_PROBE)
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
    found = _TOOL.match(text)
    if found is None:
        raise Unreadable(
            f"a request does not say what made it: {printable(text.partition(NEWLINE)[0], 80)!r}",
            RECOLLECT_WITH_THIS_PROBE,
        )
    tool = found.group(1)
    if tool == "none":
        raise Unreadable(
            "the guest has no tool that can make an HTTPS request and verify it",
            "install curl, GNU wget or python3 on the guest",
        )
    exit_status = int(found.group(2)) if found.group(2) else -1
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
    if said and not _NUMBERS.fullmatch(said[-1]):
        raise Unreadable(f"a request's numbers cannot be read: {printable(said[-1], 120)!r}", RECOLLECT_WITH_THIS_PROBE)
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
        return "answered"
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
    told = _endpoints(part, output.revision)
    if not output.all("http", "storage"):
        raise Unreadable(*NO_ENDPOINT)
    checks = parse_http_checks(output, "storage")
    tried = {c.endpoint for c in checks if c.path == "direct"}
    untried = [x for x in told if printable(x, 260) not in tried]
    if untried:
        raise Unreadable(
            f"the probe's output has no request to {printable(untried[0], 80)}",
            RECOLLECT_WITH_THIS_PROBE,
        )
    missing = next((n for n, way in told.items() if ":" in way and not output.all("http", "storage", "proxy", n)), None)
    if missing:
        raise Unreadable(
            f"the agent asks for {printable(missing, 80)} by its proxy, and the probe's output does not",
            RECOLLECT_WITH_THIS_PROBE,
        )
    try:
        proxy = read_proxy(output)
    except NotAsked:  # an old recording without the agent's configuration: its way is not known
        proxy = None
    ways = {e: _way(proxy, e, told.get(e, "")) for e in sorted(tried)} if proxy else {}
    channel = part.pairs().get("channel")
    method = _snapshot_method(output)
    return Storage(
        origin=part.pairs().get("origin", ""),
        checks=checks,
        snapshot_starts_in_guest=(method or "").lower() in IN_GUEST,
        snapshot_method=method,
        ways=ways,
        extension_proxy=proxy.extension_proxy if proxy else None,
        agent_channel=channel and printable(channel, 40),
    )


def _endpoints(part: Part, revision: int) -> dict[str, str]:
    """Each storage endpoint that was asked, and the agent's way to it as the probe says; empty before revision 2."""
    found = {}
    for line in (x for x in part.lines() if x.strip() and not x.startswith(("origin=", "channel="))):
        words = line.split(" ")
        if not _ENDPOINT.fullmatch(words[0]) or len(words) != (2 if revision >= 2 else 1):
            raise part.damaged(line)
        found[words[0]] = words[-1] if revision >= 2 else ""
        if not _WAY.fullmatch(found[words[0]]):
            raise part.damaged(line)
    return found


def _way(proxy: Proxy, endpoint: str, told: str) -> AgentWay:
    """The agent's way by its settings; the probe's word goes before what is left of the settings in its output."""
    way = way_to(proxy, endpoint)
    if told in ("", way.proxy or "direct") or (told == "unusable" and not way.is_usable):
        return way
    if told == "direct":
        return AgentWay(None, "as the probe found it")
    return AgentWay(told, "as the probe found it", is_usable=told != "unusable")


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
