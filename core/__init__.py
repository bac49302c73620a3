"""The domain: pure rules, use cases, tables and edges."""

__version__ = "0.1.0"
