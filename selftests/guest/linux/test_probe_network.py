"""The probe's network stages for real, against servers on loopback, with each tool a guest may have."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from backup_compliance.guest.facts import HttpCheck
from backup_compliance.guest.linux.guest import LinuxGuest, parse_linux_guest
from backup_compliance.guest.linux.output import parse_output
from selftests.builders import fake_guest
from selftests.builders.programs import each_of, is_installed

# Debian's wget trusts the system's CAs only: its TLS successes need a CA installed there
VERIFYING = ("curl", "python3")
TOOLS = ("curl", "wget", "python3")
AZURE = {"Server": "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0", "x-ms-request-id": "5f0d6a1e-001e-0042"}


@dataclass
class Servers:
    """Everything the probes talk to, by port on localhost."""

    ca: Path
    storage: int
    portal: int
    stranger: int
    """Serves a certificate of another CA."""
    closed: int
    silent: int
    """Accepts and never answers."""
    full: int
    """Drops SYN packets, as its backlog is full."""
    proxy: int
    refusing_proxy: int
    host: int
    """The wire server's port; HostGAPlugin answers there too."""


def _tls(server: HTTPServer) -> int:
    server.start()
    return server.port


def _storage_answer(request: Request) -> Response:
    return Response("<Error/>", 403, AZURE)


def _host_answer(request: Request) -> Response:
    if request.args.get("comp") == "goalstate":
        url = f"http://127.0.0.1:{request.environ['SERVER_PORT']}/machine/x?comp=config&amp;type=extensionsConfig&amp;incarnation=1"
        return Response(f"<GoalState><ExtensionsConfig>{url}</ExtensionsConfig></GoalState>", 200)
    if request.args.get("type") == "extensionsConfig":
        families = "<GAFamilies><GAFamily><Name>Prod</Name><Version>2.15.0.1</Version></GAFamily></GAFamilies>"
        return Response(
            f"<Extensions>{families}<Plugin name='Microsoft.Azure.RecoveryServices.VMSnapshotLinux'/><x>{fake_guest.SECRET}</x></Extensions>",
            200,
        )
    if request.path.startswith("/metadata"):
        assert request.headers["Metadata"] == "true"
        return Response(
            f'{{"vmId":"5A11AB1E-0000-4000-8000-000000000001","name":"vm01","userData":"{fake_guest.SECRET}"}}', 200
        )
    return Response("<Versions/>", 200)


