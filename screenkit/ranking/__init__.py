"""From merged rows to an ordered list: which are best, which of them meet a condition."""
