"""States in the formats of other tools, and hosts as states."""
