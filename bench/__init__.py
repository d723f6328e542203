"""Measuring: from a plan to a run record, and what can be computed from it."""

__version__ = "0.1.0"
