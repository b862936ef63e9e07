"""The demonstration: one campaign of the autumn of 2019 with an invented organisation, computed by the engine."""
