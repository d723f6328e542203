"""What to say of a run, as data, and its renderings."""
