"""How much a deployment carries: search under objectives, growth with what it has learned, and the plan.

The controllers here decide and never measure: they are handed a `measure` that makes one trial or one run
and tells plain numbers (`trials.TrialOutcome`, `growth.SizeOutcome`), so that a simulated deployment tests
them in milliseconds.
"""