class _Proxy:
    """A CONNECT proxy, or one that refuses with 403."""

    def __init__(self, *, refuses: bool) -> None:
        self.refuses = refuses
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            line = client.recv(4096).split(b"\r\n")[0].decode()
            if self.refuses or not line.startswith("CONNECT "):
                client.sendall(b"HTTP/1.1 403 Filtered\r\nContent-Length: 0\r\n\r\n")
                return
            host, port = line.split()[1].rsplit(":", 1)
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join(5)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Every server, for all tests of this file."""
    folder = tmp_path_factory.mktemp("pki")
    ca, other = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    contexts = []
    for authority in (ca, ca, other):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        contexts.append(context)
    storage, portal, stranger = (HTTPServer(host="localhost", port=0, ssl_context=c, threaded=True) for c in contexts)
    host = HTTPServer(host="127.0.0.1", port=0, threaded=True)
    storage.expect_request("/").respond_with_handler(_storage_answer)
    stranger.expect_request("/").respond_with_handler(_storage_answer)
    portal.expect_request("/").respond_with_response(
        Response("log in", 302, {"Location": "http://login.example/?session=secret-session", "Set-Cookie": "s=1"})
    )
    host.expect_request("/").respond_with_handler(_host_answer)
    for path in ("/versions", "/machine/", "/machine/x", "/metadata/instance/compute"):
        host.expect_request(path).respond_with_handler(_host_answer)
    silent = socket.create_server(("127.0.0.1", 0), backlog=64)
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())
    closed = socket.create_server(("127.0.0.1", 0))
    closed_port = closed.getsockname()[1]
    closed.close()
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(s).port for s in (storage, portal, stranger, host)]
        yield Servers(
            ca=folder / "ca.pem",
            storage=ports[0],
            portal=ports[1],
            stranger=ports[2],
            closed=closed_port,
            silent=silent.getsockname()[1],
            full=full.getsockname()[1],
            proxy=_Proxy(refuses=False).port,
            refusing_proxy=_Proxy(refuses=True).port,
            host=ports[3],
        )
    for each in (silent, full, *fillers):
        each.close()


SCENES = ("storage", "portal", "stranger", "closed", "silent", "full", "proxy", "refusing_proxy", "no_name")


def _variables(servers: Servers, scene: str, tool: str) -> dict[str, str]:
    ports = {"proxy": servers.storage, "refusing_proxy": servers.storage, "no_name": 443}
    # a label this long cannot be asked of any server: the resolver gives up by itself, on this machine
    name = f"{'x' * 70}.invalid" if scene == "no_name" else "localhost"
    port = ports.get(scene) or getattr(servers, scene)
    host_port = str(servers.full if scene == "full" else servers.host)
    return {
        "AVB_TOOL": tool,
        "AVB_STORAGE_ENDPOINT": f"{name}:{port}",
        "AVB_HOST_PORT": host_port,
        "AVB_PLUGIN_PORT": host_port,
        "AVB_IMDS": f"127.0.0.1:{host_port}",
        **dict.fromkeys(("CURL_CA_BUNDLE", "SSL_CERT_FILE"), str(servers.ca)),
        "https_proxy": "http://127.0.0.1:9",
    }


@pytest.fixture(scope="module")
def guests(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], LinuxGuest]:
    """Every scene seen through every tool, all probes side by side; none takes more than 12 seconds."""
    trees = {}
    for scene in SCENES:
        port = {"proxy": servers.proxy, "refusing_proxy": servers.refusing_proxy}.get(scene)
        conf = f"HttpProxy.Host=127.0.0.1\nHttpProxy.Port={port}\n" if port else "Extensions.Enabled=y\n"
        changes: dict[str, str | bytes] = {
            "etc/waagent.conf": conf,
            "var/lib/waagent/ExtensionsConfig.1.xml": "<x/>",
            "proc/843/environ": b"",
        }
        trees[scene] = fake_guest.build(tmp_path_factory.mktemp(scene), changes)
    began = time.monotonic()
    running = {}
    for scene in SCENES:
        for tool in filter(is_installed, TOOLS):
            variables = _variables(servers, scene, tool)
            running[scene, tool] = fake_guest.start(trees[scene], **variables)
            # interpreters starting all at once would use up the stages' own time limits, the shortest of which the
            # scene where all answers is about
            _wait(running[scene, tool], 10 if scene == "storage" else 0.15)
    outputs = {key: fake_guest.finish(process) for key, process in running.items()}
    # 27 probes share two cores here; one alone is bounded by its longest stage, 8 + 3 seconds
    assert time.monotonic() - began < 40
    return {key: parse_linux_guest(parse_output(_as_root(text))) for key, text in outputs.items()}


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)


def _as_root(text: bytes) -> bytes:
    start = text.index(b"uid=")
    return text[:start] + b"uid=0" + text[text.index(b"\n", start) :]


@pytest.fixture(params=each_of(*TOOLS))
def tool(request: pytest.FixtureRequest) -> str:
    """What the guest asks with."""
    return str(request.param)


def _direct(guests: dict[tuple[str, str], LinuxGuest], scene: str, tool: str) -> HttpCheck:
    return next(c for c in guests[scene, tool].storage.checks if c.path == "direct")


@pytest.mark.parametrize("tool", each_of(*VERIFYING))
def test_storage_answer_is_recognized(guests: dict[tuple[str, str], LinuxGuest], tool: str) -> None:
    """Any status code will do, as long as Azure Storage itself gave it over a verified connection."""
    check = _direct(guests, "storage", tool)
    assert check.is_azure_storage, check
    assert check.status == 403
    assert check.request_id == AZURE["x-ms-request-id"]


@pytest.mark.parametrize("tool", each_of(*VERIFYING))
def test_captive_portal_is_no_storage(guests: dict[tuple[str, str], LinuxGuest], tool: str) -> None:
    """A redirect to a login page is an answer, and not Azure's."""
    check = _direct(guests, "portal", tool)
    assert (check.stage, check.status) == ("answered", 302)
    assert not check.is_azure_storage
    assert "secret-session" not in str(guests["portal", tool].output.parts)


