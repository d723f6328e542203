"""The server itself: version, health, metrics, telemetry."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import warnings

import pytest
from qdrant_client import QdrantClient
from qdrant_data import create, refused


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def test_the_version_is_one_that_the_client_works_with(url: str) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        client = QdrantClient(url=url, timeout=30)
    assert len([one for one in warned if "version" in str(one.message)]) <= 1
    info = client.info()
    assert info.title.startswith("qdrant")
    assert info.version.startswith("1.")
    client.close()


def test_health(url: str) -> None:
    for path in ("healthz", "readyz", "livez"):
        assert read(f"{url}/{path}")


def test_metrics_count_collections_points_and_answers(client: QdrantClient, url: str, name: str) -> None:
    create(client, name)
    client.query_points(name, query=[0.0] * 4)
    page = read(f"{url}/metrics")
    assert f'app_info{{name="qdrant",version="{client.info().version}"}} 1' in page
    assert "\ncollections_total " in page
    searches = [line for line in page.splitlines() if line.startswith("rest_responses_total{")]
    assert any("/points/query" in line and 'status="200"' in line for line in searches)
    assert all(float(line.rpartition(" ")[2]) > 0 for line in searches)


def test_telemetry(client: QdrantClient, name: str) -> None:
    create(client, name)
    client.query_points(name, query=[0.0] * 4)
    told = client.http.service_api.telemetry(details_level=1).result
    assert told.app.version == client.info().version
    assert told.collections.number_of_collections == len(told.collections.collections) >= 1
    answers = next(stats for path, stats in told.requests.rest.responses.items() if path.endswith("/query"))
    assert answers["200"].count >= 1


def test_a_path_that_is_not_there(url: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        read(f"{url}/nowhere")
    assert (caught.value.code, caught.value.read()) == (404, b"")


def test_a_body_that_is_no_json(client: QdrantClient, url: str, name: str) -> None:
    create(client, name)
    request = urllib.request.Request(
        f"{url}/collections/{name}/points/query", b"{oops", {"content-type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    told = json.loads(caught.value.read())
    assert (caught.value.code, set(told)) == (400, {"status", "time"})
    assert told["status"]["error"].startswith("Format error in JSON body")


def test_a_name_that_no_folder_can_have(client: QdrantClient) -> None:
    assert "collection_name" in refused(422, create, client, "a:b")
