"""The private alembic environment: the schema, revision by revision. Each revision is frozen once released."""
