"""What the run verb shows while it works."""
