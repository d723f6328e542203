"""Bodies of `PATCH /collections/<name>`: KATO cannot choose the graph of a collection beforehand, and one
must never be created anew, as its vectors exist nowhere else."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from advisor.patches.base import Changes, Deployment, Files, Form
from bench.knobs.catalogue import find
from bench.record.advice import Patch

_ENABLED = "kato.KATO_QUANTIZATION_ENABLED"
_TYPE = "kato.KATO_QUANTIZATION_TYPE"

#: What KATO 3.10.1 sends for each type when it creates a collection (vectordb_config.py).
_QUANTIZATION: dict[str, Any] = {
    "scalar": {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}},
    "product": {"product": {"compression": "x16"}},
    "binary": {"binary": {}},
}

_SHOWN = 3
_ANY = "vectors_<node>"


def write(changes: Changes, deployment: Deployment) -> Patch | None:
    body: dict[str, Any] = {}
    for name, value in changes.items():
        knob = find(name)
        if knob.home == "qdrant collection":
            group, _, field = knob.spelled.partition(".")
            body.setdefault(group, {})[field] = value
    if {_ENABLED, _TYPE} & changes.keys():
        body["quantization_config"] = _quantization(changes, deployment)
    if not body:
        return None
    names = [f"/collections/{quote(name, safe='')}" for name in deployment.collections]
    if not names:
        names = [f"/collections/{_ANY}, for each collection"]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return Patch(
        kind="qdrant",
        title=f"PATCH {', '.join(names[:_SHOWN])}{more}; Qdrant then builds anew in the background",
        text=json.dumps(body, indent=2) + "\n",
    )


def _quantization(changes: Changes, deployment: Deployment) -> Any:
    values = {**deployment.live, **changes}
    return (
        _QUANTIZATION[str(values.get(_TYPE) or find(_TYPE).shipped)] if values.get(_ENABLED) else "Disabled"
    )


def files(patch: Patch, deployment: Deployment) -> Files:
    """One a collection, as each is a request of its own."""
    names = deployment.collections or ("each-collection",)
    return {f"qdrant-{quote(name, safe='')}.json": patch.text for name in names}


FORM = Form(write, files)
