"""The whole road in five steps, on real deployments: `make story`, or `make story-faults` and so on.

Each step runs the `kato-bench` command as a user would, checks what it says, and notes its numbers in
`results/runs/story/story.json`, from which a later step takes what it needs. `STORY=quick` makes the steps
shorter: fewer vectors, shorter runs, fewer pairs.
"""
