"""Qdrant: a collection for each node that has learned a vector."""

from uuid import NAMESPACE_DNS, uuid5

from qdrant_client import QdrantClient, models


class Vectors:
    def __init__(self, settings):
        self._client = QdrantClient(
            host=settings.qdrant_host,
            port=settings.qdrant_port,
            api_key=settings.qdrant_api_key,
            https=settings.qdrant_https,
            timeout=10,
        )

    def nearest(self, kb, vector):
        if not self._client.collection_exists(f"vectors_{kb}"):
            return []
        found = self._client.query_points(f"vectors_{kb}", query=vector, limit=3, with_payload=True)
        return [point.payload["vctr_name"] for point in found.points]

    def learn(self, kb, symbol, vector):
        name = f"vectors_{kb}"
        if not self._client.collection_exists(name):
            self._client.create_collection(
                name,
                vectors_config=models.VectorParams(size=len(vector), distance=models.Distance.EUCLID),
                on_disk_payload=True,
                hnsw_config=models.HnswConfigDiff(m=16, ef_construct=128, full_scan_threshold=10000),
                optimizers_config=models.OptimizersConfigDiff(
                    deleted_threshold=0.2,
                    vacuum_min_vector_number=1000,
                    default_segment_number=4,
                    max_segment_size=500000,
                    memmap_threshold=20000,
                    indexing_threshold=10000,
                    flush_interval_sec=5,
                ),
            )
        point = models.PointStruct(
            id=str(uuid5(NAMESPACE_DNS, symbol)), vector=vector, payload={"vctr_name": symbol}
        )
        self._client.upsert(name, [point], wait=True)
