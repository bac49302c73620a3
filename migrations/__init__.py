"""The history of the database's schema, and what brings a database up to date."""
