"""KATO deployments to put under load."""
