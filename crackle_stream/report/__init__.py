"""One list of patterns in; every rendering of it out."""
