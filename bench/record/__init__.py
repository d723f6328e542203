"""The run folder: the recorder process, writing, reading, verifying."""
