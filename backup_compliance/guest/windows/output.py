"""What the Windows probe printed, taken apart: frames, code pages, and what was cut short.

The probe is a few commands, each with a frame of its own around its parts:

    avb-windows 1 begin WORD
    WORD heading ...
    avb-windows 1 end WORD

A command that printed nothing, or was cut off, takes the controls with it that need its parts, and no others.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from backup_compliance.guest.probe_output import OUTPUT_LIMIT, PAIR, PART_LIMIT, Part, PartGrammar, ProbeOutput
from backup_compliance.guest.windows.registry import Key, parse_keys
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable

FRAME: Final = "avb-windows"
PROBE_VERSION: Final = "1"
RECOLLECT_AS_ADMINISTRATOR: Final = f"{RECOLLECT} with this version's probe, as an administrator"
NO_SUCH_KEY: Final = "avb-no-such-key"
_FRAMED_UTF16: Final = f"{FRAME} ".encode("utf-16-le")
_START = re.compile(rf"^{FRAME} (\S{{1,8}}) begin (avb-[0-9A-Za-z-]{{4,40}})[ \t\r]*(.*)$", re.MULTILINE)
_ANY_FRAME = re.compile(r"^avb-(probe|windows) \S{1,8} (?:begin|packed)", re.MULTILINE)
_ANY_END = re.compile(r"^avb-(probe|windows) \S{1,8} end ", re.MULTILINE)
"""What is left where the beginning was cut off."""
_SETTINGS: Final = PartGrammar(PAIR)
GRAMMARS: Final = {
    **dict.fromkeys(
        ("collected", "powershell", "cpu", "memory", "aggregate-status", "handler", "http", "goal-state", "imds"),
        _SETTINGS,
    ),
    "endpoints": PartGrammar(re.compile(rf"{PAIR.pattern}|[A-Za-z0-9.:-]+", re.DOTALL)),
}
"""What lines are of what PowerShell tells; what other programs print has a grammar where it is parsed."""
_CODE_PAGE = re.compile(rb"\bcode-page\b[ \t]*\r?\n[^\r\n]*?([0-9]{3,5})[^0-9\r\n]*\r?\n")


def is_windows_output(data: bytes) -> bool:
    """Whether a recording is the Windows probe's: by the first frame in it, in whatever encoding."""
    text = decoded(data[:OUTPUT_LIMIT])
    frame = _ANY_FRAME.search(text) or _ANY_END.search(text)
    return frame is not None and frame.group(1) == "windows"


def parse_windows_output(data: bytes) -> ProbeOutput:
    """The parts of every command of the last run in `data`.

    Raises:
        Unreadable: no output of this probe, or another version's.
    """
    text = re.sub(r"\r*\n|\r", "\n", decoded(data[:OUTPUT_LIMIT]))
    blocks = _blocks(text)
    if not blocks and FRAME in text:
        raise Unreadable(
            "the beginning of the Windows probe's output is missing (Run Command keeps the last 4,096 bytes only)",
            "read the guest over ssh or WinRM, or run probe.cmd there and keep all of its output: cmd /c probe.cmd > NAME.txt",
        )
    if not blocks:
        shown = printable(text, 120)
        raise Unreadable(
            f"this is no probe output, it begins {shown!r}" if shown else "there is no output at all",
            RECOLLECT_AS_ADMINISTRATOR,
        )
    word = blocks[-1][0]
    return ProbeOutput(tuple(part for name, body in blocks if name == word for part in _parts(body, word)), GRAMMARS)


def _blocks(text: str) -> list[tuple[str, str]]:
    """(word, what is between the ends) of every command; of one that was cut, all but its unfinished last part."""
    found = []
    position = 0
    while start := _START.search(text, position):
        version, word = start.group(1), start.group(2)
        if version != PROBE_VERSION:
            raise Unreadable(
                f"written by probe version {printable(version)}, this suite reads version {PROBE_VERSION}",
                RECOLLECT_AS_ADMINISTRATOR,
            )
        end = re.compile(rf"^{FRAME} {version} end {word}\b", re.MULTILINE).search(text, start.end())
        following = _START.search(text, start.end())
        if end is not None and (following is None or end.start() < following.start() or following.group(2) != word):
            body, position = text[start.end() : end.start()], end.end()
        else:
            position = following.start() if following else len(text)
            body = text[start.end() : position].rpartition(f"\n{word} ")[0]
        found.append((word, body))
    return found


