"""What ``workflow explain CODE`` tells: one page for every code, with an example that has the fault and one that has not."""
