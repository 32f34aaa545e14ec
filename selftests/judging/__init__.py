"""Self-tests of `backup_compliance/judging/`."""
