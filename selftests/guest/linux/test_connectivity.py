"""What curl, GNU wget and python3 print about one request, and what the kernel says about routes.

The texts have the shapes that curl 7.88, wget 1.21 and Python 3.11 printed through the probe against
servers on loopback: Azure's answer, redirects, certificates nobody trusts, servers that hang, close or refuse.
"""

from __future__ import annotations

import contextlib
import time

import pytest

from backup_compliance.guest.facts import HttpCheck
from backup_compliance.guest.linux.connectivity import parse_http_checks, parse_storage
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.linux.routes import parse_routes
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.model.verdicts import Unreadable
from selftests.builders.recordings import ANSWERED, DROPPED, ENDPOINT, HOST_ANSWERED, REFUSED, Recording, http, ubuntu

GUEST = ubuntu()
DIRECT = f"http storage direct {ENDPOINT}"
PROXY = f"http storage proxy {ENDPOINT}"
ROUTE = f"route {ENDPOINT} 20.60.88.4"
NO_TIMES = "tcp=0.000000 tls=0.000000"
CONNECTED = f"Connecting to {ENDPOINT} ({ENDPOINT})|20.60.88.4|:443... connected."
TO_PROXY = "Connecting to 10.20.0.250:3128... connected."
BLOB = (
    "HTTP/1.1 400 Value for one of the query parameters",
    "Server: Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
    "x-ms-request-id: 5f0d6a1e-001e-0042-7a5b-5da11ab1e000",
)
FOUND = ("HTTP/1.1 302 Found", "Server: portal", "Location: https://login.portal.example/start")
TUNNEL = ("HTTP/1.1 200 Connection established", "Server: squid", "x-ms-request-id: forged", "Via: 1.1 squid")


def indented(*lines: str) -> tuple[str, ...]:
    """Headers as wget prints them."""
    return tuple(f"  {line}" for line in lines)


def read(guest: Recording) -> ProbeOutput:
    """The recording as the parsers get it."""
    return parse_output(guest.output())


def check(text: str, heading: str = DIRECT) -> HttpCheck:
    """The one request of a guest."""
    guest = GUEST.without(DIRECT, "http host 80", "http host 32526").put(heading, text)
    (found,) = parse_http_checks(read(guest), heading.split(" ")[1])
    return found


AZURE = {
    "curl": ANSWERED,
    "curl, 403": http("HTTP/1.1 403 Forbidden", *BLOB[1:], "http=403 connect=000 ip=20.60.88.4 tcp=0.1 tls=0.2"),
    "curl, HTTP/2": http("HTTP/2 400 ", *(x.lower() for x in BLOB[1:]), "http=400 connect=000 ip=20.60.88.4 tcp=0.1 tls=0.2"),
    "curl, CRLF": http(*(f"{x}\r" for x in BLOB), "http=400 connect=000 ip=20.60.88.4 tcp=0.1 tls=0.2"),
    "curl, a request id only": http(BLOB[0], BLOB[2], "http=400 connect=000 ip=20.60.88.4 tcp=0.1 tls=0.2"),
    "curl, a server only": http(BLOB[0], BLOB[1], "http=400 connect=000 ip=20.60.88.4 tcp=0.1 tls=0.2"),
    "wget": http(CONNECTED, *indented(*BLOB), tool="wget", exit_status=8),
    "wget, 401": http(CONNECTED, *indented("HTTP/1.1 401 No", *BLOB[1:]), tool="wget", exit_status=6),
    "python3": http(*BLOB, "http=400", tool="python3"),
}  # fmt: skip


@pytest.mark.parametrize("text", AZURE.values(), ids=AZURE.keys())
def test_answer_of_azure_storage_is_known_whatever_its_status(text: str) -> None:
    """An anonymous request is refused by Azure Storage itself, and that proves the way to it."""
    found = check(text)
    assert found.is_azure_storage
    assert (found.stage, found.endpoint, found.path) == ("answered", ENDPOINT, "direct")
    assert found.status is not None
    assert found.detail == f"HTTP {found.status}"


