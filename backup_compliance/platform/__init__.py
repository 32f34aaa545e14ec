"""What Azure Resource Manager says about virtual machines.

`arm/` asks, `estate/` parses and joins, `decisions/` decides; `machine`, `policy` and `inventory` are one subject each over these.
Nothing enters that connects to a guest, or that judges a control as a whole.
"""
