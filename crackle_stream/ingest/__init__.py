"""Bytes in; validated events in chunks out, and a rejection with line and reason for the rest."""
