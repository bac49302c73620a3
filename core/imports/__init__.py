"""Datasets as people keep them: archives, manifests and folders, read and checked whole."""
