"""The decoding engine: no Qt, no import of ``app``; plain data out, plain data in."""

__version__ = "0.1.0"
