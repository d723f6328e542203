"""Each fault on the real engines: its signature is there with it, and absent without it."""
