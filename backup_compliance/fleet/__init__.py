"""Reading through workers in other networks, over the engine Dask: only there when `--read-on` asks for it."""

from backup_compliance import __version__


def version() -> str:
    """What is asked of a scheduler: it unpacks what it hands on, and can only where this package is."""
    return __version__
