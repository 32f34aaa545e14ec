"""Self-tests of `backup_compliance/plugin/`."""
