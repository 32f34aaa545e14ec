pytest_plugins = ["backup_compliance.plugin"]  # noqa: D100  # one line on purpose
