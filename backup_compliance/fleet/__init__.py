"""Reading through workers in other networks, over the engine Dask: only there when `--read-on` asks for it."""
