"""The Celery application and the dispatch loop."""
