"""Samplers of one source each, in a process of their own."""
