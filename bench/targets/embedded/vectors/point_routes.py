"""The endpoints that change points: from a request to the `result` of its answer."""

from __future__ import annotations

from . import writes
from .request import Handler, Request
from .rules import Json


def done(request: Request, operation: int) -> Json:
    """The result of a change. The engine has made it in any case; who did not ask to wait is told less."""
    return {"operation_id": operation, "status": "completed" if request.waits else "acknowledged"}


def _writing(parse: writes.Parser) -> Handler:
    async def write(request: Request) -> Json:
        collection = request.collection
        change = parse(request.json(), collection.settings.sizes)
        return done(request, await collection.apply(change))

    return write


upsert_points = _writing(writes.upsert)
delete_points = _writing(writes.delete_points)
update_vectors = _writing(writes.update_vectors)
delete_vectors = _writing(writes.delete_vectors)
set_payload = _writing(writes.set_payload)
overwrite_payload = _writing(writes.overwrite_payload)
delete_payload = _writing(writes.delete_payload)
clear_payload = _writing(writes.clear_payload)


async def update_batch(request: Request) -> list[Json]:
    collection = request.collection
    changes = writes.batch(request.json(), collection.settings.sizes)
    return [done(request, await collection.apply(change)) for change in changes]
