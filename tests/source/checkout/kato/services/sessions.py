"""Sessions, as JSON in Redis."""

import json
import time
import uuid
from datetime import UTC, datetime

import redis.asyncio

_INDEX = "kato:session:_active_index"


class Sessions:
    def __init__(self, url, ttl):
        pool = redis.asyncio.ConnectionPool.from_url(url, decode_responses=True, max_connections=50)
        self._redis = redis.asyncio.Redis(connection_pool=pool)
        self._ttl = ttl

    async def create(self, node, config, metadata, ttl):
        now = time.time()
        session = {
            "session_id": f"session-{uuid.uuid4().hex}-{int(now * 1000)}",
            "node_id": node,
            "created_at": now,
            "ttl": ttl or self._ttl,
            "metadata": metadata,
            "config": config,
            "stm": [],
            "emotives": [],
            "time": 0,
            "predictions": [],
            "percept": {},
        }
        await self.save(session)
        await self._redis.exists(_key(session["session_id"]))
        await self._redis.sadd(_INDEX, session["session_id"])
        return session

    async def load(self, session_id):
        text = await self._redis.get(_key(session_id))
        if text is None:
            return None
        session = json.loads(text)
        await self._redis.expire(_key(session_id), session["ttl"])
        await self._redis.exists(_key(session_id))
        return session

    async def save(self, session):
        session["expires_at"] = time.time() + session["ttl"]
        await self._redis.setex(_key(session["session_id"]), session["ttl"], json.dumps(session))

    async def delete(self, session):
        await self._redis.delete(_key(session["session_id"]))
        await self._redis.srem(_INDEX, session["session_id"])
        await self._redis.delete(f"kato:session:node:{session['node_id']}:active")

    async def exists(self, session_id):
        return bool(await self._redis.exists(_key(session_id)))

    async def extend(self, session_id, ttl):
        await self._redis.expire(_key(session_id), ttl)

    async def count(self):
        return await self._redis.scard(_INDEX)


def shown(session):
    return {
        "session_id": session["session_id"],
        "node_id": session["node_id"],
        "created_at": _iso(session["created_at"]),
        "expires_at": _iso(session["expires_at"]),
        "ttl_seconds": session["ttl"],
        "metadata": session["metadata"],
        "session_config": session["config"],
    }


def _iso(moment):
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _key(session_id):
    return f"kato:session:{session_id}"
