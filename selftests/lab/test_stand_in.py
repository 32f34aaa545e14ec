"""The stand-in for the backup extension: it reports, looks for interpreters and fails as the real one does."""

from __future__ import annotations

import json
import subprocess
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from selftests.lab import extension, wire
from selftests.lab.places import EXTENSION_VERSION
from selftests.lab.stand_in import handle

LIMIT = "The snapshot count against this blob has been exceeded"


def handler(folder: Path, **orders: Any) -> handle.Run:
    """A run in a handler's folder, with what the platform's settings say there."""
    text = wire.extensions_config(wire.Orders(issued=time.time(), **orders))
    settings = text.partition("seqNo")[2].partition(">")[2].partition("</Run")[0]
    (folder / "config").mkdir()
    (folder / "config" / "7.settings").write_text(settings)
    return handle.Run(folder, "7")


def told(run: handle.Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """The status outside and the one inside, as the file holds them."""
    ((document,),) = [json.loads((run.folder / "status" / "7.status").read_text())]
    ((inside,),) = [json.loads(document["status"]["substatus"][0]["name"])]
    return document["status"], inside["status"]


@pytest.mark.parametrize(("code", "result"), [(0, "success"), (1, "success"), (4, "success"), (76, "error")])
def test_truth_is_inside(tmp_path: Path, code: int, result: str) -> None:
    """For VMs of ARM the outer status says success whatever happened."""
    run = handler(tmp_path)
    run.report(code)
    outside, inside = told(run)
    assert (outside["status"], outside["code"]) == ("success", str(code))
    assert (inside["status"], inside["code"]) == (result, str(code))


def test_report_carries_what_the_real_one_carries(tmp_path: Path) -> None:
    """Message, telemetry, disks and health are inside, and the message is JSON once more."""
    run = handler(tmp_path)
    run.tell("hostStatusCodePreSnapshot", "200")
    run.disks = [{"isSuccessful": "true"}]
    run.report(85, "words ")
    outside, inside = told(run)
    assert json.loads(inside["formattedMessage"]["message"])["messageStr"] == "words hostStatusCodePreSnapshot=200, "
    assert {"Value": "FailedSnapshotLimitReached", "Key": "extErrorCode"} in inside["telemetryData"]
    assert (inside["snapshotInfo"], inside["vmHealthInfo"]["vmHealthStatusCode"]) == (run.disks, 85)
    assert (outside["snapshotInfo"], outside["vmHealthInfo"], outside["telemetryData"]) == (None, None, None)


@pytest.mark.parametrize("code", [173, 556])
def test_code_without_a_name_crashes_the_report(tmp_path: Path, code: int) -> None:
    """What was reported before, code 4, then stands for ever."""
    run = handler(tmp_path)
    run.report(4)
    with pytest.raises(KeyError):
        run.report(code)
    assert told(run)[0]["code"] == "4"


@pytest.mark.parametrize(
    ("disks", "code"),
    [(("", ""), 1), ((LIMIT,), 76), (("", LIMIT), 85), (("", "lease"), 76), ((LIMIT, LIMIT), 76)],
)
def test_disks_decide_the_code(disks: tuple[str, ...], code: int) -> None:
    """The limit has its own code only while other disks have their snapshot."""
    answer = wire.snapshots(wire.Orders(disks=disks))["snapshotInfo"]
    assert handle.disks_code(answer) == code


@pytest.mark.parametrize(("late", "is_late"), [(0, False), (139, False), (141, True)])
def test_command_has_its_age(tmp_path: Path, late: int, is_late: bool) -> None:  # noqa: FBT001
    """A run that starts later than 140 minutes after the platform's command takes no snapshot."""
    assert handler(tmp_path, late=late).is_late is is_late


def test_earlier_runs_are_put_aside(tmp_path: Path) -> None:
    """The agent reports the status of the highest number; what is older gets another name."""
    run = handler(tmp_path)
    run.report(1)
    (tmp_path / "config" / "8.settings").write_text((tmp_path / "config" / "7.settings").read_text())
    handle.put_aside(handle.Run(tmp_path, "8"))
    assert sorted(p.name for p in tmp_path.rglob("*_*")) == ["7_settings", "7_status"]


def launch(tmp_path: Path, version: str, **programs: str) -> subprocess.CompletedProcess[str]:
    """The launcher of a version, whose two folders hold these programs (their scripts, by FOLDER__NAME)."""
    text = zipfile.ZipFile(BytesIO(extension.package(version))).read("main/handle.sh").decode()
    for folder in ("/usr/bin", "/usr/local/bin"):
        text = text.replace(folder, str(tmp_path / folder.strip("/").replace("/", "_")))
    (tmp_path / "main").mkdir()
    (tmp_path / "main" / "handle.sh").write_text(text)
    for name, script in programs.items():
        program = tmp_path / name.replace("__", "/").replace("_minor", ".8")
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    command = ["/bin/sh", str(tmp_path / "main" / "handle.sh"), "enable"]
    # no other program of the machine, but for what the launcher itself needs
    (tmp_path / "path").mkdir()
    for tool in ("dirname", "ps", "grep", "head", "awk"):
        (tmp_path / "path" / tool).write_text(
            "#!/bin/sh\n" + ("dirname_=${1%/*}; echo $dirname_" if tool == "dirname" else "")
        )
        (tmp_path / "path" / tool).chmod(0o755)
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": str(tmp_path / "path")})


def test_launcher_asks_both_folders_for_each_name(tmp_path: Path) -> None:
    """python3.8 of /usr/local/bin comes before python3 of /usr/bin."""
    done = launch(tmp_path, EXTENSION_VERSION, usr_bin__python3="echo three", usr_local_bin__python3_minor="echo eight")
    assert (done.stdout, done.returncode) == ("eight\n", 0)


def test_launcher_goes_on_after_a_failure(tmp_path: Path) -> None:
    """An interpreter that fails is followed by the next one, and the last exit code counts."""
    done = launch(
        tmp_path, EXTENSION_VERSION, usr_bin__python3="echo a; exit 1", usr_local_bin__python3="echo b; exit 9"
    )
    assert (done.stdout, done.returncode) == ("a\nb\n", 9)


@pytest.mark.parametrize("version", [EXTENSION_VERSION, extension.OLD])
def test_launcher_without_interpreter_ends_with_3(tmp_path: Path, version: str) -> None:
    """The code that stands for `no Python`."""
    assert launch(tmp_path, version).returncode == 3


def test_old_launcher_knows_one_folder(tmp_path: Path) -> None:
    """What only /usr/local/bin has is nothing to it."""
    assert launch(tmp_path, extension.OLD, usr_local_bin__python3="echo three").returncode == 3


@pytest.mark.parametrize(("version", "build"), extension.BUILDS.items())
def test_only_what_is_not_mended_needs_old_modules(version: str, build: extension.Build) -> None:
    """Python 3.13 has no crypt, distutils and imp."""
    library = zipfile.ZipFile(BytesIO(extension.package(version))).read("main/agent_library.py").decode()
    assert ("import imp" in library) is not build.is_mended
