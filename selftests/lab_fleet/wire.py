"""Listens in between a runner and a scheduler, and keeps every byte that passed."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field


@dataclass
class Wire:
    """A port that leads to another one."""

    to: tuple[str, int]
    passed: list[bytes] = field(default_factory=list)
    port: int = 0

    def open(self, host: str) -> None:
        """Listen on a free port of `host` from now on."""
        listener = socket.create_server((host, 0))
        self.port = int(listener.getsockname()[1])
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def text(self) -> bytes:
        """All of it."""
        return b"".join(self.passed)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            near, _ = listener.accept()
            far = socket.create_connection(self.to)
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while chunk := one.recv(65536):
                self.passed.append(chunk)
                other.sendall(chunk)
        except OSError:
            pass
        finally:
            for end in (one, other):
                end.close()
