"""Pure: a state in the words of other tools, and what they have no words for."""
