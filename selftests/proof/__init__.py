"""What `make proof` proves: no damage makes a failure pass, no mutant of the judging lives, and brute force agrees.

Nothing enters that the product needs.
"""
