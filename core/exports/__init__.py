"""Whole runs as files, streamed: memory does not grow with the number of samples."""
