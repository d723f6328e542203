"""One load from several processes, on one machine or on many."""
