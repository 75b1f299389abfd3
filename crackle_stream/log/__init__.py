"""Events in; a durable position out, and later blocks from any position."""
