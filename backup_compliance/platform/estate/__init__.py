"""Resources of a subscription, parsed from ARM's JSON and joined by id.

Pure: nothing enters that does I/O or decides whether a requirement is met.
"""
