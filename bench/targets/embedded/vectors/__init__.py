"""The vector part of the embedded deployment: the Qdrant engine behind Qdrant's REST interface.

`python -m bench.targets.embedded.vectors --port P --data DIR` is one process that an unmodified
qdrant-client takes for a Qdrant server. Storage, HNSW, quantization and filtering are the engine's own
(`qdrant-edge-py`); what Qdrant's server adds around it is here: collections, background indexing, metrics,
errors. One process, because the engine holds the interpreter lock and a lock on each shard's folder.

Accepted, kept and reported, but without effect, for the engine or a single node has no such thing:
shard and replica counts, WAL sizes, `memmap_threshold`. Refused with the error of a request that does not
fit: sparse and multi vectors, vector names that come later, strict mode, group queries, distance matrices,
formulas, snapshots, changes of shards.
"""

TITLE = "qdrant - vector search engine"

# The release whose REST interface is followed. A client warns when its minor version is further than one off.
VERSION = "1.20.0"
