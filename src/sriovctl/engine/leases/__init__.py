"""VFs lent from pools to one owner at a time, and made clean when they come back."""
