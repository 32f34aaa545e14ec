"""A made-up Windows guest that takes command lines: it reads them as cmd.exe or PowerShell would, and answers from a recording.

As `python -m selftests.builders.fake_windows ... HOST COMMAND` it stands in for the ssh command: the host's name says which
shell it has, which language, and how it misbehaves.
"""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass

from backup_compliance.guest.windows.probe import COMMAND_LIMIT, PLAIN, QUOTED, script
from selftests.builders.windows_recordings import POWERSHELL_PARTS, WindowsRecording, german, japanese, korean, windows

HOME = r"C:\Windows\System32\WindowsPowerShell\v1.0"
TOO_LONG = {"cp949": "명령줄이 너무 깁니다.", "cp850": "Die Befehlszeile ist zu lang."}
GUESTS = {"ko": korean, "de": german, "ja": japanese}
_COMMANDS = dict((*PLAIN, *QUOTED))


@dataclass(frozen=True)
class FakeWindows:
    """One guest behind one shell."""

    recording: WindowsRecording
    powershell: bool = False

    def answer(self, line: str) -> tuple[bytes, bytes, int]:
        """What a command line prints and complains about, and its exit status."""
        if not self.powershell and len(line) > COMMAND_LIMIT:
            return (
                b"",
                self._encoded(TOO_LONG.get(self.recording.language.code_page, "The command line is too long.")),
                1,
            )
        if line.startswith(("cmd /d /c ", "powershell ")):
            return self._encoded(self._told(line)), b"", 0
        return b"", b"+ CategoryInfo : ObjectNotFound\r\n+ FullyQualifiedErrorId : CommandNotFoundException\r\n", 1

    def _encoded(self, text: str) -> bytes:
        return text.replace("\n", "\r\n").encode(self.recording.language.code_page)

    def _told(self, line: str) -> str:
        if line.startswith("powershell "):
            return self._powershell(self._unquoted(line.partition(" -Command ")[2]))
        inner = self._unquoted(line.removeprefix("cmd /d /c "))
        if self.powershell and line.endswith('"'):
            assert '"' not in inner, "PowerShell would take the line apart at the inner quotes"
            inner = inner.replace("$PSHOME", HOME)
        return self._cmd(inner)

    def _unquoted(self, text: str) -> str:
        """A command line's last argument: cmd.exe takes the first and the last quote off, PowerShell reads 'it''s'."""
        if self.powershell and text.startswith("'"):
            assert not re.search("(?<!')'(?!')", text[1:-1].replace("''", "")), text
            return text[1:-1].replace("''", "'")
        assert text[0] == text[-1] == '"', text
        return text[1:-1]

    def _cmd(self, inner: str) -> str:
        printed, heading = [], ""
        for command in inner.split("&"):
            if command == "1":  # the rest of 2>&1
                continue
            if command == "echo.":
                printed.append("")
            elif command.startswith("echo "):
                text = command.removeprefix("echo ")
                heading = text.partition(" ")[2]
                printed.append(text)
            else:
                wanted = _COMMANDS[heading].partition(" 2>")[0]
                assert command.partition(" 2>")[0] == wanted, f"{command!r} is not what {heading!r} asks"
                printed.append(self.recording.parts[heading])
        return "\n".join([*printed, ""])

    def _powershell(self, text: str) -> str:
        found = re.fullmatch(r"\$w='([\w-]+)';\$f='[^']*';(.*)", text, re.DOTALL)
        assert found is not None, text[:80]
        assert found.group(2) == script()
        word = found.group(1)
        given = self.recording.parts
        headings = [h for h in given if h in POWERSHELL_PARTS or h.startswith(("http ", "handler "))]
        parts = "".join(f"\n{word} {h}\n{given[h]}\n" for h in headings)
        return f"\navb-windows 1 begin {word} powershell\n{parts}\navb-windows 1 end {word}\n" if headings else ""


def play(host: str, line: str) -> int:
    """What the host of that name does with a command line."""
    recording = GUESTS.get(host.partition("-")[0], windows)()
    if "stubbed" in host:
        recording = recording.without(*POWERSHELL_PARTS)
    if "banner" in host:
        sys.stdout.write("*** Nur für Befugte ***\r\n")
        sys.stdout.flush()
    guest = FakeWindows(recording, powershell="ps" in host.split("-"))
    output, error, status = guest.answer(line)
    if "hang" in host and line.startswith("powershell "):
        output = output[: output.index(b" vss\r\n") + 40]
    sys.stdout.buffer.write(output)
    sys.stdout.flush()
    sys.stderr.buffer.write(error)
    if "hang" in host and line.startswith("powershell "):
        time.sleep(60)
    return status


if __name__ == "__main__":
    sys.exit(play(*sys.argv[-2:]))
