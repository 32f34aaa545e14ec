"""Self-tests of `backup_compliance/report/`."""
