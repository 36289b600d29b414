"""What a network sees of a crystal."""
