"""Judgements on a finished run: may it be believed, does it meet its objectives."""
