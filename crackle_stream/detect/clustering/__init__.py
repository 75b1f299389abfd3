"""Which tasks behave alike and unlike the others."""
