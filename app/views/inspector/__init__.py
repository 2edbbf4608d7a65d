"""The pictures of the token inspector: what was believed, what was tossed, what was drawn."""
