"""pytest's face: hooks, options, the protocol of controls, fixtures, the terminal.

What knows pytest lies here (and in `report/html`, which pytest-html calls); nothing enters that decides or renders. This module hands
pytest its hooks and is what `conftest.py` loads. It asserts nothing, so pytest need not rewrite it: PYTEST_DONT_REWRITE.
"""

from backup_compliance.plugin.hooks import (
    pytest_addoption,
    pytest_cmdline_main,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_configure_node,
    pytest_generate_tests,
    pytest_runtest_makereport,
    pytest_sessionstart,
    pytest_unconfigure,
    thresholds,
)

__all__ = [
    "pytest_addoption",
    "pytest_cmdline_main",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_generate_tests",
    "pytest_runtest_makereport",
    "pytest_sessionstart",
    "pytest_unconfigure",
    "thresholds",
]
