"""The tests. ``make test`` runs all but the benchmarks, on SQLite and on PostgreSQL."""
