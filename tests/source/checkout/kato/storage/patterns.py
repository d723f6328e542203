"""ClickHouse: the learned patterns of all nodes, one row each."""

import hashlib

import clickhouse_connect

COLUMNS = [
    *("kb_id", "name", "pattern_data", "length", "token_set", "token_count"),
    *("minhash_sig", "lsh_bands", "first_token", "last_token"),
]
_INSERT = {"async_insert": 1, "wait_for_async_insert": 0}


class Patterns:
    def __init__(self, settings):
        self._client = clickhouse_connect.get_client(
            host=settings.clickhouse_host,
            port=settings.clickhouse_port,
            username=settings.clickhouse_user,
            password=settings.clickhouse_password,
            secure=settings.clickhouse_secure,
            database="kato",
            connect_timeout=10,
            send_receive_timeout=30,
            compress=True,
        )

    def meet(self, kb):
        """What KATO asks when it meets a node."""
        self._client.query("SELECT 1")
        self._client.query("SELECT COUNT(*) FROM kato.patterns_data")

    def ping(self):
        return self._client.query("SELECT 1").result_rows == [(1,)]

    def learn(self, kb, name, events):
        tokens = [token for event in events for token in event]
        digests = [hashlib.sha1(f"{n}{tokens}".encode()).digest() for n in range(20)]
        signature = [int.from_bytes(one[i : i + 4], "big") for one in digests for i in range(0, 20, 4)]
        bands = [int.from_bytes(one[:8], "big") for one in digests]
        row = [kb, name, events, len(tokens), sorted(set(tokens)), len(set(tokens)), signature, bands]
        self._client.insert(
            "kato.patterns_data", [[*row, tokens[0], tokens[-1]]], column_names=COLUMNS, settings=_INSERT
        )

    def candidates(self, kb, tokens, pipeline, config):
        """(name, events) of the patterns that pass the filters; all of the node's where there are none."""
        names = None
        for stage in pipeline:
            condition = self._condition(stage, tokens, config)
            if condition is not None:
                names = self._narrowed(kb, condition, names)
        if names is None:
            return self._rows(f"SELECT name, pattern_data FROM patterns_data WHERE kb_id = '{kb}'")
        found = []
        for chunk in _chunks(names):
            listed = ", ".join(f"'{name}'" for name in chunk)
            found += self._rows(
                f"SELECT name, pattern_data FROM patterns_data WHERE kb_id = '{kb}' AND name IN ({listed})"
            )
        return found

    def beginning_with(self, kb, token):
        return self._rows(
            f"SELECT name, pattern_data FROM kato.patterns_data WHERE kb_id = '{kb}' "
            f"AND first_token = '{token}'"
        )

    def get(self, kb, name):
        rows = self._client.query(
            "SELECT pattern_data, length FROM kato.patterns_data "
            "WHERE kb_id = {kb:String} AND name = {name:String}",
            parameters={"kb": kb, "name": name},
        ).result_rows
        return rows[0] if rows else None

    def everything(self, kb):
        self._client.command("SYSTEM FLUSH ASYNC INSERT QUEUE")
        return self._rows(f"SELECT name, pattern_data FROM kato.patterns_data WHERE kb_id = '{kb}'")

    def drop(self, kb):
        self._client.command(f"ALTER TABLE kato.patterns_data DROP PARTITION '{kb}'")

    def _rows(self, query):
        return self._client.query(query).result_rows

    def _condition(self, stage, tokens, config):
        listed = ", ".join(f"'{token}'" for token in tokens)
        shared = f"length(arrayIntersect(token_set, [{listed}]))"
        if stage == "length":
            low, high = config["length_min_ratio"] * len(tokens), config["length_max_ratio"] * len(tokens)
            return f"length BETWEEN {int(low)} AND {int(high)}"
        if stage == "jaccard":
            jaccard = f"{shared} / (token_count + {len(set(tokens))} - {shared})"
            threshold, overlap = config["jaccard_threshold"], config["jaccard_min_overlap"]
            return f"{shared} >= {overlap} AND {jaccard} >= {threshold}"
        return None

    def _narrowed(self, kb, condition, names):
        base = f"SELECT name FROM patterns_data WHERE kb_id = '{kb}' AND {condition}"
        if names is None:
            return [row[0] for row in self._rows(base)]
        found = []
        for chunk in _chunks(names):
            listed = ", ".join(f"'{name}'" for name in chunk)
            found += [row[0] for row in self._rows(f"{base} AND name IN ({listed})")]
        return found


def _chunks(names):
    return (names[i : i + 500] for i in range(0, len(names), 500))
