"""Serves the host address (ports 80 and 32526) and the instance metadata, inside the lab's fabric namespace.

Started as `python -m selftests.lab.wire_server ORDERS LOG`. ORDERS is read for every request, so that
what is asked of a guest may change while its agent runs. LOG gets a line a request.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import msgspec

from selftests.lab import wire
from selftests.lab.places import BLOB_HOST, HOST_ADDRESS, IMDS, KEYS

ORDERS, LOG = (Path(p) for p in (sys.argv[1:3] if len(sys.argv) > 2 else ("", "")))


def orders(address: str) -> wire.Orders:
    """What is asked of the guest at `address` now."""
    given = msgspec.json.decode(ORDERS.read_bytes(), type=dict[str, wire.Orders])
    return given.get(address) or wire.Orders()


@cache
def certificates(transport: str) -> str:
    """A tenant certificate with its key, encrypted for the agent's transport certificate as Azure does."""
    with tempfile.TemporaryDirectory() as folder:
        body = "\n".join(transport[i : i + 64] for i in range(0, len(transport), 64))
        (Path(folder) / "transport.pem").write_text(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
        for command in (
            "req -x509 -newkey rsa:2048 -nodes -days 365 -keyout k.pem -out c.pem -subj /CN=Lab",
            "pkcs12 -export -inkey k.pem -in c.pem -passout pass: -out p.pfx",
            "cms -encrypt -binary -aes256 -in p.pfx -outform DER -out p7.der transport.pem",
        ):
            subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
        data = base64.encodebytes((Path(folder) / "p7.der").read_bytes()).decode()
    return (
        '<?xml version="1.0" encoding="utf-8"?><CertificateFile><Version>2010-12-15</Version><Incarnation>1</Incarnation>'
        f"<Format>Pkcs7BlobWithPfxContents</Format><Data>{data}</Data></CertificateFile>"
    )


def relayed(address: str) -> tuple[int, bytes]:
    """A download from storage on the agent's behalf, which the host offers where a guest cannot reach it."""
    if not address.startswith(f"https://{BLOB_HOST}/"):
        return 400, b""
    try:
        with urlopen(address, timeout=10, context=ssl.create_default_context(cafile=str(KEYS / "ca.pem"))) as answer:
            return 200, answer.read()
    except OSError:
        return 502, b""


class Server(ThreadingHTTPServer):
    """Takes a whole lab's guests at once."""

    request_queue_size = 256


class Platform(BaseHTTPRequestHandler):
    """One connection to the platform."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Nothing: `_answer` keeps the log."""

    def _answer(self, status: int, body: str | bytes = "", kind: str = "text/xml; charset=utf-8") -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        with LOG.open("a") as log:
            log.write(f"{time.time():.2f} {self.client_address[0]} {self.command} {self.path} {status}\n")

    def _respond(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address, port = self.connection.getsockname()[:2]
        path = urlsplit(self.path).path.rstrip("/")
        if address == IMDS:
            self._metadata(path)
        elif port == 32526:
            self._plugin(path, content)
        elif path.startswith("/metadata/recsvc/snapshot/"):
            self._snapshot(path.rpartition("/")[2], orders(self.client_address[0]))
        else:
            self._wire({k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()})

    do_GET = do_POST = do_PUT = _respond  # noqa: N815  # http.server's names

    def _metadata(self, path: str) -> None:
        guest = self.client_address[0]
        compute = wire.instance_metadata(guest, f"vm-{guest.rpartition('.')[2]}")
        if self.headers.get("Metadata", "").lower() != "true":
            self._answer(400, '{"error": "Bad request. Required metadata header not specified"}', "application/json")
        elif path == "/metadata/instance/compute":
            self._answer(200, json.dumps(compute, separators=(",", ":")), "application/json")
        elif path == "/metadata/instance":
            self._answer(200, json.dumps({"compute": compute}, separators=(",", ":")), "application/json")
        else:
            self._answer(404)

    def _plugin(self, path: str, content: bytes) -> None:
        """The host's plugin; without `vmSettings` the agent takes the goal state of port 80."""
        if path == "/status":
            LOG.with_name(f"status-{self.client_address[0]}.json").write_bytes(content)
        if path == "/extensionArtifact":
            self._answer(*relayed(self.headers.get("x-ms-artifact-location", "")), "application/octet-stream")
            return
        known = {"/versions": '["2015-09-01"]', "/health": "", "/status": "", "/vmAgentLog": ""}
        self._answer(200 if path in known else 404, known.get(path, ""), "application/json")

    def _snapshot(self, action: str, asked: wire.Orders) -> None:
        """The host's backup service, whom the extension asks before a snapshot and for it."""
        status = asked.presnapshot if action == "presnapshot" else asked.dosnapshot
        body = wire.snapshots(asked) if action == "dosnapshot" else {"result": "0"}
        self._answer(status, json.dumps(body) if status == 200 else "", "application/json")

    def _wire(self, query: dict[str, str]) -> None:
        guest = self.client_address[0]
        kind = query.get("type")
        transport = self.headers.get("x-ms-guest-agent-public-x509-cert")
        asked = query.get("comp")
        if asked == "versions":
            self._answer(200, wire.VERSIONS)
        elif asked == "goalstate":
            self._answer(200, wire.goal_state(guest, orders(guest)))
        elif asked == "certificates" and transport:
            self._answer(200, certificates(transport))
        elif asked == "config" and kind == "extensionsConfig":
            self._answer(200, wire.extensions_config(orders(guest)))
        elif asked == "config":
            self._answer(
                200,
                wire.hosting_environment(guest) if kind == "hostingEnvironmentConfig" else wire.shared_config(guest),
            )
        else:
            self._answer(200 if asked in ("health", "roleProperties", "telemetrydata") else 404)


def main() -> None:
    """Serves until it is killed."""
    for address in ((HOST_ADDRESS, 80), (HOST_ADDRESS, 32526), (IMDS, 80)):
        threading.Thread(target=Server(address, Platform).serve_forever).start()


if __name__ == "__main__":
    main()
