"""Pure: the configuration of other tools as a state, and what a state has no words for."""
