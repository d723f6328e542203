"""The environment variables that KATO acts on, and a few of this benchmark's own (`KATO_BENCH_*`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from bench.errors import UsageError
from bench.targets.embedded.kato.faults import planted
from bench.targets.embedded.kato.faults.planted import Planted

T = TypeVar("T")

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
STM_MODES = ("CLEAR", "ROLLING")
DISTANCES = {"euclidean": "Euclid", "cosine": "Cosine", "dot": "Dot", "manhattan": "Manhattan"}
QUANTIZATIONS = ("scalar", "product", "binary")
RANKINGS = (
    "potential",
    "similarity",
    "evidence",
    "confidence",
    "snr",
    "fragmentation",
    "frequency",
    "normalized_entropy",
    "global_normalized_entropy",
    "predictive_information",
    "itfdf_similarity",
    "tfidf_score",
    "confluence",
    "bayesian_posterior",
    "bayesian_prior",
    "bayesian_likelihood",
    "weighted_similarity",
    "weighted_evidence",
    "weighted_confidence",
    "weighted_snr",
)


class SettingsError(UsageError):
    """A variable holds a value that KATO would not start with; the sentence names both."""


@dataclass(frozen=True)
class Settings:
    """What one worker runs with. The `reported_*` values are only repeated in `GET /concurrency`."""

    redis_url: str
    redis_enabled: bool
    """Without it KATO starts, and fails wherever it needs a node's processor."""
    clickhouse_url: str
    clickhouse_user: str
    clickhouse_password: str
    clickhouse_database: str
    qdrant_url: str
    qdrant_api_key: str
    distance: str
    quantization: str | None
    service_name: str
    log_level: str
    session_ttl: int
    session_auto_extend: bool
    process_predictions: bool
    recall_threshold: float
    max_predictions: int
    max_pattern_length: int
    stm_mode: str
    persistence: int
    sort_symbols: bool
    use_token_matching: bool
    use_fast_matching: bool
    use_indexing: bool
    rank_sort_algo: str
    metrics_cache_ttl: float
    session_count_cache_ttl: float
    reported_workers: int
    reported_limit_concurrency: int
    reported_backlog: int
    reported_max_requests: int | None
    stream_maxlen: int | None
    """Approximate length that each stream is trimmed to; None trims nothing, as KATO."""
    prediction_ttl: int | None
    """Seconds that observe-time predictions are kept under their own key; None keeps them, as KATO."""
    session_locks: str | None
    """The file by which workers keep each other from a session; None keeps them apart within a worker."""
    faults: Planted


def load(env: Mapping[str, str]) -> Settings:
    """Reads the settings. Raises SettingsError for the first value that is malformed or out of range."""
    read = _Reader(env)
    _check_unused(read)
    if read.flag("REDIS_TLS", False):
        raise SettingsError(
            "REDIS_TLS must be false: the reference API encrypts by a REDIS_URL of rediss:// only."
        )
    quantization = read.choice("KATO_QUANTIZATION_TYPE", "scalar", QUANTIZATIONS)
    return Settings(
        redis_url=read.text("REDIS_URL", None),
        redis_enabled=read.flag("REDIS_ENABLED", False),
        clickhouse_url=_url(
            read.flag("CLICKHOUSE_SECURE", False),
            read.text("CLICKHOUSE_HOST", "localhost"),
            read.integer("CLICKHOUSE_PORT", 8123, 1, 65535),
        ),
        clickhouse_user=read.text("CLICKHOUSE_USER", "default"),
        clickhouse_password=read.text("CLICKHOUSE_PASSWORD", ""),
        clickhouse_database=read.identifier("CLICKHOUSE_DB", "kato"),
        qdrant_url=_url(
            read.flag("QDRANT_HTTPS", False),
            read.text("QDRANT_HOST", "localhost"),
            read.integer("QDRANT_PORT", 6333, 1, 65535),
        ),
        qdrant_api_key=read.text("QDRANT_API_KEY", ""),
        distance=DISTANCES[read.choice("KATO_SIMILARITY_METRIC", "euclidean", tuple(DISTANCES))],
        quantization=quantization if read.flag("KATO_QUANTIZATION_ENABLED", False) else None,
        service_name=read.text("SERVICE_NAME", "kato"),
        log_level=read.choice("LOG_LEVEL", "INFO", LOG_LEVELS),
        session_ttl=read.integer("SESSION_TTL", 3600, 60, 86400),
        session_auto_extend=read.flag("SESSION_AUTO_EXTEND", True),
        process_predictions=read.flag("PROCESS_PREDICTIONS", True),
        recall_threshold=read.number("RECALL_THRESHOLD", 0.1, 0.0, 1.0),
        max_predictions=read.integer("MAX_PREDICTIONS", 100, 1, 10000),
        max_pattern_length=read.integer("MAX_PATTERN_LENGTH", 0, 0, None),
        stm_mode=read.choice("STM_MODE", "CLEAR", STM_MODES),
        persistence=read.integer("PERSISTENCE", 5, 1, 100),
        sort_symbols=read.flag("SORT_SYMBOLS", True),
        use_token_matching=read.flag("USE_TOKEN_MATCHING", True),
        use_fast_matching=read.flag("KATO_USE_FAST_MATCHING", True),
        use_indexing=read.flag("KATO_USE_INDEXING", True),
        rank_sort_algo=read.choice("RANK_SORT_ALGO", "potential", RANKINGS),
        metrics_cache_ttl=read.number("METRICS_CACHE_TTL_SECONDS", 5.0, 0.0, None),
        session_count_cache_ttl=read.number("SESSION_COUNT_CACHE_TTL_SECONDS", 5.0, 0.0, None),
        reported_workers=read.integer("UVICORN_WORKERS", 1, 1, None),
        reported_limit_concurrency=read.integer("UVICORN_LIMIT_CONCURRENCY", 100, 1, None),
        reported_backlog=read.integer("UVICORN_BACKLOG", 2048, 1, None),
        reported_max_requests=read.optional_integer("UVICORN_LIMIT_MAX_REQUESTS", 1),
        stream_maxlen=read.bound("KATO_BENCH_STREAM_MAXLEN"),
        prediction_ttl=read.bound("KATO_BENCH_PREDICTION_TTL"),
        session_locks=env.get("KATO_BENCH_SESSION_LOCKS") or None,
        faults=read.faults(),
    )


