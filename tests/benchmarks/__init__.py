"""What the engine costs, measured beside hand-written code that writes the same bytes. Run by ``make bench``."""
