"""The project's own tests: offline, no root; `bench` measures and needs it."""
