"""Workloads, one a file; each is also a plain locustfile."""
