"""Bounds on testinfra's WinRM backend, which waits for a command without end, and keeps nothing of one that hangs.

pywinrm is an extra: without it, testinfra's backend says how to get it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from backup_compliance.guest.probe_output import OUTPUT_LIMIT

PASSWORD_VARIABLE: Final = "WINRM_PASSWORD"  # noqa: S105  # the name of one
UTF_8: Final = 65001
STEP: Final = 10
"""Seconds that one request for output may wait; the deadline is looked at in between."""


@contextmanager
def bounded_winrm(time_left: Callable[[], float]) -> Iterator[None]:
    """Inside, every command over WinRM ends when `time_left` raises its exception, which is given the output so far."""
    try:
        from testinfra.backend.winrm import WinRMBackend
    except RuntimeError:  # testinfra's own word for pywinrm not being there
        yield
        return
    original = WinRMBackend.run_winrm
    WinRMBackend.run_winrm = lambda backend, command: _run(backend, command, time_left)
    try:
        yield
    finally:
        WinRMBackend.run_winrm = original


def with_password(backend: Any) -> Any:
    """The backend with the password from the environment, where the host spec holds none."""
    arguments = getattr(backend, "conn_args", None)
    if arguments is not None and not arguments.get("password"):
        arguments["password"] = os.environ.get(PASSWORD_VARIABLE)
        if not arguments["password"]:
            raise RuntimeError(f"the host spec holds no password, and {PASSWORD_VARIABLE} is not set")
    return backend


def _run(backend: Any, command: str, time_left: Callable[[], float]) -> Any:
    from winrm.exceptions import WinRMOperationTimeoutError
    from winrm.protocol import Protocol

    wait = max(1, min(STEP, int(time_left())))
    bounds = {"operation_timeout_sec": wait, "read_timeout_sec": wait + 5}
    # pywinrm takes these variables up by itself, and warns that it will not do so for ever
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    trusted = {"ca_trust_path": bundle} if bundle else {}
    protocol = Protocol(**{**bounds, **trusted, **backend.conn_args})
    shell = protocol.open_shell(codepage=UTF_8)
    kept: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
    status, done = -1, False
    try:
        started = protocol.run_command(shell, command)
        while not done:
            with suppress(WinRMOperationTimeoutError):  # nothing was printed meanwhile
                *streams, status, done = protocol.get_command_output_raw(shell, started)
                for stream, more in zip(kept, streams, strict=True):
                    kept[stream] += more[: OUTPUT_LIMIT - len(kept[stream])]
            if not done:
                _check(time_left, kept["stdout"])
        with suppress(Exception):  # the output is there; a host that is busy closing is no loss
            protocol.cleanup_command(shell, started)
    finally:
        with suppress(Exception):
            protocol.close_shell(shell)
    return backend.result(status, command.encode(), bytes(kept["stdout"]), bytes(kept["stderr"]))


def _check(time_left: Callable[[], float], output: bytearray) -> None:
    try:
        time_left()
    except Exception as error:
        if hasattr(error, "output"):
            error.output = bytes(output)
        raise