THROUGH = {
    "curl": http(*TUNNEL, *BLOB, "http=400 connect=200 ip=10.20.0.250 tcp=0.1 tls=0.2"),
    "wget": http(TO_PROXY, *indented(*BLOB), tool="wget", exit_status=8),
    "python3": http(*BLOB, "http=400", tool="python3"),
}


@pytest.mark.parametrize("text", THROUGH.values(), ids=THROUGH.keys())
def test_answer_through_a_proxy_is_the_servers_not_the_proxys(text: str) -> None:
    """The proxy's address says nothing about the endpoint, its headers neither."""
    found = check(text, PROXY)
    assert found.is_azure_storage
    assert (found.path, found.status, found.address) == ("proxy", 400, None)
    assert found.request_id is not None
    assert found.request_id.startswith("5f0d6a1e")


STRANGERS = {
    "a portal's page": http("HTTP/1.1 200 OK", "Server: nginx", "http=200 connect=000 ip=10.0.0.1 tcp=0.1 tls=0.2"),
    "no header at all": http("HTTP/1.1 200 OK", "http=200 connect=000 ip=10.0.0.1 tcp=0.1 tls=0.2"),
    "a portal's redirect, curl": http(*FOUND, "http=302 connect=000 ip=10.0.0.1 tcp=0.1 tls=0.2"),
    "a portal's redirect, python3": http(*FOUND, "http=302", tool="python3"),
    "a portal's redirect, wget": http(
        CONNECTED, *indented(*FOUND), f"{FOUND[2]} [following]",
        "Connecting to login.portal.example (login.portal.example)|10.0.0.1|:443... connected.",
        *indented("HTTP/1.1 200 OK", "Server: nginx"), tool="wget",
    ),
    "a portal's redirect to pages on Azure, wget": http(
        CONNECTED, *indented(*FOUND), f"{FOUND[2]} [following]", CONNECTED, *indented(*BLOB), tool="wget", exit_status=8
    ),
    "a portal's redirect to nowhere, wget": http(
        CONNECTED, *indented(*FOUND), f"{FOUND[2]} [following]",
        "Connecting to login.portal.example (login.portal.example)|10.0.0.1|:443... failed: Connection refused.",
        tool="wget", exit_status=4,
    ),
    "an empty request id": http(
        "HTTP/1.1 200 OK", "Server:", "x-ms-request-id:", "http=200 connect=000 ip=10.0.0.1 tcp=0.1 tls=0.2"
    ),
    "a proxy's headers before a stranger's": http(
        *TUNNEL, "HTTP/1.1 200 OK", "Server: nginx", "http=200 connect=200 ip=10.20.0.250 tcp=0.1 tls=0.2"
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", STRANGERS.values(), ids=STRANGERS.keys())
def test_answer_of_somebody_else_is_not_azures(text: str) -> None:
    """Captive portals, filters and proxies answer too; the first answer is the endpoint's."""
    found = check(text)
    assert found.stage == "answered"
    assert not found.is_azure_storage


@pytest.mark.parametrize("name", [x for x in STRANGERS if "redirect" in x])
def test_redirect_is_told(name: str) -> None:
    """Where a portal leads to tells whose it is."""
    found = check(STRANGERS[name])
    assert (found.status, found.server, found.location) == (302, "portal", "https://login.portal.example/start")


STAGES = {
    "curl 6": ("name resolution", http(f"curl: (6) Could not resolve host: {ENDPOINT}", f"http=000 connect=000 ip= {NO_TIMES}", exit_status=6)),
    "curl 28 resolving": ("name resolution", http("curl: (28) Resolving timed out after 8001 milliseconds", f"http=000 connect=000 ip= {NO_TIMES}", exit_status=28)),
    "curl 7": ("connection", REFUSED),
    "curl 28 dropped": ("connection", DROPPED),
    "curl 28, TLS hangs": ("TLS", http("curl: (28) Connection timed out after 8000 milliseconds", f"http=000 connect=000 ip=20.60.88.4 {NO_TIMES}", exit_status=28)),
    "curl 28, TLS hangs, older": ("TLS", http("curl: (28) SSL connection timeout", "http=000 connect=000 ip=20.60.88.4 tcp=0.003 tls=0.000", exit_status=28)),
    "curl 28, HTTP hangs": ("HTTP", http("curl: (28) Operation timed out after 8001 milliseconds with 0 bytes received", "http=000 connect=000 ip=20.60.88.4 tcp=0.002072 tls=0.082888", exit_status=28)),
    "curl 35": ("TLS", http("curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection", f"http=000 connect=000 ip=20.60.88.4 {NO_TIMES}", exit_status=35)),
    "curl 52": ("HTTP", http("curl: (52) Empty reply from server", "http=000 connect=000 ip=20.60.88.4 tcp=0.1 tls=0.2", exit_status=52)),
    "curl 56": ("HTTP", http("curl: (56) Recv failure: Connection reset by peer", "http=000 connect=000 ip=20.60.88.4 tcp=0.1 tls=0.2", exit_status=56)),
    "curl 60": ("TLS", http("curl: (60) SSL certificate problem: self-signed certificate", f"http=000 connect=000 ip=20.60.88.4 {NO_TIMES}", exit_status=60)),
    "curl 77": ("TLS", http("curl: (77) error setting certificate verify locations: /etc/ssl/ca.pem", f"http=000 connect=000 ip= {NO_TIMES}", exit_status=77)),
    "curl killed": ("connection", http(exit_status=124)),
    "wget unresolved": ("name resolution", http(f"Resolving {ENDPOINT} ({ENDPOINT})... failed: Name or service not known.", f"wget: unable to resolve host address '{ENDPOINT}'", tool="wget", exit_status=4)),
    "wget refused": ("connection", http(f"{CONNECTED[:-11]} failed: Connection refused.", tool="wget", exit_status=4)),
    "wget dropped": ("connection", http(tool="wget", exit_status=124)),
    "wget dropped, killed by hand": ("connection", http(tool="wget", exit_status=143)),
    "wget untrusted": ("TLS", http(CONNECTED, tool="wget", exit_status=5)),
    "wget untrusted, told": ("TLS", http(CONNECTED, "ERROR: cannot verify the certificate, issued by 'CN=Example CA':", tool="wget", exit_status=5)),
    "wget, TLS reset": ("TLS", http(CONNECTED, "Unable to establish SSL connection.", tool="wget", exit_status=4)),
    "wget, TLS hangs": ("TLS", http(CONNECTED, tool="wget", exit_status=124)),
    "wget, HTTP closed": ("HTTP", http(CONNECTED, "HTTP request sent, awaiting response... Read error (The TLS connection was non-properly terminated.) in headers.", tool="wget", exit_status=4)),
    "wget protocol error": ("HTTP", http(CONNECTED, tool="wget", exit_status=7)),
    "python3 unresolved": ("name resolution", http("Could not resolve host: [Errno -2] Name or service not knownhttp=000", tool="python3", exit_status=6)),
    "python3 refused": ("connection", http("[Errno 111] Connection refusedhttp=000", tool="python3", exit_status=7)),
    "python3 dropped": ("connection", http(tool="python3", exit_status=124)),
    "python3 untrusted": ("TLS", http("SSL certificate problem: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)http=000", tool="python3", exit_status=60)),
    "python3 TLS": ("TLS", http("TLS: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)http=000", tool="python3", exit_status=35)),
    "python3 closed": ("HTTP", http(tool="python3", exit_status=56)),
}  # fmt: skip


@pytest.mark.parametrize(("stage", "text"), STAGES.values(), ids=STAGES.keys())
def test_stage_is_the_first_that_failed(stage: str, text: str) -> None:
    """Name resolution, connection, TLS, HTTP: each has a remedy of its own."""
    found = check(text)
    assert (found.stage, found.status, found.is_azure_storage) == (stage, None, False)
    assert found.detail


PROXIED = {
    "curl 407": ("proxy", http("HTTP/1.1 407 Proxy Authentication Required", "Server: squid", "curl: (56) CONNECT tunnel failed, response 407", f"http=000 connect=407 ip=10.20.0.250 {NO_TIMES}", exit_status=56)),
    "curl 407, older": ("proxy", http("HTTP/1.1 407 Proxy Authentication Required", "curl: (56) Received HTTP code 407 from proxy after CONNECT", f"http=000 connect=407 ip=10.20.0.250 {NO_TIMES}", exit_status=56)),
    "curl 403": ("proxy", http("HTTP/1.1 403 Forbidden", "curl: (56) CONNECT tunnel failed, response 403", f"http=000 connect=403 ip=10.20.0.250 {NO_TIMES}", exit_status=56)),
    "curl 500": ("proxy", http("HTTP/1.0 500 Unable to connect", "Server: tinyproxy", "curl: (56) CONNECT tunnel failed, response 500", f"http=000 connect=500 ip=10.20.0.250 {NO_TIMES}", exit_status=56)),
    "curl, the proxy closes": ("proxy", http("curl: (56) Proxy CONNECT aborted", f"http=000 connect=000 ip=10.20.0.250 {NO_TIMES}", exit_status=56)),
    "curl, the proxy hangs": ("proxy", http("curl: (28) Connection timed out after 8000 milliseconds", "http=000 connect=000 ip=10.20.0.250 tcp=0.1 tls=0.0", exit_status=28)),
    "curl, the proxy refuses": ("proxy", REFUSED),
    "curl, the proxy drops": ("proxy", DROPPED),
    "curl, the proxy has no address": ("proxy", http("curl: (5) Could not resolve proxy: proxy.example", f"http=000 connect=000 ip= {NO_TIMES}", exit_status=5)),
    "curl, TLS in the tunnel": ("TLS", http(*TUNNEL, "curl: (60) SSL certificate problem: unable to get local issuer certificate", f"http=000 connect=200 ip=10.20.0.250 {NO_TIMES}", exit_status=60)),
    "curl, TLS hangs in the tunnel": ("TLS", http(*TUNNEL, "curl: (28) Connection timed out", "http=000 connect=200 ip=10.20.0.250 tcp=0.1 tls=0.000", exit_status=28)),
    "curl, HTTP hangs in the tunnel": ("HTTP", http(*TUNNEL, "curl: (28) Operation timed out", "http=000 connect=200 ip=10.20.0.250 tcp=0.1 tls=0.2", exit_status=28)),
    "wget 407": ("proxy", http(TO_PROXY, "Proxy tunneling failed: Proxy Authentication RequiredUnable to establish SSL connection.", tool="wget", exit_status=4)),
    "wget 403": ("proxy", http(TO_PROXY, "Proxy tunneling failed: ForbiddenUnable to establish SSL connection.", tool="wget", exit_status=4)),
    "wget, the proxy closes": ("proxy", http(TO_PROXY, tool="wget", exit_status=4)),
    "wget, the proxy hangs": ("proxy", http(TO_PROXY, tool="wget", exit_status=124)),
    "wget, the proxy has no address": ("proxy", http("wget: unable to resolve host address 'proxy.example'", tool="wget", exit_status=4)),
    "wget, TLS in the tunnel": ("TLS", http(TO_PROXY, tool="wget", exit_status=5)),
    "python3 407": ("proxy", http("Tunnel connection failed: 407 Proxy Authentication Requiredhttp=000", tool="python3", exit_status=56)),
    "python3, the proxy closes": ("proxy", http(tool="python3", exit_status=56)),
    "python3, the proxy refuses": ("proxy", http("[Errno 111] Connection refusedhttp=000", tool="python3", exit_status=7)),
    "python3, the proxy has no address": ("proxy", http("Could not resolve host: [Errno -2] Name or service not knownhttp=000", tool="python3", exit_status=6)),
    "python3, TLS in the tunnel": ("TLS", http("SSL certificate problem: [SSL: CERTIFICATE_VERIFY_FAILED]http=000", tool="python3", exit_status=60)),
}  # fmt: skip


@pytest.mark.parametrize(("stage", "text"), PROXIED.values(), ids=PROXIED.keys())
def test_stage_behind_a_proxy_is_the_proxys_until_its_tunnel_stands(stage: str, text: str) -> None:
    """Who resolves, connects and answers first there is the proxy; its address is not the endpoint's."""
    found = check(text, PROXY)
    assert (found.stage, found.status, found.address) == (stage, None, None)


HOST = {
    "answered": ("answered", HOST_ANSWERED),
    "answered, wget": ("answered", http("Connecting to 168.63.129.16:80... connected.", "  HTTP/1.1 200 OK", tool="wget")),
    "answered, python3": ("answered", http("HTTP/1.1 200 OK", "http=200", tool="python3")),
    "dropped": ("connection", DROPPED),
    "hangs": ("HTTP", http("curl: (28) Operation timed out after 3000 milliseconds", "http=000 connect=000 ip=168.63.129.16 tcp=0.001 tls=0.000", exit_status=28)),
    "hangs, wget": ("HTTP", http("Connecting to 168.63.129.16:80... connected.", tool="wget", exit_status=124)),
    "closed": ("HTTP", http("curl: (52) Empty reply from server", "http=000 connect=000 ip=168.63.129.16 tcp=0.001 tls=0.000", exit_status=52)),
}  # fmt: skip


@pytest.mark.parametrize(("stage", "text"), HOST.values(), ids=HOST.keys())
def test_stage_of_the_host_address_is_never_tls(stage: str, text: str) -> None:
    """It speaks plain HTTP."""
    found = check(text, "http host 32526")
    assert (found.target, found.path, found.stage) == ("host", "32526", stage)


def test_certificate_issuer_is_told() -> None:
    """Whose filter intercepts TLS is what the reader asks next."""
    text = http(
        "curl: (60) SSL certificate problem: unable to get local issuer certificate",
        "curl failed to verify the legitimacy of the server and therefore could not",
        f"http=000 connect=000 ip=20.60.88.4 {NO_TIMES}",
        "*  issuer: O=Example Security; CN=Example\x1b[1m CA",
        exit_status=60,
    )
    assert check(text).detail == (
        "curl: (60) SSL certificate problem: unable to get local issuer certificate; "
        "certificate issued by O=Example Security; CN=Example CA"
    )


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (http(tool="wget", exit_status=124), "timed out (wget)"),
        (http(tool="wget", exit_status=5), "wget exit status 5"),
        (http(tool="python3", exit_status=56), "python3 exit status 56"),
        (http("[Errno 113] No route to host", tool="python3", exit_status=7), "[Errno 113] No route to host"),
    ],
)
def test_detail_names_the_tool_where_it_said_nothing(text: str, detail: str) -> None:
    """An exit status can be looked up."""
    assert check(text).detail == detail


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (ANSWERED, "20.60.88.4"),
        (http(CONNECTED, *indented(*BLOB), tool="wget", exit_status=8), "20.60.88.4"),
        (http("Connecting to 168.63.129.16:80... connected.", "  HTTP/1.1 200 OK", tool="wget"), "168.63.129.16"),
        (http(*BLOB, "http=400", tool="python3"), None),
        (DROPPED, None),
        (http("HTTP/1.1 200 OK", "http=200 connect=000 ip=2603:1030::1 tcp=0.1 tls=0.2"), "2603:1030::1"),
    ],
)
def test_address_is_the_one_that_was_connected_to(text: str, address: str | None) -> None:
    """It shows a DNS answer that leads elsewhere."""
    assert check(text).address == address


