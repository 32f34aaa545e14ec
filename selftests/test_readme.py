"""The README keeps up with the product."""

from __future__ import annotations

import re
import tomllib

from selftests.builders.product import ROOT
from selftests.readme import BEGIN, with_table

TEXT = (ROOT / "README.md").read_text()


def test_control_table_is_current() -> None:
    """`make readme` would change nothing."""
    assert BEGIN in TEXT
    assert with_table(TEXT) == TEXT


def test_paths_on_the_command_line_use_an_equals_sign() -> None:
    """Pytest takes a separate word for a test path and another root: no README line may show that form."""
    assert not re.findall(r"pytest[^\n`]*--(?:facts|save-facts|report-dir|baseline|exemptions|hosts-file) ", TEXT)


def test_options_in_the_readme_exist() -> None:
    """Every `--option` of ours that the README names is one that pytest or testinfra knows here."""
    sources = "".join(p.read_text() for p in (ROOT / "backup_compliance").rglob("*options.py"))
    known = set(re.findall(r'"(--[a-z-]+)"', sources))
    known |= {
        "--hosts",
        "--connection",
        "--ssh-config",
        "--ssh-identity-file",
        "--sudo",
        "--sudo-user",
        "--ansible-inventory",
        "--force-ansible",
    }
    known |= {
        "--collect-only",
        "--tb",
        "--ssh-extra-args",
        "--scripts",
        "--command-id",
        "--parameters",
        "--resource-group",
        "--name",
        "--query",
        "--output",
        "--url",
        "--role-definition",
        "--role",
        "--assignee",
        "--scope",
        "--resource",
    }
    known |= {"--nthreads", "--port", "--protocol", "--resources"}  # Dask's
    assert set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", TEXT)) <= known


def test_nothing_in_the_project_names_a_registry() -> None:
    """Lock files pin and hash; where packages come from is the user's own business."""
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--index" not in text
        assert text.count("--hash=sha256:") > 20


def test_every_dependency_says_why_it_is_there() -> None:
    """A comment stands beside each entry of pyproject.toml, and each is locked."""
    text = (ROOT / "pyproject.toml").read_text()
    locked = (ROOT / "requirements.lock").read_text()
    for requirement in tomllib.loads(text)["project"]["dependencies"]:
        assert re.search(rf'"{re.escape(requirement)}",\s+# \w', text), requirement
        assert re.search(rf"^{re.split(r'[<>=]', requirement)[0]}==", locked, re.MULTILINE), requirement
