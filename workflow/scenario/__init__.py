"""Scenario tests: at this moment this post does that; expect these dues, rungs, states, refusals.

They run the real engine under a settable clock on a database of their own; there is no second interpreter.
"""
