"""What KATO has written into its code: no setting changes it, and settings must fit it. KATO 3.10.1."""

from __future__ import annotations

#: Connections to Redis that the sessions of one worker share; beyond, KATO answers 404 for sessions that
#: live.
SESSION_POOL = 50
#: A limit of connections per worker that leaves the pool room for requests that come over more than one.
SAFE_CONNECTIONS = 40
#: Most connections to Redis that one worker opens: one for patterns, those of its sessions, and those of its
#: caches and event streams (three pools of 20).
REDIS_CONNECTIONS = 1 + SESSION_POOL + 60
#: Nodes that one worker keeps; one more evicts the node used longest ago and deletes its Qdrant collection.
MOST_NODES = 100
#: Resident memory of a worker when it has started, and of uvicorn's supervisor, in bytes.
WORKER_BYTES, SUPERVISOR_BYTES = 236_000_000, 12_000_000
#: What KATO creates Qdrant collections with; its searches name no ef, so that Qdrant takes ef_construct.
HNSW_M, HNSW_EF_CONSTRUCT = 16, 128
#: The table of patterns, and the database that writes, counts and reads of one symbol name in full.
DATABASE, PATTERNS = "kato", "patterns_data"
#: Every observation is appended to it, and nothing trims or reads it.
GLOBAL_STREAM = "stm:global"
#: Ids of sessions; entries of those that expired stay in it.
SESSION_INDEX = "kato:session:_active_index"
