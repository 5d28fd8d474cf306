"""The story that ``make demo`` tells: from no VFs to a guest with its own VF, and back."""
