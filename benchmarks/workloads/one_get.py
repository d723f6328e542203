"""The same GET again and again: what a request costs the load engine itself."""

from __future__ import annotations

from bench.loadgen.operations import predict
from bench.loadgen.user import KatoUser, Script

SCENARIO = {
    "title": "one GET",
    "operations": ["create", "predict"],
    "options": {"nodes": {"default": 1}, "sessions": {"default": 32}},
    "defaults": {},
}


class OneGet(KatoUser):
    scenario = SCENARIO

    def script(self) -> Script:
        request = predict()
        while True:
            yield request
