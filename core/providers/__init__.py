"""Calls to model providers: one client, one adapter for each wire format."""
