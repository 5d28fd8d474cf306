"""Pure: from what is and what is wanted to the ordered steps between them, and back."""
