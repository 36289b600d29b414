"""What one worker does to one shard. Tasks are picklable; twice is the same as once."""
