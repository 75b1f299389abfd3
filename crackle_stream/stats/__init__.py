"""Panes in; running moments in river's objects out, drift alarms and snapshots."""
