"""What the lab's stand-in for the backup extension is made of: its launcher and its program, as they lie in a guest."""
