"""A reference implementation of KATO's HTTP contract (version 3.10.1) on KATO's own stores.

Start it as `uvicorn bench.targets.embedded.kato.app:app --workers N --limit-concurrency L`.
Sessions, short-term memory and pattern metadata live in Redis, patterns in ClickHouse, vectors in Qdrant:
under KATO's own keys, table and collections, so that a benchmark sees KATO's footprint.
"""
