"""The OpenAPI document: the endpoints, parameters and models that KATO 3.10.1 publishes, and no others."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

# Method, path, query, body, answer, tag. `?` marks what may be left out, `-` what there is not.
OPERATIONS = """
GET /sessions/test/{test_id} - - TestResponse sessions
POST /sessions - CreateSessionRequest SessionResponse sessions
GET /sessions/count - - SessionCountResponse sessions
GET /sessions/{session_id}/exists - - SessionExistsResponse sessions
GET /sessions/{session_id} - - SessionResponse sessions
DELETE /sessions/{session_id} - - SessionDeletedResponse sessions
GET /sessions/{session_id}/config - - SessionConfigResponse sessions
POST /sessions/{session_id}/config - {any} SessionConfigUpdateResponse sessions
POST /sessions/{session_id}/extend ttl_seconds?:integer=3600 - SessionExtendResponse sessions
POST /sessions/{session_id}/observe - ObservationData ObservationResult sessions
GET /sessions/{session_id}/stm - - STMResponse sessions
POST /sessions/{session_id}/learn - - LearnResult sessions
POST /sessions/{session_id}/finalize-training - - FinalizeTrainingResult sessions
POST /sessions/{session_id}/clear-stm - - STMClearedResponse sessions
POST /sessions/{session_id}/clear-all - - AllClearedResponse sessions
POST /sessions/{session_id}/observe-sequence - ObservationSequenceRequest ObservationSequenceResult sessions
GET /sessions/{session_id}/predictions - - PredictionsResponse sessions
GET /sessions/{session_id}/percept-data - - PerceptDataResponse sessions
GET /sessions/{session_id}/cognition-data - - CognitionDataResponse sessions
GET /concurrency - - ConcurrencyResponse monitoring
GET /cache/stats - - CacheStatsResponse monitoring
POST /cache/invalidate session_id?:string|null - CacheInvalidateResponse monitoring
GET /distributed-stm/stats - - DistributedSTMStatsResponse monitoring
GET /metrics - - MetricsResponse monitoring
GET /stats minutes?:integer=10 - StatsResponse monitoring
GET /metrics/{metric_name} minutes?:integer=10 - MetricHistoryResponse monitoring
GET /connection-pools - - ConnectionPoolsResponse monitoring
GET /status - - StatusResponse health
GET /health - - HealthResponse health
GET /pattern/{pattern_id} node_id?:string|null - PatternResponse kato-ops
GET /percept-data node_id?:string|null - DeprecatedPerceptDataResponse kato-ops
GET /cognition-data node_id?:string|null - DeprecatedCognitionDataResponse kato-ops
GET /symbols/affinity node_id?:string|null - SymbolAffinitiesResponse kato-ops
GET /symbols/stats node_id?:string|null - SymbolStatsResponse kato-ops
GET /symbols/{symbol}/affinity node_id?:string|null - SymbolAffinityResponse kato-ops
GET / - - RootResponse -
"""

MODELS = """
AllClearedResponse: status:string session_id:string scope:string
CacheInvalidateResponse: status:string patterns_invalidated?:integer|null
    symbols_invalidated?:integer|null session_id?:string|null reason?:string|null timestamp:string
CacheStatsResponse: cache_performance:{any} cache_health:{any} timestamp:string
CognitionDataResponse: cognition_data:{any} session_id:string node_id:string
ConcurrencyResponse: status:string current:{any} peak:{any} limits:{any} configuration:{any}
    recommendations:[{string}] timestamp:string
ConnectionPoolsResponse: status:string health?:{any}|null pool_statistics?:{any}|null
    connection_optimization?:{any}|null performance_improvements?:{string}|null error?:string|null
    timestamp:string
CreateSessionRequest: node_id:string metadata?:{any}|null ttl_seconds?:integer|null config?:{any}|null
DeprecatedCognitionDataResponse: cognition_data:{any} node_id:string warning:string
DeprecatedPerceptDataResponse: percept_data:{any} node_id:string warning:string
DistributedSTMStatsResponse: status:string distributed_stm_enabled?:boolean|null
    performance_stats?:{any}|null processor_info?:{any}|null expected_improvements?:{string}|null
    reason?:string|null error?:string|null timestamp:string
FinalizeTrainingResult: status:string patterns_processed:integer time_ms:number session_id?:string|null
    node_id?:string|null message?:string|null
HealthResponse: status:string processor_status:string service_name:string uptime_seconds:number
    issues:[string] metrics_collected:integer last_collection:number active_sessions:integer
    timestamp:string
LearnResult: status:string pattern_name:string session_id?:string|null processor_id?:string|null
    message?:string|null
MetricHistoryResponse: metric_name:string time_range_minutes:integer timestamp:number
    statistics:MetricStatistics data_points:[{any}]
MetricStatistics: count:integer min:number max:number avg:number
MetricsResponse: timestamp:number sessions?:{any}|null performance?:{any}|null resources?:{any}|null
    databases?:{any}|null rates?:{any}|null processor_manager?:{any}|null uptime_seconds?:number|null
    active_sessions?:integer|null error?:string|null
