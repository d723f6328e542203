"""The pattern store of the embedded deployment: ClickHouse's engine behind its HTTP interface.

ClickHouse offers no server on the package index, but its engine: chdb-core is the same code as a library,
with MergeTree on disk, merges, skip indexes and system tables. This package puts ClickHouse's HTTP interface
in front of it, as KATO, the collectors and clickhouse-connect speak it, in a process of its own:

    python -m bench.targets.embedded.patterns --port 8123 --data DIR

What a server has and the engine as a library lacks is done here: users and their settings (`users`), the
queue of asynchronous inserts (`inserts`, `busy`), the logs of queries and of those inserts (`logs`). What
neither has is refused with ClickHouse's own error. docs/embedded-conformance.md tells what differs.
"""