def _check_unused(read: _Reader) -> None:
    """KATO uses none of these, and does not start with a value of them that it cannot read."""
    read.integer("CONNECTION_POOL_SIZE", 50, 1, 100)
    read.number("REQUEST_TIMEOUT", 120.0, 0.0, 300.0)
    read.number("FUZZY_TOKEN_THRESHOLD", 0.0, 0.0, 1.0)
    read.json_list("CORS_ORIGINS")


def _url(secure: bool, host: str, port: int) -> str:
    return f"{'https' if secure else 'http'}://{host}:{port}"


class _Reader:
    """Typed access to the environment; an empty value counts as unset."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, name: str, default: str | None) -> str:
        value = self._env.get(name) or default
        if value is None:
            raise SettingsError(f"{name} is not set; give it a value.")
        return value

    def identifier(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if not (value.isascii() and value.isidentifier()):
            raise SettingsError(f"{name} must be a plain identifier, but it is {value!r}.")
        return value

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            raise SettingsError(f"{name} must be one of {', '.join(allowed)}, but it is {value!r}.")
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name, str(default)).lower()
        if value in ("true", "1", "yes", "on", "t", "y"):
            return True
        if value in ("false", "0", "no", "off", "f", "n"):
            return False
        raise SettingsError(f"{name} must be true or false, but it is {value!r}.")

    def integer(self, name: str, default: int, low: int, high: int | None) -> int:
        return self._within(name, self._parse(name, str(default), int, "a whole number"), low, high)

    def number(self, name: str, default: float, low: float, high: float | None) -> float:
        return self._within(name, self._parse(name, str(default), float, "a number"), low, high)

    def optional_integer(self, name: str, low: int) -> int | None:
        return self.integer(name, low, low, None) if self._env.get(name) else None

    def faults(self) -> Planted:
        try:
            return planted.read(self._env)
        except ValueError as error:
            raise SettingsError(str(error)) from None

    def json_list(self, name: str) -> None:
        """Only checks it."""
        value = self.text(name, "[]")
        try:
            well_formed = isinstance(json.loads(value), list)
        except ValueError:
            well_formed = False
        if not well_formed:
            raise SettingsError(f"{name} must be a JSON list, but it is {value!r}.")

    def bound(self, name: str) -> int | None:
        """A limit where unset and zero both mean that there is none."""
        return self.integer(name, 0, 0, None) or None

    def _parse(self, name: str, default: str, kind: Callable[[str], T], wanted: str) -> T:
        value = self.text(name, default)
        try:
            return kind(value)
        except ValueError:
            raise SettingsError(f"{name} must be {wanted}, but it is {value!r}.") from None

    @staticmethod
    def _within(name: str, value: T, low: float, high: float | None) -> T:
        if low <= value and (high is None or value <= high):  # type: ignore[operator]  # False for NaN too
            return value
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        raise SettingsError(f"{name} must be {bounds}, but it is {value}.")