ObservationData: strings?:[string] vectors?:[[number]] emotives?:{number} metadata?:{any}
ObservationDataItem: strings?:[string] vectors?:[[number]] emotives?:{number} metadata?:{any}
    unique_id?:string|null
ObservationResult: status:string session_id?:string|null processor_id?:string|null
    stm_length?:integer|null time:integer unique_id?:string|null auto_learned_pattern?:string|null
ObservationSequenceRequest: observations:[ObservationDataItem] learn_after_each?:boolean
    learn_at_end?:boolean clear_stm_between?:boolean
ObservationSequenceResult: status:string processor_id:string observations_processed:integer
    initial_stm_length:integer final_stm_length:integer results:[{any}] auto_learned_patterns?:[string]
    final_learned_pattern?:string|null isolated:boolean
PatternResponse: pattern:any node_id:string
PerceptDataResponse: percept_data:{any} session_id:string node_id:string
PredictionsResponse: predictions?:[{any}] future_potentials?:[{any}]|null session_id?:string|null
    processor_id?:string|null count:integer time?:integer|null unique_id?:string|null
RootResponse: service:string version:string description:string docs:string health:string status:string
    uptime_seconds:number architecture:string session_support:boolean
STMClearedResponse: status:string session_id:string
STMResponse: stm:[[string]] session_id?:string|null length?:integer|null
SessionConfigResponse: session_id:string config:{any}
SessionConfigUpdateResponse: status:string message:string session_id:string
SessionCountResponse: active_session_count:integer
SessionDeletedResponse: status:string session_id:string
SessionExistsResponse: exists:boolean expired:boolean session_id:string
SessionExtendResponse: status:string session_id:string ttl_seconds:integer
SessionResponse: session_id:string node_id:string created_at:date-time expires_at:date-time
    ttl_seconds:integer metadata?:{any} session_config?:{any}
StatsResponse: time_range_minutes:integer timestamp:number processor_manager?:{any}|null
    current_status?:{any}|null time_series?:{any}|null summary?:{any}|null error?:string|null
StatusResponse: status:string base_processor_id:string uptime_seconds:number sessions:{any}
    processors:{any} version:string
SymbolAffinitiesResponse: affinities:{any} node_id:string
SymbolAffinityResponse: symbol:string affinity:any node_id:string
SymbolStatsResponse: symbols:{any} node_id:string
TestResponse: test_id:string message:string
"""


def kind(schema: dict[str, Any]) -> str:
    """A schema in the notation of the tables above."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[1])
    if "anyOf" in schema:
        return "|".join(map(kind, schema["anyOf"]))
    match schema.get("type"):
        case None:
            return "any"
        case "array":
            return f"[{kind(schema['items'])}]"
        case "object":
            values = schema.get("additionalProperties")
            return f"{{{kind(values)}}}" if isinstance(values, dict) and values else "{any}"
        case name:
            return str(schema.get("format", name))


def described(method: str, path: str, operation: dict[str, Any]) -> str:
    def json_of(content: dict[str, Any]) -> str:
        return kind(content["content"]["application/json"]["schema"])

    query = [
        f"{one['name']}?:{kind(one['schema'])}"
        + (f"={one['schema']['default']}" if "default" in one["schema"] else "")
        for one in operation.get("parameters", [])
        if one["in"] == "query" and not one["required"]
    ]
    body = json_of(operation["requestBody"]) if "requestBody" in operation else "-"
    answer = json_of(operation["responses"]["200"])
    tag = operation.get("tags", ["-"])[0]
    return " ".join([method.upper(), path, " ".join(query) or "-", body, answer, tag])


def fields(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    return " ".join(
        f"{name}{'' if name in required else '?'}:{kind(one)}" for name, one in schema["properties"].items()
    )


@pytest.fixture(scope="module")
def document(api) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{api.url}/openapi.json").json()
    return answer


def test_every_operation_is_published_as_kato_publishes_it(document: dict[str, Any]) -> None:
    published = {
        described(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert published == {" ".join(line.split()) for line in OPERATIONS.strip().splitlines()}


def test_every_model_has_the_fields_that_kato_gives_it(document: dict[str, Any]) -> None:
    of_the_framework = {"HTTPValidationError", "ValidationError"}
    published = {
        f"{name}: {fields(schema)}"
        for name, schema in document["components"]["schemas"].items()
        if name not in of_the_framework
    }
    tables = MODELS.strip().replace("\n    ", " ").splitlines()
    assert published == set(tables)


def test_the_document_names_kato_and_its_version(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"] == {
        "title": "KATO API",
        "description": "Knowledge Abstraction for Traceable Outcomes with Multi-User Support",
        "version": "3.10.1",
    }


def test_what_kato_calls_deprecated_is(document: dict[str, Any]) -> None:
    marked = {
        path
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if operation.get("deprecated")
    }
    assert marked == {"/percept-data", "/cognition-data"}
