"""The networks, one paper per file, and the checkpoints that hold them."""
