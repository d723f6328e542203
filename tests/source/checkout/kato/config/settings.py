"""The environment, read as strictly as KATO reads it."""

import os
from dataclasses import dataclass
from pathlib import Path


class SettingsError(ValueError):
    pass


@dataclass(frozen=True)
class Settings:
    redis_url: str
    redis_enabled: bool
    clickhouse_host: str
    clickhouse_port: int
    clickhouse_user: str
    clickhouse_password: str
    clickhouse_secure: bool
    qdrant_host: str
    qdrant_port: int
    qdrant_api_key: str | None
    qdrant_https: bool
    service_name: str
    log_level: str
    session_ttl: int
    recall_threshold: float
    max_predictions: int
    process_predictions: bool


def load(env=os.environ):
    if Path(".env").exists():
        raise SettingsError(
            "1 validation error for Settings\nCOMPOSE_PROJECT_NAME\n  Extra inputs are not permitted"
        )
    level = env.get("LOG_LEVEL", "INFO")
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        raise SettingsError(
            f"LOG_LEVEL {level}: Input should be 'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRITICAL'"
        )
    return Settings(
        redis_url=env["REDIS_URL"],
        redis_enabled=_flag(env, "REDIS_ENABLED", False),
        clickhouse_host=env.get("CLICKHOUSE_HOST", "localhost"),
        clickhouse_port=int(env.get("CLICKHOUSE_PORT", "8123")),
        clickhouse_user=env.get("CLICKHOUSE_USER", "default"),
        clickhouse_password=env.get("CLICKHOUSE_PASSWORD", ""),
        clickhouse_secure=_flag(env, "CLICKHOUSE_SECURE", False),
        qdrant_host=env.get("QDRANT_HOST", "localhost"),
        qdrant_port=int(env.get("QDRANT_PORT", "6333")),
        qdrant_api_key=env.get("QDRANT_API_KEY"),
        qdrant_https=_flag(env, "QDRANT_HTTPS", False),
        service_name=env.get("SERVICE_NAME", "kato"),
        log_level=level,
        session_ttl=int(env.get("SESSION_TTL", "3600")),
        recall_threshold=float(env.get("RECALL_THRESHOLD", "0.1")),
        max_predictions=int(env.get("MAX_PREDICTIONS", "100")),
        process_predictions=_flag(env, "PROCESS_PREDICTIONS", True),
    )


def _flag(env, name, default):
    return env.get(name, str(default)).lower() in ("true", "1", "yes", "on")
