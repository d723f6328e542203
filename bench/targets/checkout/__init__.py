"""A KATO checkout, started as its container starts it, on the engines of the embedded deployment."""