FORGED = {
    "the tool's line": ("connection", http("tool=curl exit=0 Server: x", "HTTP/1.1 200 OK", "http=000 connect=000 ip= tcp=0", exit_status=7)),
    "the last line": ("connection", http("http=200 ip=20.60.88.4 tcp=1 tls=1", *BLOB, f"http=000 ip= {NO_TIMES}", exit_status=7)),
    "curl's line before wget": ("TLS", http(CONNECTED, "http=200 tls=1", tool="wget", exit_status=4)),
}  # fmt: skip


@pytest.mark.parametrize(("stage", "text"), FORGED.values(), ids=FORGED.keys())
def test_server_cannot_forge_what_the_tool_says(stage: str, text: str) -> None:
    """The tool speaks on the first and on the last line; what is between came over the network."""
    assert (check(text).stage, check(text).is_azure_storage) == (stage, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tool=none exit=127\n",
        "tool= exit=0\n",
        "tool=telnet exit=0\nHTTP/1.1 200 OK\nServer: Windows-Azure-Blob/1.0\nhttp=200\n",
        "exit=0\nhttp=200\n",
        "HTTP/1.1 200 OK\nServer: Windows-Azure-Blob/1.0\nhttp=200\n",
        "tool=curl exit=\n",
        "tool=curl exit=²\n",
        f"tool=curl exit={'9' * 5000}\n",
        "tool=curl exit=-1\n",
        http("curl: (1) Protocol \"https\" not supported or disabled in libcurl", exit_status=1),
        http("curl: (2) Failed to initialise", exit_status=2),
        http("curl: error while loading shared libraries: libssl.so.3", exit_status=127),
        http("HTTPS support not compiled in.", tool="wget", exit_status=1),
        http("ModuleNotFoundError: No module named '_ssl'", tool="python3", exit_status=1),
        http(tool="python3", exit_status=126),
        http("timeout: failed to run command 'curl': Permission denied", exit_status=126),
        http("wget: invalid option", tool="wget", exit_status=2),
        http(*BLOB),
        http("http=000 connect=000 ip=20.60.88.4 tcp=0.1 tls=0.2"),
        http("Saved", tool="wget"),
        http(*BLOB, "http=400 connect=000 ip=20.60.88.4 tcp=0.1 tl"),
        http(*BLOB, "http=400 connect=000 ip=20.60.8\x00.4 tcp=0.1 tls=0.2"),
    ],
)  # fmt: skip
def test_request_that_was_not_made_is_unreadable(text: str) -> None:
    """A guest without a working tool is neither cut off nor connected."""
    with pytest.raises(Unreadable):
        check(text)


