"""What an agent says of a handler's command: warnings first, several tracebacks, cut at both ends; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from backup_compliance.guest.extension_status.codes import parse_code
from backup_compliance.model.sanitize import printable

SHOWN: Final = 300
"""Characters of a message that are shown."""
_HEAD: Final = 140
_LOOKED_AT: Final = 20_000
_WHOLE: Final = 3000
"""The agent cuts a command's output at 3,200 characters: below this the last line is whole."""
_EXIT_CODE: Final = re.compile(r"[Nn]on-zero exit code: (-?[0-9]{1,6})\b")
_ERROR: Final = re.compile(r"[A-Za-z0-9_.]{0,80}(?:Error|Exception): \S.*")
_MODULE: Final = re.compile(r"No module named '?([A-Za-z_][A-Za-z0-9_.]{0,60})")


@dataclass(frozen=True, slots=True)
class HandlerMessage:
    """A handler's message as it is shown, and what it proves."""

    shown: str
    exit_code: int | None
    """Of the handler's command: the launcher's own, or its program's."""
    missing_modules: tuple[str, ...]
    """Python modules that the extension asked for in vain, the last first."""


def parse_handler_message(text: str, folder: str = "") -> HandlerMessage:
    """The first line, every complete line of an error with the last first, and the tail where there is none.

    Args:
        text: the agent's message.
        folder: the handler's own, which is left out of what is shown.
    """
    text = text.replace(f"{folder}/", "") if folder else text
    looked_at = text[-_LOOKED_AT:]
    code = _EXIT_CODE.search(text[:_LOOKED_AT])
    errors = _errors(looked_at)
    modules = dict.fromkeys(m.group(1) for e in errors if (m := _MODULE.search(e)))
    return HandlerMessage(_shown(text, errors), parse_code(code.group(1)) if code else None, tuple(modules))


def _errors(text: str) -> list[str]:
    lines = text.split("\n")
    whole = lines if len(text) < _WHOLE else lines[:-1]
    found = (line.strip() for line in reversed(whole))
    return list(dict.fromkeys(line for line in found if _ERROR.fullmatch(line)))


def _shown(text: str, errors: list[str]) -> str:
    whole = printable(text, SHOWN * 20)
    if len(whole) <= SHOWN:
        return whole
    head = printable(text.partition("\n")[0], _HEAD) if errors else printable(text, _HEAD)
    if errors:
        return printable(f"{head} ... {'; '.join(errors)}", SHOWN)
    return f"{head} ... {whole[-(SHOWN - len(head) - 5) :]}"
