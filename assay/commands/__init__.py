"""The commands, one file per noun. Each parses, makes one call and shows the answer."""
