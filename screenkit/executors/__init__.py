"""Who does the work, one shard at a time; knows nothing of chemistry."""