@pytest.mark.parametrize(
    ("scene", "stage"),
    [("stranger", "TLS"), ("closed", "connection"), ("full", "connection"), ("no_name", "name resolution")],
)
def test_failed_stage_is_named(guests: dict[tuple[str, str], LinuxGuest], tool: str, scene: str, stage: str) -> None:
    """What failed first is told apart: name, connection, certificate."""
    check = _direct(guests, scene, tool)
    assert check.stage == stage, check


def test_server_that_never_answers_is_given_up(guests: dict[tuple[str, str], LinuxGuest], tool: str) -> None:
    """A server that accepts and stays silent is a failure of TLS or HTTP, never an answer."""
    assert _direct(guests, "silent", tool).stage in ("TLS", "HTTP", "connection")


@pytest.mark.parametrize("tool", each_of(*VERIFYING))
def test_proxy_passes_requests_on(guests: dict[tuple[str, str], LinuxGuest], tool: str) -> None:
    """With a proxy in waagent.conf the request is tried through it as well."""
    through = next(c for c in guests["proxy", tool].storage.checks if c.path == "proxy")
    assert through.is_azure_storage, through


def test_refusing_proxy_is_named(guests: dict[tuple[str, str], LinuxGuest], tool: str) -> None:
    """A proxy that refuses CONNECT is the proxy's failure, not the storage's."""
    through = next(c for c in guests["refusing_proxy", tool].storage.checks if c.path == "proxy")
    assert through.stage == "proxy", through


def test_host_address_and_goal_state_are_read(guests: dict[tuple[str, str], LinuxGuest], tool: str) -> None:
    """Both ports answer, the platform's version is found, and nothing else of the goal state is sent."""
    guest = guests["storage", tool]
    assert {(c.path, c.status) for c in guest.host_address} == {("80", 200), ("32526", 200)}
    assert guest.goal_state is not None
    assert str(guest.goal_state.agent_version) == "2.15.0.1"
    assert guest.goal_state.backup_extension_requested
    assert guest.identity.vm_id == "5a11ab1e-0000-4000-8000-000000000001"
    assert fake_guest.SECRET not in str(guest.output.parts)


def test_dropped_packets_are_told_as_no_connection(guests: dict[tuple[str, str], LinuxGuest], tool: str) -> None:
    """Dropped by a firewall: the host address check ends by itself and says so."""
    assert {c.stage for c in guests["full", tool].host_address} == {"connection"}


@pytest.mark.parametrize("tool", each_of(*(t for t in TOOLS if t != "wget")))
def test_address_of_who_answered_is_told(guests: dict[tuple[str, str], LinuxGuest], tool: str) -> None:
    """A lying resolver is only told from a captive portal by the address it led to."""
    assert _direct(guests, "stranger", tool).address in ("127.0.0.1", "::1")


def test_tools_leave_nothing_behind() -> None:
    """By themselves wget keeps a list of hosts (HSTS) in the home folder, and Python its compiled modules."""
    text = fake_guest.PROBE.read_text()
    assert text.count("wget --no-config --no-hsts ") == text.count("wget --no-config ") == 2
    assert "PYTHONDONTWRITEBYTECODE=1" in text


def test_no_tool_is_said_so(tmp_path: Path) -> None:
    """A guest without curl, GNU wget and python3 says so instead of failing the check."""
    printed = fake_guest.finish(fake_guest.start(fake_guest.build(tmp_path)))
    assert "tool=none" in parse_output(printed).one("http", "host", "80").text
