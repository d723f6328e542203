"""A complete KATO deployment on loopback, from pip-installed engines."""
