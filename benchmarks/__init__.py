"""Comparisons of kato-bench with other load generators on this machine: `make bench` (docs/benchmarks.md)."""
