"""What an agent says of a handler's command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_compliance.guest.extension_status.messages import SHOWN, parse_handler_message

FOLDER = "/var/lib/waagent/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-1.0.9220.0"
FRAMES = "".join(f'  File "{FOLDER}/main/x{n}.py", line {n}, in <module>\n    import y\n' for n in range(12))
HEAD = f"[ExtensionOperationError] Non-zero exit code: 1, {FOLDER}/main/handle.sh enable\n[stdout]\n\n\n[stderr]\n"
WARNING = f"{FOLDER}/main/Utils/HandlerUtil.py:653: SyntaxWarning: invalid escape sequence\n"
TRACEBACKS = (
    f"{HEAD}{WARNING}Traceback (most recent call last):\n{FRAMES}ModuleNotFoundError: No module named 'distutils'\n\n"
    f"During handling of the above exception, another exception occurred:\n\n{FRAMES}ModuleNotFoundError: No module named 'imp'\n"
    f"{FRAMES}Exception: No module named 'imp'\n{WARNING}Traceback (most recent call last):\n{FRAMES}"
)


def test_last_error_is_told_first() -> None:
    """Between warnings and frames of several tracebacks, none of which is shown; the handler's folder is left out."""
    found = parse_handler_message(TRACEBACKS, FOLDER)
    assert found.shown == (
        "[ExtensionOperationError] Non-zero exit code: 1, main/handle.sh enable ... Exception: No module named 'imp'; "
        "ModuleNotFoundError: No module named 'imp'; ModuleNotFoundError: No module named 'distutils'"
    )
    assert (found.exit_code, found.missing_modules) == (1, ("imp", "distutils"))


def test_error_that_was_cut_is_left_out() -> None:
    """The agent cuts in the middle of a line."""
    found = parse_handler_message(f"{TRACEBACKS}\nModuleNotFoundError: No module named 'cry", FOLDER)
    assert found.missing_modules == ("imp", "distutils")


def test_error_at_the_end_of_a_short_message_is_whole() -> None:
    """Without a newline after it."""
    assert parse_handler_message("failed\nModuleNotFoundError: No module named 'crypt'").missing_modules == ("crypt",)


def test_long_message_without_errors_keeps_its_tail() -> None:
    """The reason stands at the end."""
    shown = parse_handler_message(f"{HEAD}{'x ' * 2000}/bin/sh: 1: handle.sh: Permission denied", FOLDER).shown
    assert shown.startswith("[ExtensionOperationError] Non-zero exit code: 1, main/handle.sh enable")
    assert shown.endswith("Permission denied")
    assert len(shown) <= SHOWN


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Non-zero exit code: 126, handle.sh", 126),
        ("[ExtensionOperationError] Non-zero exit code: -15, x", -15),
        ("Plugin enabled", None),
        ("Non-zero exit code: 99999999999, x", None),
        ("exit code 3", None),
        ("", None),
    ],
)
def test_exit_code_is_the_agents(text: str, code: int | None) -> None:
    """In the agent's own words only."""
    assert parse_handler_message(text).exit_code == code


@given(st.text(max_size=500))
def test_any_message_is_survived(text: str) -> None:
    """Whatever it says, it fits."""
    assert len(parse_handler_message(text * 20).shown) <= SHOWN
