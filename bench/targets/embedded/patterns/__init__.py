"""The pattern store of the embedded deployment: ClickHouse's engine behind its HTTP interface.

ClickHouse offers no server on the package index, but its engine: chdb-core is the same code as a library,
with MergeTree on disk, merges, skip indexes and system tables. This package puts the part of ClickHouse's
HTTP interface in front of it that KATO, the collectors and clickhouse-connect speak, in a process of its own:

    python -m bench.targets.embedded.patterns --port 8123 --data DIR

What differs from a server is what the engine as a library lacks: there is no `system.query_log`, no
asynchronous insert queue (an insert with `async_insert=1` is done when it is answered, whatever
`wait_for_async_insert` says), and no access control (every client is the user `default`).
"""
