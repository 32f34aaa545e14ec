"""Whether the extension's code runs under a Python that its launcher finds; pure.

What a version of the extension wrote under a Python proves that it runs there. No release note does: the modules that the
code needs left Python one by one, and the version that does without them is not published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from packaging.version import Version

from backup_compliance.guest.extension_status.codes import NO_PYTHON
from backup_compliance.guest.extension_status.facts import Handler, Interpreter
from backup_compliance.guest.versions import parse_version
from backup_compliance.model.verdicts import NotApplicable, Undetermined, Unreadable


@dataclass(frozen=True, slots=True)
class KnownLimit:
    """Up to which version the extension's code asks for modules that a Python no longer has."""

    last_version: Version
    python: Version
    """From this Python on."""
    modules: tuple[str, ...]
    is_certain: bool
    """Whether nothing can supply the modules; setuptools brings a distutils of its own."""


# azure-linux-extensions, issues 2172 and 2177, pull requests 2195 and 2196 (2026-07): the last version that is known to be bad.
KNOWN_LIMITS: Final = (
    KnownLimit(Version("1.0.9225.0"), Version("3.13"), ("crypt", "imp"), is_certain=True),
    KnownLimit(Version("1.0.9225.0"), Version("3.12"), ("imp", "distutils"), is_certain=False),
)
FIRST_IN_DOUBT: Final = Version("3.12")
"""Below it every version of the extension is imported."""
_GONE: Final = frozenset({"asynchat", "asyncore", "cgi", "crypt", "distutils", "imp", "pipes", "smtpd", "spwd"})
"""Modules that Python had until 3.11 or 3.12 (docs.python.org, What's New in 3.12 and 3.13)."""


def needs_health(found: Sequence[Interpreter], oldest: str) -> bool:
    """Whether what the extension reported of itself counts: not where every launcher finds a Python that is fit."""
    return not any(_is_in_first_place(i) and _is_fit(i, oldest) for i in found)


def interpreter_failure(found: Sequence[Interpreter], handler: Handler | None, oldest: str) -> str | None:
    """Whether the launcher finds a Python that the extension runs under.

    Args:
        found: what the launcher tries, in its order.
        handler: the version at work, with its health where that counts; None where the extension was never installed.
        oldest: the oldest Python that it supports.

    Raises: as `support_failure`.
    """
    if handler is not None and handler.exit_code == NO_PYTHON and not any(_is_in_first_place(i) for i in found):
        # older launchers look into /usr/bin alone, and nowhere for what runs the agent
        return f"the launcher of VMSnapshotLinux {handler.version} found no Python (exit code {NO_PYTHON})"
    if found:
        return support_failure(found, handler, oldest)
    if handler is not None and _python_of_report(handler) is not None:
        return None  # it ran, so its launcher finds one: that of the agent, which does not run now
    return "no python of the launcher's list is in /usr/bin or /usr/local/bin, and none is known that runs the agent"


def support_failure(found: Sequence[Interpreter], handler: Handler | None, oldest: str) -> str | None:
    """Whether one of the interpreters (one at least) runs the extension's code: the launcher tries them until one does.

    Raises:
        Undetermined: the code of this version may need modules that this Python no longer has, and no run proves either.
        Unreadable: none is fit for certain, and one does not tell its version.
        NotApplicable: only a Python in doubt is there, and no extension yet that would run under it.
    """
    if any(_is_fit(i, oldest) for i in found) or (handler is not None and _is_proven(handler, found)):
        return None
    shown = ", ".join(f"{i.path} ({i.version or 'version unknown'})" for i in found)
    missing = next((m for m in handler.missing_modules if m.split(".")[0] in _GONE), None) if handler else None
    if handler is not None and missing is not None:
        return f"VMSnapshotLinux {handler.version} did not start: its Python has no module {missing!r} any more; the launcher finds {shown}"
    silent = next((i for i in found if i.version is None), None)
    if silent is not None:
        raise Unreadable(
            f"{silent.path} -V printed no version ({silent.found})", "run it on the guest, and collect again"
        )
    recent = [i.version for i in found if i.version is not None and _minor(i.version) >= FIRST_IN_DOUBT]
    if not recent:
        return f"the launcher finds {shown}, and the extension supports Python {oldest} and newer"
    return _doubt(min(recent), handler, shown)


def _doubt(python: Version, handler: Handler | None, shown: str) -> str | None:
    """No run proves that the extension works under this Python: what is known of its version decides."""
    if handler is None:
        if _limit(python).is_certain:
            raise Undetermined(
                f"whether the extension that the first backup installs runs under Python {python} is not known ({shown})",
                "look at AVB-302 after the first backup",
            )
        raise NotApplicable(f"no extension is installed yet that would run under Python {python}")
    limit = _limit(python)
    needs = f"VMSnapshotLinux {handler.version} needs {', '.join(limit.modules)}"
    if handler.version > limit.last_version:
        why = "what its version needs is not known"
    elif limit.is_certain:
        return f"{needs}, which Python {limit.python} and newer no longer have; the launcher finds {shown}"
    else:
        why = f"{needs}, which Python {limit.python} may no longer have"
    raise Undetermined(
        f"whether VMSnapshotLinux {handler.version} runs under Python {python} is not known: {why}, and no report of this version under this Python is there ({shown})",
        "run a backup, and collect again: its report tells",
    )


def _is_fit(interpreter: Interpreter, oldest: str) -> bool:
    """Whether every version of the extension runs under it."""
    version = interpreter.version
    return version is not None and Version(oldest) <= _minor(version) < FIRST_IN_DOUBT


def _is_in_first_place(interpreter: Interpreter) -> bool:
    return interpreter.path.startswith("/usr/bin/")


def _limit(python: Version) -> KnownLimit:
    return next(k for k in KNOWN_LIMITS if _minor(python) >= k.python)


def _is_proven(handler: Handler, found: Sequence[Interpreter]) -> bool:
    """Whether this version wrote its newest report under one of these Pythons, as far as reports tell.

    Only what its telemetry says tells who wrote it: an update copies the reports of the version before it. Without
    telemetry, a handler that is enabled and ready, and whose newest report is good, is taken at its word.
    """
    last = handler.last
    if last is None:
        return False
    if last.extension_version is None and last.python_version is None:
        return handler.state == "Enabled" and handler.status == "Ready" and last.is_good
    python = _python_of_report(handler)
    return python is not None and any(i.version is None or _minor(i.version) == _minor(python) for i in found)


def _python_of_report(handler: Handler) -> Version | None:
    """The Python under which this very version wrote its newest report; None where it did not, or does not say."""
    last = handler.last
    if last is None or parse_version(last.extension_version or "") != handler.version:
        return None
    return parse_version(last.python_version or "")


def _minor(version: Version) -> Version:
    return Version(".".join(map(str, version.release[:2])))
