"""Self-tests of `backup_compliance/schedules/`."""
