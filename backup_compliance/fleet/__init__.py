"""Reading through the workers of an engine in other networks.

Nothing enters that judges facts; `dask_engine` alone knows Dask.
"""
