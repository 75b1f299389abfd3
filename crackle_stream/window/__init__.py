"""Positions and event times in; which rows are looked at together, and in which order, out."""
