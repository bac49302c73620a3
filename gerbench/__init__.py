"""The front door: command line, Python client, embedded launcher, local endpoint."""
