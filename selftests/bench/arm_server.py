"""The simulated ARM as a server that the reader never waits for: processes of its own, connections that stay open.

Every reply leaves so many seconds after its request came, however many are under way. The answers are those of
`selftests.builders.arm_simulator`; only the HTTP around them is cheaper than a test server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import trustme
from werkzeug import Request

from selftests.bench.arm_estate import PAGE, ROWS, estate
from selftests.builders.arm_answers import GRAPH
from selftests.builders.arm_simulator import BATCH, LIST, ArmSimulator, Asked

PROCESSES: Final = 2


def serve(machines: int, latency: float, folder: Path) -> None:
    """Be ARM until standard input ends; every line there has told what was asked since the one before."""
    simulator = ArmSimulator().start(estate(machines))
    simulator.page_size, simulator.row_page_size = PAGE, ROWS
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listening.getsockname()[1]
    simulator.url, metrics = f"https://localhost:{port}", f"https://127.0.0.1:{port}/{{region}}"
    forked = multiprocessing.get_context("fork")
    controls = []
    for _ in range(PROCESSES):
        mine, theirs = forked.Pipe()
        forked.Process(target=_work, args=(simulator, latency, listening, context, theirs), daemon=True).start()
        controls.append(mine)
    print(json.dumps({"url": simulator.url, "metrics": metrics, "ca": str(folder / "ca.pem")}), flush=True)
    for _ in sys.stdin:
        asked: list[Asked] = []
        served = cpu = 0.0
        for control in controls:
            control.send(())
            told = control.recv()
            asked, served, cpu = [*asked, *told[0]], served + told[1], cpu + told[2]
        print(json.dumps({**counted(asked), "served": served / len(asked), "server_cpu": cpu}), flush=True)


def _work(
    simulator: ArmSimulator, latency: float, listening: socket.socket, context: ssl.SSLContext, control: Connection
) -> None:
    asyncio.run(_Server(simulator, latency, control).run(listening, context))


class _Server:
    """One process; all of them accept from one socket."""

    def __init__(self, simulator: ArmSimulator, latency: float, control: Connection) -> None:
        self._simulator = simulator
        self._latency = latency
        self._control = control
        self._served, self._cpu = 0.0, time.process_time()

    async def run(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        """Until the process is ended."""
        asyncio.get_running_loop().add_reader(self._control.fileno(), self._tell)
        server = await asyncio.start_server(self._connection, sock=listening, ssl=context, limit=2**20)
        await server.serve_forever()

    def _tell(self) -> None:
        try:
            self._control.recv()
        except EOFError:  # nobody is left to serve
            raise SystemExit from None
        self._control.send((self._simulator.asked, self._served, time.process_time() - self._cpu))
        self._simulator.asked.clear()
        self._served, self._cpu = 0.0, time.process_time()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
                begun = clock()
                fields = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                reply = self._reply(head[0], fields, body)
                await asyncio.sleep(self._latency - (clock() - begun))
                writer.write(reply)
                self._served += clock() - begun
                await writer.drain()
        writer.close()

    def _reply(self, line: str, fields: dict[str, str], body: bytes) -> bytes:
        response = self._simulator.answer(Request(_environ(line, fields, body)))
        content = response.get_data()
        headers = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
        return f"HTTP/1.1 {response.status}\r\n{headers}\r\n".encode("latin-1") + content


def _environ(line: str, fields: dict[str, str], body: bytes) -> dict[str, Any]:
    """A request as WSGI has it."""
    method, target, _ = line.split(" ")
    where = urlsplit(target)
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(where.path),
        "QUERY_STRING": where.query,
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": fields.get("content-type", ""),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443",
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(body),
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in fields.items()},
    }


def counted(asked: Sequence[Asked]) -> dict[str, Any]:
    """Requests by what makes them grow, and by when they could be sent.

    Lists of the subscription come first, then what they lead to, then metrics. `stages` has of each how many requests
    it is, and how many of those had to follow each other, as page follows page.
    """
    questions = Counter(_question(a) for a in asked if not a.path.endswith(BATCH))
    batches = len(asked) - questions.total()
    lists = [pages for (path, *_), pages in questions.items() if LIST.fullmatch(path)]
    further = [pages for (path, *_), pages in questions.items() if not LIST.fullmatch(path)]
    return {
        "requests": len(asked),
        "pages": questions.total() - len(questions),
        "views": sum(expand == "instanceView" for *_, expand in questions),
        "batches": batches,
        "rows": sum(pages for (path, *_), pages in questions.items() if path == GRAPH),
        "stages": [(sum(pages), max(pages, default=0)) for pages in (lists, further, [1] * batches)],
    }


def _question(asked: Asked) -> tuple[str, ...]:
    """The same for all pages of one answer."""
    return asked.path.lower(), *(asked.query.get(name, "") for name in ("$filter", "statusOnly", "$expand"))
