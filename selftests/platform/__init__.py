"""Self-tests of `backup_compliance/platform/`."""
