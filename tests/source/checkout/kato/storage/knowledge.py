"""Redis: what is known of patterns and symbols besides their text, and the streams of events."""

import contextlib
import json

import redis


class Knowledge:
    def __init__(self, url):
        self._redis = redis.Redis.from_url(url, decode_responses=True, max_connections=200)
        self._stream = None

    def ping(self):
        return self._redis.ping()

    def meet(self, kb):
        self._redis.ping()
        if self._stream is None:
            self._stream = f"stm:events:{kb}"
            with contextlib.suppress(redis.ResponseError):
                self._redis.xgroup_create(self._stream, "stm_processors", id="$", mkstream=True)

    def observed(self, kb, event):
        entry = {"processor_id": kb, "event": json.dumps(event)}
        self._redis.xadd(self._stream, entry)
        self._redis.xadd("stm:global", entry)

    def learn(self, kb, name, events, emotives, metadata):
        """Whether the pattern is new."""
        new = bool(self._redis.set(f"{kb}:frequency:{name}", 1, nx=True))
        if new:
            self._redis.set(f"{kb}:emotives:{name}", json.dumps(emotives))
            self._redis.set(f"{kb}:metadata:{name}", json.dumps(metadata))
        else:
            self._redis.incr(f"{kb}:frequency:{name}")
        tokens = [token for event in events for token in event]
        with self._redis.pipeline() as pipeline:
            for token in set(tokens):
                pipeline.hincrby(f"{kb}:symbols:freq", token, tokens.count(token))
                pipeline.hincrby(f"{kb}:symbols:pmf", token, 1)
                pipeline.sadd(f"{kb}:symbol_to_patterns:{token}", name)
                for one in emotives:
                    for emotive, value in one.items():
                        pipeline.hincrbyfloat(f"{kb}:affinity:{token}", emotive, value)
            pipeline.incrby(f"{kb}:global:total_symbols_in_patterns_frequencies", len(tokens))
            pipeline.incrby(f"{kb}:global:total_pattern_frequencies", 1)
            pipeline.incrby(f"{kb}:global:total_unique_patterns", int(new))
            pipeline.execute()
        if cached := self._redis.smembers("kato:metrics:_index"):
            self._redis.unlink(*cached, "kato:metrics:_index")
        return new

    def frequencies(self, kb, names):
        with self._redis.pipeline(transaction=False) as pipeline:
            for name in names:
                for family in ("frequency", "emotives", "metadata"):
                    pipeline.get(f"{kb}:{family}:{name}")
            flat = pipeline.execute()
        return {name: flat[3 * i] for i, name in enumerate(names)}

    def chance(self, kb, name):
        """A conditional probability, from the cache where it is there."""
        key = f"kato:metrics:conditional_probability:{kb}{name}"
        if self._redis.get(key) is None:
            self._redis.setex(key, 3600, "0.5")
            self._redis.sadd("kato:metrics:_index", key)
        return 0.5

    def about(self, kb, name):
        return self._redis.mget(f"{kb}:{family}:{name}" for family in ("frequency", "emotives", "metadata"))

    def symbols(self, kb):
        return self._redis.hgetall(f"{kb}:symbols:freq"), self._redis.hgetall(f"{kb}:symbols:pmf")

    def affinity(self, kb, symbol):
        return {name: float(value) for name, value in self._redis.hgetall(f"{kb}:affinity:{symbol}").items()}

    def affinities(self, kb):
        prefix = f"{kb}:affinity:"
        return {key[len(prefix) :]: self.affinity(kb, key[len(prefix) :]) for key in self._scan(f"{prefix}*")}

    def finalise(self, kb, patterns):
        with self._redis.pipeline() as pipeline:
            for name, events in patterns:
                for family in ("entropy", "normalized_entropy", "global_normalized_entropy"):
                    pipeline.set(f"{kb}:{family}:{name}", 0.5)
                pipeline.set(
                    f"{kb}:tf_vector:{name}", json.dumps({t: 1.0 for event in events for t in event})
                )
            pipeline.execute()

    def predicted(self, kb, unique_id, predictions):
        self._redis.set(f"{kb}:prediction:{unique_id}", json.dumps(predictions))

    def clear(self, kb):
        keys = [*self._scan(f"{kb}:*"), *self._scan(f"{kb}:*")]
        if keys:
            self._redis.delete(*set(keys))

    def cache(self):
        counts = [sum(1 for _ in self._scan(pattern)) for pattern in ("pattern:*", "symbol:*", "p:*", "s:*")]
        return counts, self._redis.info("memory")["used_memory"] / 1e6

    def stream(self):
        if self._stream is None or not self._redis.exists(self._stream):
            return 0, 0
        return self._redis.xlen(self._stream), len(self._redis.xinfo_groups(self._stream))

    def _scan(self, pattern):
        return self._redis.scan_iter(match=pattern, count=100)
