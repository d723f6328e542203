"""What KATO leaves in Redis for ever: entries of its event streams, and predictions."""

from __future__ import annotations

from dataclasses import replace

from advisor.evidence import Evidence
from advisor.findings import Change, Finding, Prediction, Severity
from advisor.rules.base import rule
from bench import words

DAY, HOUR = 86_400.0, 3_600.0

_KATO = "KATO 3.10"
_STREAM_LENGTH = "kato.KATO_BENCH_STREAM_MAXLEN"
_PREDICTION_TTL = "kato.KATO_BENCH_PREDICTION_TTL"
_ENTRIES_OF_A_NODE = "redis.stream-node-max-entries"

#: What kato-bench's healthy profile sets: nobody reads older entries or predictions.
_ENTRIES_KEPT, _SECONDS_KEPT = 10_000, 3_600

#: Each observation is appended to the stream of all nodes and to that of its worker.
_STREAMS = 2
#: Of one entry of one symbol; a vector makes it much more (KATO 3.10.1, measured).
_BYTES_OF_AN_ENTRY = 161.0

#: Growth by this much a day fills the 8 GB that KATO ships within a week or so.
MUCH_A_DAY = float(1 << 30)


def observations_per_second(evidence: Evidence) -> float:
    answered = evidence.counts.answered
    return (answered.get("observe", 0) + answered.get("sequence", 0)) / evidence.seconds


def growth_per_second(evidence: Evidence) -> float | None:
    """Bytes by which Redis grew in each second of the measure phase, without what streams gained that are
    cut one day; None where that was too little of a load to tell."""
    each = evidence.redis.bytes_per_observation
    if each is None:
        return None
    grown = each * observations_per_second(evidence)
    if _stream_bound(evidence):
        grown -= (
            max(0.0, evidence.redis.stream_growth or 0.0)
            * _STREAMS
            * _entry_bytes(evidence)
            / evidence.seconds
        )
    return max(0.0, grown)


def streams_to_come(evidence: Evidence) -> float:
    """Bytes that the streams gain until they are cut; 0 where they never are, as their growth is counted."""
    entries = _stream_bound(evidence) - (evidence.redis.stream_entries or 0.0)
    return max(0.0, entries) * _STREAMS * _entry_bytes(evidence)


def _stream_bound(evidence: Evidence) -> float:
    return evidence.number(_STREAM_LENGTH) or 0.0


def _entry_bytes(evidence: Evidence) -> float:
    size, entries = evidence.redis.stream_bytes, evidence.redis.stream_entries
    return size / entries if size is not None and entries else _BYTES_OF_AN_ENTRY


def horizon(evidence: Evidence) -> float:
    """How many seconds of the measured growth there are to make room for: a day of it where nothing ends,
    an hour where streams are cut and predictions expire, as what is left then lives no longer."""
    ttl = evidence.number(_PREDICTION_TTL) or 0.0
    return max(HOUR, ttl) if _stream_bound(evidence) and ttl else DAY


def _severity(bytes_a_day: float) -> Severity:
    return "warning" if bytes_a_day >= MUCH_A_DAY else "advice"


@rule(
    "redis.streams-never-end",
    holds_for=_KATO,
    precondition=lambda evidence: evidence.redis.stream_growth is not None,
    source="KATO 3.10.1 appends each observation to two streams without MAXLEN; nothing reads or trims them",
)
def streams_never_end(evidence: Evidence) -> Finding | None:
    """KATO writes every observation to two streams that nobody reads: without a bound they fill Redis, and
    then learned patterns are evicted or writes are refused."""
    use, bound = evidence.redis, evidence.number(_STREAM_LENGTH)
    grown = use.stream_growth or 0.0
    if grown <= 0 or _stream_bound(evidence) > 0:
        return None
    measured, entry = use.stream_bytes is not None, _entry_bytes(evidence)
    per_day = grown / evidence.seconds * DAY * _STREAMS * entry
    return Finding(
        "redis.streams-never-end",
        _severity(per_day),
        "Event streams grow without end",
        f"The stream stm:global gained {words.count(grown)} entries of {words.size(entry)} "
        f"({'measured' if measured else 'as KATO 3.10.1 was measured'}), and that of the worker as many: "
        f"{words.size(per_day)} a day at this rate. Nothing reads them"
        + (
            "."
            if bound is not None
            else ", and KATO has no setting that ends them: trim them from time to time, XTRIM stm:global "
            f"MAXLEN ~ {_ENTRIES_KEPT}, and likewise each stm:events:* key."
        ),
        {
            "stream_growth": grown,
            "stream_entries": use.stream_entries,
            "bytes_per_entry": entry,
            "bytes_per_observation": _STREAMS * entry,
            "bytes_per_day": per_day,
        },
        () if bound is None else (_cut_streams(evidence, entry),),
    )


