"""Pure: bytes and text to the model's types, and back."""