@pytest.mark.parametrize(
    "line",
    [
        "http=²³¹ connect=000 ip=x tcp=abc tls=nan",
        f"http={'9' * 5000} connect=000 ip=20.60.88.4 tcp={'9' * 5000} tls=inf",
        "http=٤٠٠ connect=000",
        "http=40 connect=",
        "http=0400",
        "http=",
        "http=200x",
    ],
)
def test_numbers_of_a_wrong_shape_are_unreadable(line: str) -> None:
    """A status is three digits and nothing else; a damaged one is neither an answer nor a failure."""
    with pytest.raises(Unreadable):
        check(http(*BLOB, line))


@pytest.mark.parametrize(
    "heading", [f"http storage around {ENDPOINT}", "http storage", "http host 8080", "http host", f"{DIRECT} twice"]
)
def test_request_of_a_way_that_is_none_is_unreadable(heading: str) -> None:
    """And so is one that is told twice: which of them counts cannot be told."""
    target = heading.split(" ")[1]
    with pytest.raises(Unreadable, match="is told twice, or is none"):
        parse_http_checks(read(GUEST.put(heading, ANSWERED)), target)


@pytest.mark.parametrize(
    "unit",
    ["Connecting to a (", "HTTP/1.1 200 ", "Server: ", "issuer: ", "error\n", "http=", "\x1b[", "x-ms-request-id:\n"],
)
def test_request_takes_no_time_over_a_megabyte(unit: str) -> None:
    """A server's header of any length is no way to stall the reader."""
    started = time.monotonic()
    with contextlib.suppress(Unreadable):
        check(http(unit * (900_000 // len(unit)), exit_status=28))
    assert time.monotonic() - started < 2


def test_answers_of_servers_are_printable() -> None:
    """Headers may hold escape sequences."""
    found = check(http("HTTP/1.1 200 OK", "Server: \x1b[31mevil\u202e", "http=200 connect=000 ip=1.2.3.4 tcp=1 tls=1"))
    assert found.server == "evil"


def test_requests_that_are_missing_are_unreadable() -> None:
    """Nothing asked is nothing known."""
    with pytest.raises(Unreadable, match="no request to host"):
        parse_http_checks(read(GUEST.without("http host 80", "http host 32526")), "host")


def test_storage_knows_every_endpoint_that_was_tried() -> None:
    """Two of the goal state, each by both ways."""
    second = "md-two.blob.storage.azure.net"
    guest = GUEST.put("endpoints", f"origin=goal-state\n{ENDPOINT} direct\n{second} direct").put(PROXY, THROUGH["curl"])
    found = parse_storage(read(guest.put(f"http storage direct {second}", DROPPED)))
    assert (found.origin, found.snapshot_starts_in_guest, found.snapshot_method) == ("goal-state", False, None)
    assert {(c.endpoint, c.path) for c in found.checks} == {
        (ENDPOINT, "direct"),
        (ENDPOINT, "proxy"),
        (second, "direct"),
    }


@pytest.mark.parametrize(
    ("lines", "method", "in_guest"),
    [
        ("[SnapshotThread]\nSnapshotMethod=onlyGuest", "onlyGuest", True),
        ("[SnapshotThread]\nsnapshotmethod = firstGuestThenHost ", "firstGuestThenHost", True),
        ("[SnapshotThread]\nSnapshotMethod: onlyGuest", "onlyGuest", True),
        ("[SnapshotThread]\n SNAPSHOTMETHOD=ONLYGUEST\r", "ONLYGUEST", True),
        ("[SnapshotThread]\nSnapshotMethod=firstHostThenGuest", "firstHostThenGuest", False),
        ("[SnapshotThread]\nSnapshotMethod=", "", False),
        ("[SnapshotThread]\nMountsToSkip=/mnt", None, False),
    ],
)
def test_snapshot_method_is_the_extensions_own_setting(lines: str, method: str | None, in_guest: bool) -> None:  # noqa: FBT001
    """A snapshot that starts in the guest needs the direct way to storage."""
    found = parse_storage(read(GUEST.config("/etc/azure/vmbackup.conf", lines)))
    assert (found.snapshot_method, found.snapshot_starts_in_guest) == (method, in_guest)


@pytest.mark.parametrize(
    "guest",
    [
        GUEST.put("endpoints", f"origin=goal-state\n{ENDPOINT} direct\nanother.blob.core.windows.net direct"),
        GUEST.put("endpoints", f"origin=goal-state\n{ENDPOINT} direct\n{ENDPOINT}\x00 direct"),
        GUEST.put("endpoints", f"origin=goal-state\n{ENDPOINT} direct again"),
        GUEST.put("endpoints", f"origin=goal-state\n{ENDPOINT} 10.20.0.250"),
        GUEST.put("endpoints", f"origin=goal-state\n{ENDPOINT} 10.20.0.250:3128"),
        GUEST.without(DIRECT),
        GUEST.without("endpoints"),
        GUEST.without("files"),
        GUEST.old().put("endpoints", f"origin=goal-state\n{ENDPOINT}\nanother.blob.core.windows.net"),
        GUEST.without(DIRECT).put(PROXY, THROUGH["curl"]),
        GUEST.state("/etc/azure/vmbackup.conf", "unreadable"),
        GUEST.state("/etc/azure/vmbackup.conf", "readable").without("config"),
    ],
)
def test_storage_that_was_not_tried_in_full_is_unreadable(guest: Recording) -> None:
    """An endpoint whose request is missing is not one that answered."""
    with pytest.raises(Unreadable):
        parse_storage(read(guest))


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        ("exit=0\n20.60.88.4 via 10.20.0.1 dev eth0 src 10.20.0.4 uid 0 \n    cache", True),
        ("exit=0\n20.60.88.4 dev eth0 src 10.20.0.4", True),
        ("exit=2\nRTNETLINK answers: Invalid argument", False),
        ("exit=2\nRTNETLINK answers: Network is unreachable", False),
        ("exit=2\nRTNETLINK answers: No route to host", False),
        ("exit=2\nRTNETLINK answers: Permission denied", False),
        ("exit=1\nip: RTNETLINK answers: Network is unreachable", False),
        ("exit=0\nlocal 20.60.88.4 dev lo src 20.60.88.4 uid 0", False),
        ("exit=0\nblackhole 20.60.88.4", False),
        ("exit=0\nunreachable 20.60.88.4", False),
        ("exit=0\nprohibit 20.60.88.4", False),
        ("exit=0\nthrow 20.60.88.4", False),
    ],
)
def test_route_is_usable_where_the_kernel_gives_a_next_hop(text: str, usable: bool) -> None:  # noqa: FBT001
    """Dead ends are refused, or named by their type."""
    found = parse_routes(read(GUEST.put(ROUTE, text)))
    assert [(r.destination, r.usable) for r in found] == [("host", True), (ENDPOINT, usable)]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "exit=0",
            "exit=",
            "exit=124",
            "exit=143\n",
            'exit=255\nObject "x" is unknown',
            "exit=0\n \n",
            "exit=2\n",
        ),
        "exit=0\nUsage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n       ip [ -force ] -batch filename",
        "exit=0\n20.60.88.5 via 10.20.0.1 dev eth0 src 10.20.0.4 uid 0",
        "exit=0\n20.60.88.40 via 10.20.0.1 dev eth0",
        "exit=0\nblackhole 20.60.88.5",
        "exit=0\n20.60.88.4 via 10.20.0.1",
        "exit=0\ndev eth0 20.60.88.4",
        "exit=0\n20.60.88.4 dev",
        "exit=1\n20.60.88.4 via 10.20.0.1 dev eth0",
        "exit=0\n20.60.88.4 via 10.20.0.1 dev eth0\nor so",
        "exit=2\nRTNETLINK answers: Operation not supported",
        "exit=0\n20.60.88.4 via 10.20.0.1 dev eth0\nRTNETLINK answers: Operation not supported",
    ],
)
def test_route_that_was_not_told_is_unreadable(text: str) -> None:
    """A command that did not finish is no dead end, and an answer about something else is no decision."""
    with pytest.raises(Unreadable):
        parse_routes(read(GUEST.put(ROUTE, text)))


