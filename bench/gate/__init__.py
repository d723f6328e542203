"""Judgements on finished runs: may they be believed, do they meet their objectives, did it get slower."""