def _parts(body: str, word: str) -> list[Part]:
    parts = []
    for piece in f"\n{body}".split(f"\n{word} ", PART_LIMIT)[1:]:
        heading, _, text = piece.partition("\n")
        parts.append(Part(tuple(heading.split()) or ("",), text.rstrip("\n")))
    return parts


def decoded(data: bytes) -> str:
    """Text out of UTF-16, UTF-8 or the OEM code page that the probe named; what does not decode is shown escaped.

    Everything that decides is ASCII in all of these; only words for people need the code page.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if _FRAMED_UTF16 in data:  # PowerShell's own redirection, appended to something else
        return data.decode("utf-16-le", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        page = _CODE_PAGE.search(data)
        return data.decode(_codec(page.group(1).decode()) if page else "cp1252", "backslashreplace")


def _codec(page: str) -> str:
    try:
        return codecs.lookup(f"cp{page}").name
    except LookupError:
        return "ascii"


def registry(output: ProbeOutput, name: str, *, may_be_empty: bool = False) -> dict[str, Key]:
    """The keys of the part `reg NAME`; none where the guest's registry has no such key.

    reg.exe tells a key that is not there and one that may not be read by words only, in the guest's language. The
    probe therefore asks for one that is surely not there: any other message is a key that could not be read. Of a key
    that holds nothing it prints nothing, as a tool that was stubbed out does of every key: that counts as empty only
    where something else proved that the key is there.
    """
    text = output.one("reg", name).text
    keys = parse_keys(text)
    if keys:
        return keys
    said, missing = _message(text), _message(output.one("reg", NO_SUCH_KEY).text)
    if not missing or parse_keys(output.one("reg", NO_SUCH_KEY).text):
        raise Unreadable(
            "reg.exe printed nothing about a key that is not there", "check that reg.exe runs for this user"
        )
    if said != missing and not (may_be_empty and not said):
        raise Unreadable(
            f"{name} could not be read from the registry: reg.exe printed {said or 'nothing'}",
            "read the guest as an administrator, and check that reg.exe runs for this user",
        )
    return {}


def key(output: ProbeOutput, name: str, *, may_be_empty: bool = False) -> Key | None:
    """The one key of the part `reg NAME`; None where the guest's registry has none, or an empty one that may be."""
    found = registry(output, name, may_be_empty=may_be_empty)
    return next(iter(found.values()), None)


def names(output: ProbeOutput, name: str) -> frozenset[str]:
    """The last names of all keys in the part `reg NAME`, in lower case: the key itself and those below it."""
    return frozenset(path.rpartition("\\")[2] for path in registry(output, name))


def _message(text: str) -> str:
    return printable(" ".join(text.split()), 160)


def powershell(output: ProbeOutput, *words: str) -> Part:
    """A part that only PowerShell can tell; `Unreadable` with the reason where it is missing or says an error."""
    found = output.all(*words)
    if not found:
        raise Unreadable(*_silent(output, " ".join(words)))
    error = found[0].pairs().get("error")
    if error is not None:
        raise Unreadable(f"PowerShell could not tell {' '.join(words)}: {printable(error, 160)}", _remedy(error))
    return found[0]


def _silent(output: ProbeOutput, what: str) -> tuple[str, str]:
    started = output.all("powershell")
    if not started:
        return (
            f"PowerShell printed nothing, so {what} is not known",
            "check that `powershell -NoProfile -Command 1` prints 1 there, and that no policy blocks it",
        )
    language = started[0].pairs().get("language", "")
    if language != "FullLanguage":
        return (
            f"PowerShell runs in {printable(language, 40) or 'an unknown'} mode and may not tell {what}",
            "read the guest as a user whom AppLocker or WDAC lets run PowerShell in full language mode",
        )
    return f"PowerShell ended before it told {what}", "collect again, with a longer --timeout"


def _remedy(error: str) -> str:
    return "mend WMI there (winmgmt /verifyrepository)" if error.startswith("WMI") else RECOLLECT
