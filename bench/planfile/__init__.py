"""Plan files: TOML that says what to run. `docs/plans.md` is their reference."""
