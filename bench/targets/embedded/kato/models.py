"""Requests and responses, by the names that KATO's OpenAPI document gives them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from bench.targets.embedded.kato import codec


def _storable(text: str) -> str:
    if codec.is_text(text):
        return text
    raise PydanticCustomError(
        "string_unicode", "Input should be a valid string, unable to parse raw data as a unicode string"
    )


Text = Annotated[str, AfterValidator(_storable)]


class CreateSessionRequest(BaseModel):
    node_id: Text
    metadata: dict[str, Any] | None = Field(default_factory=dict)
    ttl_seconds: int | None = None
    config: dict[str, Any] | None = None


class ObservationData(BaseModel):
    strings: list[Text] = Field(default_factory=list)
    vectors: list[list[float]] = Field(default_factory=list)
    emotives: dict[Text, float] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)


class ObservationDataItem(ObservationData):
    unique_id: Text | None = None


class ObservationSequenceRequest(BaseModel):
    observations: list[ObservationDataItem]
    learn_after_each: bool = False
    learn_at_end: bool = False
    clear_stm_between: bool = False


class SessionResponse(BaseModel):
    session_id: str
    node_id: str
    created_at: datetime
    expires_at: datetime
    ttl_seconds: int
    metadata: dict[str, Any] = Field(default_factory=dict)
    session_config: dict[str, Any] = Field(default_factory=dict)


class TestResponse(BaseModel):
    test_id: str
    message: str


class SessionExistsResponse(BaseModel):
    exists: bool
    expired: bool
    session_id: str


class SessionCountResponse(BaseModel):
    active_session_count: int


class SessionDeletedResponse(BaseModel):
    status: str
    session_id: str


class SessionConfigResponse(BaseModel):
    session_id: str
    config: dict[str, Any]


class SessionConfigUpdateResponse(BaseModel):
    status: str
    message: str
    session_id: str


class SessionExtendResponse(BaseModel):
    status: str
    session_id: str
    ttl_seconds: int


class ObservationResult(BaseModel):
    status: str
    session_id: str | None = None
    processor_id: str | None = None
    stm_length: int | None = None
    time: int
    unique_id: str | None = None
    auto_learned_pattern: str | None = None


class ObservationSequenceResult(BaseModel):
    status: str
    processor_id: str
    observations_processed: int
    initial_stm_length: int
    final_stm_length: int
    results: list[dict[str, Any]]
    auto_learned_patterns: list[str] = Field(default_factory=list)
    final_learned_pattern: str | None = None
    isolated: bool


class STMResponse(BaseModel):
    stm: list[list[str]]
    session_id: str | None = None
    length: int | None = None


class LearnResult(BaseModel):
    status: str
    pattern_name: str
    session_id: str | None = None
    processor_id: str | None = None
    message: str | None = None


class FinalizeTrainingResult(BaseModel):
    status: str
    patterns_processed: int
    time_ms: float
    session_id: str | None = None
    node_id: str | None = None
    message: str | None = None


class STMClearedResponse(BaseModel):
    status: str
    session_id: str


class AllClearedResponse(BaseModel):
    status: str
    session_id: str
    scope: str


class PredictionsResponse(BaseModel):
    predictions: list[dict[str, Any]] = Field(default_factory=list)
    future_potentials: list[dict[str, Any]] | None = None
    session_id: str | None = None
    processor_id: str | None = None
    count: int
    time: int | None = None
    unique_id: str | None = None


class PerceptDataResponse(BaseModel):
    percept_data: dict[str, Any]
    session_id: str
    node_id: str


class CognitionDataResponse(BaseModel):
    cognition_data: dict[str, Any]
    session_id: str
    node_id: str


class RootResponse(BaseModel):
    service: str
    version: str
    description: str
    docs: str
    health: str
    status: str
    uptime_seconds: float
    architecture: str
    session_support: bool


class HealthResponse(BaseModel):
    status: str
    processor_status: str
    service_name: str
    uptime_seconds: float
    issues: list[str]
    metrics_collected: int
    last_collection: float
    active_sessions: int
    timestamp: str


class StatusResponse(BaseModel):
    status: str
    base_processor_id: str
    uptime_seconds: float
    sessions: dict[str, Any]
    processors: dict[str, Any]
    version: str


class ConcurrencyResponse(BaseModel):
    status: str
    current: dict[str, Any]
    peak: dict[str, Any]
    limits: dict[str, Any]
    configuration: dict[str, Any]
    recommendations: list[dict[str, str]]
    timestamp: str


class MetricsResponse(BaseModel):
    timestamp: float
    sessions: dict[str, Any] | None = None
    performance: dict[str, Any] | None = None
    resources: dict[str, Any] | None = None
    databases: dict[str, Any] | None = None
    rates: dict[str, Any] | None = None
    processor_manager: dict[str, Any] | None = None
    uptime_seconds: float | None = None
    active_sessions: int | None = None
    error: str | None = None


class MetricStatistics(BaseModel):
    count: int
    min: float
    max: float
    avg: float


class MetricHistoryResponse(BaseModel):
    metric_name: str
    time_range_minutes: int
    timestamp: float
    statistics: MetricStatistics
    data_points: list[dict[str, Any]]


class StatsResponse(BaseModel):
    time_range_minutes: int
    timestamp: float
    processor_manager: dict[str, Any] | None = None
    current_status: dict[str, Any] | None = None
    time_series: dict[str, Any] | None = None
    summary: dict[str, Any] | None = None
    error: str | None = None


class CacheStatsResponse(BaseModel):
    cache_performance: dict[str, Any]
    cache_health: dict[str, Any]
    timestamp: str


class CacheInvalidateResponse(BaseModel):
    status: str
    patterns_invalidated: int | None = None
    symbols_invalidated: int | None = None
    session_id: str | None = None
    reason: str | None = None
    timestamp: str


class DistributedSTMStatsResponse(BaseModel):
    status: str
    distributed_stm_enabled: bool | None = None
    performance_stats: dict[str, Any] | None = None
    processor_info: dict[str, Any] | None = None
    expected_improvements: dict[str, str] | None = None
    reason: str | None = None
    error: str | None = None
    timestamp: str


class ConnectionPoolsResponse(BaseModel):
    status: str
    health: dict[str, Any] | None = None
    pool_statistics: dict[str, Any] | None = None
    connection_optimization: dict[str, Any] | None = None
    performance_improvements: dict[str, str] | None = None
    error: str | None = None
    timestamp: str


class PatternResponse(BaseModel):
    pattern: Any
    node_id: str


class DeprecatedPerceptDataResponse(BaseModel):
    percept_data: dict[str, Any]
    node_id: str
    warning: str


class DeprecatedCognitionDataResponse(BaseModel):
    cognition_data: dict[str, Any]
    node_id: str
    warning: str


class SymbolAffinitiesResponse(BaseModel):
    affinities: dict[str, Any]
    node_id: str


class SymbolStatsResponse(BaseModel):
    symbols: dict[str, Any]
    node_id: str


class SymbolAffinityResponse(BaseModel):
    symbol: str
    affinity: Any
    node_id: str
