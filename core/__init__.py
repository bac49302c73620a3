"""The domain: pure rules, use cases, tables and edges."""
