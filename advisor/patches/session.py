"""What an application sends when it creates a session."""

from __future__ import annotations

import json

from advisor.patches.base import Changes, Deployment, Form, in_one_file
from bench.knobs.catalogue import find
from bench.knobs.knob import Knob, Value
from bench.record.advice import Patch


def write(changes: Changes, deployment: Deployment) -> Patch | None:
    knobs = ((find(name), value) for name, value in changes.items())
    config = {knob.spelled: _plain(knob, value) for knob, value in knobs if knob.home == "session config"}
    if not config:
        return None
    # KATO discards the whole config, and answers 200, where one value of it is invalid.
    title = "In the application, body of POST /sessions; session_config in the answer has to echo it"
    return Patch(kind="session", title=title, text=json.dumps({"config": config}, indent=2) + "\n")


def _plain(knob: Knob, value: Value) -> object:
    return json.loads(str(value)) if knob.kind == "list" else value


FORM = Form(write, in_one_file("session.json"))
