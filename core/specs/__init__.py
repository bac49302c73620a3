"""Built-in data: templates and, later, datasets."""
