"""Settings of KATO and its stores as data: where each lives, what it may be, whether it acts."""
