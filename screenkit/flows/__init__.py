"""What one command does to all shards."""