def test_routes_that_are_missing_are_unreadable() -> None:
    """Nothing asked is nothing known."""
    with pytest.raises(Unreadable):
        parse_routes(read(GUEST.without(ROUTE, "route host 168.63.129.16")))


HEADING = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT"
DEFAULT = "eth0\t00000000\t0100140A\t0003\t0\t0\t100\t00000000\t0\t0\t0"
REJECT_ALL = "*\t00000000\t00000000\t0200\t0\t0\t50\t00000000\t0\t0\t0"
REJECT_STORAGE = "*\t00003C14\t00000000\t0200\t0\t0\t0\t0000FFFF\t0\t0\t0"
TO_STORAGE = "eth1\t00583C14\t0200140A\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0"


@pytest.mark.parametrize(
    ("rows", "usable", "decision"),
    [
        ([DEFAULT], True, "/proc/net/route: eth0 00000000 0100140A 0003 /0"),
        ([DEFAULT, REJECT_STORAGE], False, "/proc/net/route: * 00003C14 00000000 0200 /16"),
        ([REJECT_STORAGE, TO_STORAGE, DEFAULT], True, "/proc/net/route: eth1 00583C14 0200140A 0003 /24"),
        ([DEFAULT, REJECT_ALL], False, "/proc/net/route: * 00000000 00000000 0200 /0"),
        ([TO_STORAGE.replace("3C14", "3D14")], False, "no route in /proc/net/route"),
        ([], False, "no route in /proc/net/route"),
    ],
)
def test_table_decides_where_ip_is_missing(rows: list[str], usable: bool, decision: str) -> None:  # noqa: FBT001
    """The longest prefix wins, then the lowest metric."""
    guest = GUEST.put("routes", "\n".join([HEADING, *rows])).put(ROUTE, "exit=127")
    found = parse_routes(read(guest))[-1]
    assert (found.usable, found.decision) == (usable, decision)


@pytest.mark.parametrize(
    "table",
    ["", "eth0", "\x00", f"{HEADING}\neth0\t0000", f"{HEADING}\n{DEFAULT.replace('100', 'x')}", f"{HEADING}\n{DEFAULT.replace('0003', 'zz')}", DEFAULT],
)  # fmt: skip
def test_table_of_a_wrong_shape_is_unreadable(table: str) -> None:
    """It decides nothing."""
    with pytest.raises(Unreadable):
        parse_routes(read(GUEST.put("routes", table).put(ROUTE, "exit=127")))


@pytest.mark.parametrize("address", ["", "20.60.88", "20.60.88.400", "2603::1", "x", "²"])
def test_address_of_a_wrong_shape_is_unreadable(address: str) -> None:
    """No decision is made for it."""
    guest = GUEST.without(ROUTE).put(f"route {ENDPOINT} {address}", "exit=127")
    with pytest.raises(Unreadable):
        parse_routes(read(guest))
