"""Self-tests of the extension's own reports."""
