"""The project's own tests: offline, no root."""
