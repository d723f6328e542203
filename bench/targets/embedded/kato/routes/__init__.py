"""KATO's endpoints, by topic."""
