"""The pages that people read in a browser, rendered from what the REST API answers."""
