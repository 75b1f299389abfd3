"""Where a metric changed its regime: level, spread, trend, shape, or only drift."""
