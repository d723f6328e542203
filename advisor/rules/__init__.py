"""Rules, one file a system, one pure function a rule."""
