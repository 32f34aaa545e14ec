"""What a guest says: reading it once, parsing what it said."""
