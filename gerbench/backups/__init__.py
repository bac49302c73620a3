"""Backups of an installation, and their way back. They work on any schema, also on an older one."""
