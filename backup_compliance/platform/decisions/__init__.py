"""Whether a virtual machine meets a requirement, decided from the estate.

Pure: nothing enters that does I/O, parses ARM's JSON, or knows severities.
"""
