"""Compose files like the two that come with KATO, as its documents describe them."""

from __future__ import annotations

from pathlib import Path

ROOT = """\
name: kato
x-restart: &restart
  restart: unless-stopped
services:
  qdrant:
    <<: *restart
    image: qdrant/qdrant:latest
    container_name: kato-qdrant
    ports:
      - "6333:6333"
    volumes:
      - qdrant-data:/qdrant/storage
    networks: [kato-network]
  redis:
    <<: *restart
    image: redis:7-alpine
    container_name: kato-redis
    command: >
      sh -c 'exec redis-server /usr/local/etc/redis/redis.conf
      ${REDIS_PASSWORD:+--requirepass "${REDIS_PASSWORD}"}
      ${REDIS_PERSISTENCE:+--save 900 1 --save 300 10 --save 60 10000}
      ${REDIS_PERSISTENCE:+--appendonly yes --appendfsync everysec}'
    ports:
      - "6379:6379"
    volumes:
      - redis-data:/data
      - ./config/redis.conf:/usr/local/etc/redis/redis.conf:ro
    healthcheck:
      test: ["CMD-SHELL", "redis-cli -a $$REDIS_PASSWORD ping"]
  clickhouse:
    <<: *restart
    image: clickhouse/clickhouse-server:latest
    container_name: kato-clickhouse
    ports:
      - "8123:8123"
      - "9000:9000"
    volumes:
      - clickhouse-data:/var/lib/clickhouse
      - ./config/clickhouse/init.sql:/docker-entrypoint-initdb.d/init.sql
      - ./config/clickhouse/users.xml:/etc/clickhouse-server/users.xml
    deploy:
      resources:
        limits:
          memory: 8G
  kato:
    <<: *restart
    build:
      context: .
    image: kato:latest
    container_name: kato
    ports:
      - "8000:8000"
    environment:
      - SERVICE_NAME=kato
      - KATO_WORKERS=${KATO_WORKERS:-4}
      - KATO_LIMIT_CONCURRENCY=${KATO_LIMIT_CONCURRENCY:-100}
      - REDIS_URL=redis://${REDIS_PASSWORD:+:${REDIS_PASSWORD}@}redis:6379
      - REDIS_ENABLED=true
      - CLICKHOUSE_HOST=clickhouse
      - CLICKHOUSE_PORT=8123
      - CLICKHOUSE_USER=${CLICKHOUSE_USER:-default}
      - CLICKHOUSE_PASSWORD=${CLICKHOUSE_PASSWORD:-}
      - QDRANT_HOST=qdrant
      - QDRANT_PORT=6333
      - LOG_LEVEL=INFO
      - SESSION_TTL=3600
      - SESSION_AUTO_EXTEND=true
      - KATO_BATCH_SIZE=10000
      - CONNECTION_POOL_SIZE=50
    depends_on:
      redis:
        condition: service_healthy
networks:
  kato-network:
    driver: bridge
volumes:
  qdrant-data:
  redis-data:
  clickhouse-data:
"""

DEPLOYMENT = """\
services:
  clickhouse:
    image: clickhouse/clickhouse-server:latest
    container_name: kato-clickhouse
    ports: ["8123:8123", "9000:9000"]
    mem_limit: 8g
  qdrant:
    image: qdrant/qdrant:latest
    container_name: kato-qdrant
    ports: ["6333:6333"]
  redis:
    image: redis:7-alpine
    container_name: kato-redis
    command: ["redis-server", "/etc/redis/redis.conf"]
    ports: ["6379:6379"]
    volumes: ["../config/redis.conf:/etc/redis/redis.conf"]
    deploy: {resources: {limits: {memory: 8G}}}
  kato:
    image: ghcr.io/sevakavakians/kato:latest
    container_name: kato
    ports: ["8000:8000"]
    environment:
      KATO_WORKERS: ${KATO_WORKERS:-4}
      REDIS_URL: redis://redis:6379
      REDIS_ENABLED: true
      CLICKHOUSE_HOST: clickhouse
      QDRANT_HOST: qdrant
      KATO_STRICT_MODE: true
  dashboard:
    image: ghcr.io/sevakavakians/kato-dashboard:latest
    container_name: kato-dashboard
    ports: ["3001:3001"]
    environment:
      KATO_API_URL: http://kato:8000
      REDIS_URL: redis://redis:6379
"""

REDIS_CONF = """\
# Redis of KATO
bind 0.0.0.0 ::
protected-mode no
save ""
appendonly no
dir /data
maxmemory 8gb
maxmemory-policy allkeys-lru
loglevel notice
"""

USERS_XML = """\
<clickhouse>
    <profiles>
        <default>
            <max_memory_usage>10000000000</max_memory_usage>
            <use_uncompressed_cache>0</use_uncompressed_cache>
            <log_queries_min_query_duration_ms>1000</log_queries_min_query_duration_ms>
        </default>
    </profiles>
    <users><kato><password>planted-xml-secret</password></kato></users>
</clickhouse>
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    """Lay files out below a folder, which is given back."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def root_bundle(folder: Path, dot_env: str = "") -> Path:
    """The repository's bundle with its configuration; its Compose file."""
    write(
        folder,
        {
            "docker-compose.yml": ROOT,
            ".env": dot_env,
            "config/redis.conf": REDIS_CONF,
            "config/clickhouse/users.xml": USERS_XML,
        },
    )
    return folder / "docker-compose.yml"
