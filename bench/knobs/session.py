"""KATO's options of one session, chosen by who creates it; for kato-bench by `--session KEY=VALUE`."""

from __future__ import annotations

from bench.knobs.knob import Danger, Kind, Knob, Value

_SOURCE = "KATO 3.10.1 session configuration"
_HOLDS_FOR = "KATO 3.10"

#: KATO's filters of pattern candidates; the first of a pipeline has to be one that the database applies.
FILTERS = ("length", "jaccard", "minhash", "bloom", "rapidfuzz")

_OF_THE_PROCESS = "KATO stores and echoes it, but only its environment's value acts"
_NOWHERE = "KATO stores and echoes it, but nothing uses it"


def _option(
    name: str,
    kind: Kind,
    shipped: Value | None,
    influences: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str | None = None,
    dead: str | None = None,
    instead: str | None = None,
    dangers: tuple[Danger, ...] = (),
) -> Knob:
    return Knob(
        name=f"session.{name}",
        system="session",
        kind=kind,
        home="session config",
        spelled=name,
        shipped=shipped,
        low=low,
        high=high,
        choices=choices,
        unit=unit,
        effect="live",
        state="live" if dead is None else "unused",
        why=dead,
        instead=instead,
        dangers=dangers,
        influences=influences,
        holds_for=_HOLDS_FOR,
        source=_SOURCE,
    )


def _misnomer(name: str, why: str) -> Knob:
    return Knob(
        name=f"session.{name}",
        system="session",
        kind="string",
        home="session config",
        spelled=name,
        state="unread",
        why=why,
        influences="nothing",
        holds_for=_HOLDS_FOR,
        source="KATO 3.10.1: unknown keys of a session's config are ignored",
    )


_OBSERVING = (
    _option(
        "process_predictions",
        "bool",
        True,
        "whether observe predicts as well: it then takes as long as a prediction, stores its predictions in "
        "Redis without end, and two sessions of one node that observe at once stop their worker for ever",
        dangers=(
            Danger((True,), "two sessions of one node that observe at once stop their worker for ever"),
        ),
    ),
    _option(
        "max_pattern_length",
        "int",
        0,
        "learns by itself at so many events: an insert into ClickHouse each",
        low=0,
        unit="events, 0 = learn only when asked",
    ),
    _option(
        "stm_mode",
        "enum",
        "CLEAR",
        "ROLLING keeps the last events after learning: then each observe learns once it is full",
        choices=("CLEAR", "ROLLING"),
    ),
)

_PREDICTING = (
    _option(
        "recall_threshold",
        "float",
        0.1,
        "how many patterns are matched in full, fetched from Redis and answered; of GET predictions only, "
        "and not of one symbol",
        low=0,
        high=1,
    ),
    _option(
        "max_predictions",
        "int",
        100,
        "size of the answer, about 1.3 kB each, and of the stored session",
        low=1,
        high=10_000,
        unit="predictions",
    ),
    _option(
        "use_token_matching",
        "bool",
        True,
        "whether symbols are matched whole or by characters: other similarities, other CPU time; where it is "
        "sent without sort_symbols, that takes the same value",
    ),
    _option(
        "fuzzy_token_threshold",
        "float",
        0,
        "above 0: a search among the tokens of each pattern, n × m",
        low=0,
        high=1,
    ),
    _option("affinity_emotive", "string", None, "one Redis read more per symbol; weighted scores"),
)

_FILTERING = (
    _option(
        "filter_pipeline",
        "list",
        "[]",
        "how many patterns a prediction reads and compares: [] reads all of the node; jaccard alone is the "
        "fastest; of GET predictions only, never at observe time",
        choices=FILTERS,
        dangers=(
            Danger(
                ('["bloom"]', '["rapidfuzz"]'),
                "a pipeline that begins with bloom or rapidfuzz finds no candidates, and answers 200",
            ),
        ),
    ),
    _option("length_min_ratio", "float", 0.5, "patterns that the filter length leaves", low=0, high=1),
    _option("length_max_ratio", "float", 2.0, "patterns that the filter length leaves", low=1),
    _option(
        "jaccard_threshold",
        "float",
        0.3,
        "patterns that the filter jaccard leaves, and with them recall: short histories share few symbols "
        "with a long pattern",
        low=0,
        high=1,
    ),
    _option(
        "jaccard_min_overlap",
        "int",
        2,
        "symbols in common that the filter jaccard asks for",
        low=0,
        unit="symbols",
    ),
    _option("minhash_threshold", "float", 0.7, "patterns that the filter minhash leaves", low=0, high=1),
    # The stored signatures are 20 bands of 5 rows: any other shape finds nothing.
    _option("minhash_bands", "int", 20, "any other value finds no candidates", low=20, high=20),
    _option("minhash_rows", "int", 5, "any other value finds no candidates", low=5, high=5),
    _option("minhash_num_hashes", "int", 100, "any other value finds no candidates", low=100, high=100),
    _option("enable_filter_metrics", "bool", True, "log lines, where it is sent as true"),
)

_DEAD = (
    _option("persistence", "int", 5, "nothing", dead=_OF_THE_PROCESS, instead="kato.PERSISTENCE"),
    _option("sort_symbols", "bool", True, "nothing", dead=_OF_THE_PROCESS, instead="kato.SORT_SYMBOLS"),
    _option(
        "rank_sort_algo",
        "string",
        "potential",
        "nothing",
        dead=_OF_THE_PROCESS,
        instead="kato.RANK_SORT_ALGO",
    ),
    _option("indexer_type", "string", "VI", "nothing", dead=_NOWHERE),
    _option("bloom_false_positive_rate", "float", 0.01, "nothing", dead=_NOWHERE),
    _option(
        "max_candidates_per_stage", "int", 100_000, "a line in the log; nothing is cut off", dead=_NOWHERE
    ),
)

_MISNOMERS = (
    _misnomer("session_ttl", "KATO does not read it; ttl_seconds of POST /sessions, beside config, acts"),
    _misnomer("ttl", "KATO does not read it; ttl_seconds of POST /sessions, beside config, acts"),
)

KNOBS = (*_OBSERVING, *_PREDICTING, *_FILTERING, *_DEAD, *_MISNOMERS)
