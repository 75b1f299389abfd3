"""The `crackle` command."""
