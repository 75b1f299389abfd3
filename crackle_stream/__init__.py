"""An append-only log of task events, and a cooling pass that finds the patterns in it."""
