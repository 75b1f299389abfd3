"""The seed's own rules, for fewer tasks than a test needs."""
