"""A log and a plan in; patterns at each checkpoint out."""
