"""Trying a flow out before it is in force: invented people act on invented items, on the real engine, under a clock that
is moved. There is no second interpreter."""
