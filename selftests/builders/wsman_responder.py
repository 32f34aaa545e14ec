"""A WS-Management responder on loopback: NTLM over HTTPS, shells, commands, their output in pieces.

It speaks what pywinrm asks (MS-WSMV): Create, Command, Receive, Signal and Delete. What a command prints is up to the test.
"""

from __future__ import annotations

import base64
import re
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
import spnego
import trustme
import winrm.protocol  # noqa: F401  # here, or a pytester run would import requests a second time and drop the first

USER: Final = "Administrator"
PASSWORD: Final = "hunter2-do-not-show"
SHELL: Final = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
_TIMED_OUT: Final = 2150858793
_ENVELOPE: Final = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    f' xmlns:rsp="{SHELL}"><s:Header><a:RelatesTo>{{relates}}</a:RelatesTo></s:Header><s:Body>{{body}}</s:Body></s:Envelope>'
)
_FAULT: Final = (
    "<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text>{text}</s:Text></s:Reason>"
    '<s:Detail><f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{code}"/></s:Detail></s:Fault>'
)


@dataclass
class Responder:
    """What the server does and saw: `answer` gives a command's output, None for one that never ends."""

    answer: Callable[[str], bytes | None]
    port: int = 0
    refuses: str = ""
    """The text of a fault that every shell is refused with."""
    commands: list[str] = field(default_factory=list)
    open_shells: set[str] = field(default_factory=set)
    requests: int = 0

    def spec(self, more: str = "") -> str:
        """Its host spec."""
        return f"winrm://{USER}:{PASSWORD}@localhost:{self.port}{more}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    responder: Responder

    def setup(self) -> None:
        """One connection is one login, as NTLM has it."""
        super().setup()
        self.login: Any = None
        self.outputs: dict[str, bytes | None] = {}

    def log_message(self, *_: object) -> None:
        """Nothing: the test's output is not the place."""

    def do_POST(self) -> None:
        """A step of the login, or a request of somebody who is logged in."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if (self.login is None or (token and not self.login.complete)) and not self._logged_in(kind, token):
            return
        self.responder.requests += 1
        self._answer(body)

    def _logged_in(self, kind: str, token: str) -> bool:
        if not token:
            return self._refuse("NTLM")
        if self.login is None:
            self.login = spnego.server(protocol="ntlm")
        try:
            challenge = self.login.step(base64.b64decode(token))
        except spnego.exceptions.SpnegoError:
            self.login = None
            return self._refuse("NTLM")
        if self.login.complete:
            return True
        return self._refuse(f"{kind} {base64.b64encode(challenge).decode()}")

    def _refuse(self, offer: str) -> bool:
        self.send_response(401)
        self.send_header("WWW-Authenticate", offer)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def _answer(self, body: str) -> None:
        action = re.search(r"/(Create|Command|Receive|Signal|Delete)</a:Action>", body)
        relates = re.search(r"<a:MessageID>(.*?)</a:MessageID>", body)
        assert action is not None, body
        status, told = getattr(self, f"_{action.group(1).lower()}")(body)
        text = _ENVELOPE.format(relates=relates.group(1) if relates else "", body=told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/soap+xml;charset=UTF-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _create(self, body: str) -> tuple[int, str]:
        if self.responder.refuses:
            return 500, _FAULT.format(text=self.responder.refuses, code=5)
        assert 'Name="WINRS_CODEPAGE">65001<' in body
        name = str(uuid.uuid4()).upper()
        self.responder.open_shells.add(name)
        return (
            200,
            f'<w:x xmlns:w="urn:x"><w:Selector Name="ShellId">{name}</w:Selector><rsp:ShellId>{name}</rsp:ShellId></w:x>',
        )

    def _command(self, body: str) -> tuple[int, str]:
        line = re.search(r"<rsp:Command>(.*?)</rsp:Command>", body, re.DOTALL)
        assert line is not None
        command = line.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
        self.responder.commands.append(command)
        name = str(uuid.uuid4()).upper()
        self.outputs[name] = self.responder.answer(command)
        return 200, f"<rsp:CommandResponse><rsp:CommandId>{name}</rsp:CommandId></rsp:CommandResponse>"

    def _receive(self, body: str) -> tuple[int, str]:
        asked = re.search(r'CommandId="([^"]+)"', body)
        assert asked is not None
        output = self.outputs[asked.group(1)]
        if output is None:
            # the first request is told the beginning; the rest of it never comes
            if "began" not in self.outputs:
                self.outputs["began"] = b""
                return 200, self._stream(asked.group(1), b"\r\nit began\r\n", "Running")
            return 500, _FAULT.format(
                text="The WS-Management service cannot complete the operation in time", code=_TIMED_OUT
            )
        piece, rest = output[:3000], output[3000:]
        self.outputs[asked.group(1)] = rest
        return 200, self._stream(asked.group(1), piece, "Running" if rest else "Done")

    def _stream(self, command: str, piece: bytes, state: str) -> str:
        code = "<rsp:ExitCode>0</rsp:ExitCode>" if state == "Done" else ""
        return (
            f'<rsp:ReceiveResponse><rsp:Stream Name="stdout" CommandId="{command}">{base64.b64encode(piece).decode()}</rsp:Stream>'
            f'<rsp:CommandState CommandId="{command}" State="{SHELL}/CommandState/{state}">{code}</rsp:CommandState></rsp:ReceiveResponse>'
        )

    def _signal(self, _: str) -> tuple[int, str]:
        return 200, "<rsp:SignalResponse/>"

    def _delete(self, body: str) -> tuple[int, str]:
        name = re.search(r'Name="ShellId">([^<]+)<', body)
        self.responder.open_shells.discard(name.group(1) if name else "")
        return 200, ""


@contextmanager
def responding(
    answer: Callable[[str], bytes | None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Responder]:
    """A responder on loopback, whose certificate and one user are known to this process."""
    users = folder / "ntlm-users"
    users.write_text(f":{USER}:{PASSWORD}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    responder = Responder(answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"responder": responder}))
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    responder.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield responder
    finally:
        server.shutdown()
        server.server_close()
