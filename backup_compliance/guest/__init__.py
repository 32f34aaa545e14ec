"""What a guest says about itself.

`linux/` and `windows/` parse their own probe's output, `transport/` reads guests; what both systems share lies beside them.
Nothing enters that knows ARM.
"""
