"""Which metrics move together: along a line, in ranks, along a curve, or with a lag."""
