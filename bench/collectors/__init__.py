"""Samplers of one source each, in a process of their own.

`sources/` holds one file a source; `base` says what a collector is; `child` is the process that runs them
all during a run; `discovery` asks every part once, before the load begins."""
