"""Summaries and rows of a window in; candidates, then significant patterns, then findings out."""
