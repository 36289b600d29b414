"""Everything on disk: one row per structure, whole files or none, checked before they are read."""