def _cut_streams(evidence: Evidence, entry: float) -> Change:
    # `MAXLEN ~` drops whole nodes of the stream only.
    most = _ENTRIES_KEPT + (evidence.number(_ENTRIES_OF_A_NODE) or 100)
    model = "XADD with MAXLEN ~ drops whole nodes beyond the bound, so that at most one node more remains"
    return Change(
        _STREAM_LENGTH,
        evidence.knobs[_STREAM_LENGTH],
        _ENTRIES_KEPT,
        purpose="cost",
        risk=f"Older events than the last {words.count(_ENTRIES_KEPT)} are gone for whoever reads the "
        "streams; KATO does not.",
        verify="kato-bench run: stream_entries stays below the bound.",
        predicted=(
            Prediction("stream_entries", "1", "at_most", model, now=evidence.redis.stream_entries, high=most),
            Prediction(
                "bytes_per_observation(streams)",
                "bytes",
                "at_most",
                "once the bound is reached, an old entry goes for each new one",
                now=_STREAMS * entry,
                high=0.0,
            ),
        ),
    )


@rule(
    "redis.predictions-never-expire",
    holds_for=_KATO,
    precondition=lambda evidence: "prediction" in evidence.redis.families,
    source="KATO 3.10.1 stores the predictions of an observation without time to live; nothing deletes them",
)
def predictions_never_expire(evidence: Evidence) -> Finding | None:
    """An observation that also predicts leaves its predictions in Redis, often 100 KB, for ever and for
    nobody: clients get them in the answer."""
    family, ttl = evidence.redis.families["prediction"], evidence.number(_PREDICTION_TTL)
    if not family.without_ttl or (ttl or 0) > 0:
        return None
    drawn = sum(one.sampled for one in evidence.redis.families.values())
    share = family.sampled / drawn
    held = None if evidence.redis.keys is None else share * evidence.redis.keys * family.mean_bytes
    per_second = observations_per_second(evidence) * family.mean_bytes
    return Finding(
        "redis.predictions-never-expire",
        _severity(per_second * DAY),
        "Stored predictions never expire",
        f"Of {words.count(drawn)} keys drawn at random {words.count(family.sampled)} hold predictions, "
        f"{words.size(family.mean_bytes)} each, and {words.count(family.without_ttl)} of these have no time "
        "to live"
        + (f": about {words.size(held)} in all. " if held is not None else ". ")
        + f"If each observation leaves one, that is {words.size(per_second * DAY)} a day at this rate."
        + (
            ""
            if ttl is not None
            else " KATO has no setting that ends them: switch predictions at observe time off, then "
            "UNLINK the *:prediction:* keys once, found by SCAN."
        ),
        {
            "sampled_keys": drawn,
            "sampled_predictions": family.sampled,
            "without_ttl": family.without_ttl,
            "mean_bytes": family.mean_bytes,
            "held_bytes": held,
            "bytes_per_day_at_most": per_second * DAY,
        },
        () if ttl is None or not per_second else (_let_predictions_expire(evidence, held, per_second),),
    )


def _let_predictions_expire(evidence: Evidence, held: float | None, per_second: float) -> Change:
    def expire(after: Evidence) -> Evidence:
        families = after.redis.families
        ending = {**families, "prediction": replace(families["prediction"], without_ttl=0)}
        return replace(after, redis=replace(after.redis, families=ending))

    return Change(
        _PREDICTION_TTL,
        evidence.knobs[_PREDICTION_TTL],
        _SECONDS_KEPT,
        purpose="cost",
        risk="Predictions that are there already stay: UNLINK the *:prediction:* keys once, found by SCAN.",
        verify="kato-bench run: of the keys sampled, no prediction is without time to live.",
        predicted=(
            Prediction(
                "bytes(predictions)",
                "bytes",
                "at_most",
                "observations per second × time to live × mean size of one (Little's law), if every "
                "observation leaves one",
                now=held,
                high=per_second * _SECONDS_KEPT,
            ),
        ),
        effect=expire,
    )
