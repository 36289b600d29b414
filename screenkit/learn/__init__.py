"""Arrays in, Checkpoint out."""
