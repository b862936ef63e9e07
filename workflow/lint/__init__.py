"""The operator's linter: whole projects (flows, tests, organisation, calendars, overlays), pages that explain every code."""
