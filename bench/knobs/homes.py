"""Where settings live: how each home is read, and how it is changed."""

from __future__ import annotations

from typing import Literal

Home = Literal[
    "uvicorn command line",
    "environment",
    "vector config file",
    "compose variable",
    "session config",
    "redis config",
    "qdrant server",
    "qdrant collection",
    "qdrant creation",
    "qdrant search",
    "clickhouse server",
    "clickhouse profile",
    "clickhouse table",
    "clickhouse insert",
    "container limit",
    "container cpu limit",
]

#: Where the value in force is read; {} stands for the knob's name there.
LIVE: dict[Home, str] = {
    "uvicorn command line": "arguments of KATO's process, {}",
    "environment": "environment of KATO's process, {}",
    "vector config file": "the file that KATO_VECTOR_CONFIG_FILE names, {}",
    "compose variable": "docker compose config",
    "session config": "GET /sessions/<id>/config, config.{}",
    "redis config": "CONFIG GET {}",
    "qdrant server": "Qdrant's config.yaml and environment, {}",
    "qdrant collection": "GET /collections/<name>, config.{}",
    "qdrant creation": "GET /collections/<name>, config.{}",
    "qdrant search": "the params of each search, {}",
    "clickhouse server": "SELECT value FROM system.server_settings WHERE name = '{}'",
    "clickhouse profile": "SELECT value FROM system.settings WHERE name = '{}'",
    "clickhouse table": "SHOW CREATE TABLE kato.patterns_data, {}",
    "clickhouse insert": "the settings that KATO sends with each INSERT, {}",
    "container limit": "docker inspect kato-{}, HostConfig.Memory",
    "container cpu limit": "docker inspect kato-{}, HostConfig.NanoCpus",
}

#: Where it is set; {} as above.
SET: dict[Home, str] = {
    "uvicorn command line": "KATO's command line, {}",
    "environment": "environment of KATO's container or process, {}",
    "vector config file": "the file that KATO_VECTOR_CONFIG_FILE names, {}",
    "compose variable": ".env beside KATO's docker-compose.yml, {}",
    "session config": "config.{} of POST /sessions, or POST /sessions/<id>/config",
    "redis config": "redis.conf, the server's command line, or CONFIG SET {}",
    "qdrant server": "Qdrant's config.yaml, {}, or its environment (QDRANT__…)",
    "qdrant collection": "PATCH /collections/<name>, {}",
    "qdrant creation": "KATO's PUT /collections/<name>, {}: fixed from then on",
    "qdrant search": "params.{} of a search; KATO sends none",
    "clickhouse server": "config.d/*.xml of the server, {}",
    "clickhouse profile": "users.xml or users.d/*.xml, profile default, {}",
    "clickhouse table": "SQL: ALTER TABLE kato.patterns_data …, {}",
    "clickhouse insert": "KATO sends it with each INSERT, which wins over the profile: {}",
    "container limit": "deploy.resources.limits.memory of the Compose service {}; Kubernetes: "
    "resources.limits",
    "container cpu limit": "deploy.resources.limits.cpus of the Compose service {}; Kubernetes: "
    "resources.limits",
}

#: Why a home is out of reach of `--set`, and what to do instead; {} as above.
OUT_OF_REACH: dict[Home, str] = {
    "vector config file": "its reference API is given no such file; set it in a KATO of yours and measure "
    "with --target URL",
    "compose variable": "no compose file stands behind it; set the knobs that the variable stands for",
    "session config": "it is an option of every session: give --session {}=VALUE",
    "qdrant server": "its engine has no server around it; set it in a Qdrant of yours and measure with "
    "--target URL --qdrant-url URL",
    "qdrant creation": "KATO decides it when it creates a collection",
    "qdrant search": "KATO sends no params with its searches; the scenario vectors probes them by itself",
    "clickhouse server": "its engine has no server around it; set it in a ClickHouse of yours and measure "
    "with --target URL --clickhouse-url URL",
    "clickhouse table": "the table is made as KATO's own init.sql makes it; alter that of a deployment of "
    "yours and measure with --target URL",
    "clickhouse insert": "KATO sends it itself with each insert, and no setting changes that",
    "container limit": "it runs in no container; limit that of {} in a deployment of yours and measure that "
    "with --target URL",
    "container cpu limit": "it runs in no container; limit that of {} in a deployment of yours and measure "
    "that with --target URL",
}
