"""The questions that an inspection asks, one file a system. They read only, and only so much."""
