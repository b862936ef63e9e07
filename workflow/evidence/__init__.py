"""The evidence: canonical bytes, digests, Merkle trees, sealed entries, keys and stored contents.

Nothing in here reads a clock, writes SQL or knows a rule. What is hashed and signed is bytes, stored as they were
written.
"""
