"""Pictures of flows: what a definition says as boxes and arrows, and where an item stands on them."""
