"""What a node does with its events: keep them, learn them, predict from them."""

import hashlib
import re
import uuid
from difflib import SequenceMatcher

from kato.storage.knowledge import Knowledge
from kato.storage.patterns import Patterns
from kato.storage.vectors import Vectors

_SCORES = ("potential", "evidence", "similarity", "fragmentation", "snr", "confidence")
_LATER = (
    *("confluence", "predictive_information", "entropy", "normalized_entropy", "global_normalized_entropy"),
    *("itfdf_similarity", "tfidf_score", "pattern_probability", "weighted_strength"),
    *("bayesian_posterior", "bayesian_prior", "bayesian_likelihood"),
)
_WEIGHTED = ("weighted_similarity", "weighted_evidence", "weighted_confidence", "weighted_snr")


class Node:
    """A node's processor; a worker keeps those that it has met."""

    def __init__(self, settings, stores, node):
        if not settings.redis_enabled:
            raise RuntimeError("REDIS_ENABLED is not true")
        self.kb = re.sub(r'[/\\."$*<>:|?\- ]', "_", node) + f"_{settings.service_name}"
        self.node = node
        self._stores = stores
        self._vectors = {}
        stores.patterns.meet(self.kb)
        stores.knowledge.meet(self.kb)

    def observe(self, session, event):
        """Put an event into the session's STM; the number that the event has."""
        symbols = sorted(event["strings"])
        if event["vectors"]:
            vector = [sum(column) for column in zip(*event["vectors"], strict=True)]
            symbol = f"VCTR|{hashlib.sha1(str(vector).encode()).hexdigest()}"
            self._vectors[symbol] = vector
            symbols = [symbol, *symbols]
            self._stores.vectors.nearest(self.kb, vector)
        if symbols:
            session["stm"].append(symbols)
        if event["emotives"]:
            session["emotives"].append(event["emotives"])
        session["time"] += 1
        session["percept"] = {**event, "strings": symbols, "path": []}
        self._stores.knowledge.observed(self.kb, event)
        unique = event.get("unique_id") or f"obs-{uuid.uuid4().hex}"
        if session["config"]["process_predictions"]:
            session["predictions"] = self.predict(session)
            self._stores.knowledge.predicted(self.kb, unique, session["predictions"])
        return unique

    def learn(self, session):
        """The name of the pattern that the STM makes; empty where it holds one symbol only."""
        events, session["stm"] = session["stm"], []
        if sum(map(len, events)) < 2:
            return ""
        name = hashlib.sha1(str(events).encode()).hexdigest()
        if self._stores.knowledge.learn(self.kb, name, events, session["emotives"], {}):
            self._stores.patterns.learn(self.kb, name, events)
        for symbol in {symbol for event in events for symbol in event} & self._vectors.keys():
            self._stores.vectors.learn(self.kb, symbol, self._vectors.pop(symbol))
        return f"PTRN|{name}"

    def predict(self, session):
        state = [token for event in session["stm"] for token in event]
        if not state:
            return []
        config = session["config"]
        if len(state) == 1:
            return self._from_one(state[0], config)
        rows = self._stores.patterns.candidates(self.kb, state, config["filter_pipeline"], config)
        scored = []
        for name, events in rows:
            tokens = [token for event in events for token in event]
            matcher = SequenceMatcher(None, tokens, state, autojunk=False)
            blocks = [block for block in matcher.get_matching_blocks() if block.size]
            if blocks and matcher.ratio() >= config["recall_threshold"]:
                scored.append((matcher.ratio(), name, events, tokens, blocks))
        frequencies = self._stores.knowledge.frequencies(self.kb, [one[1] for one in scored])
        scored.sort(key=lambda one: (-one[0], one[1]))
        return [
            self._prediction(*one, state, frequencies[one[1]]) for one in scored[: config["max_predictions"]]
        ]

    def _prediction(self, ratio, name, events, tokens, blocks, state, frequency):
        self._stores.knowledge.chance(self.kb, name)
        first, last = blocks[0].a, blocks[-1].a + blocks[-1].size - 1
        place, parts = 0, {"past": [], "present": [], "future": []}
        for event in events:
            part = "past" if place + len(event) <= first else "future" if place > last else "present"
            parts[part].append(event)
            place += len(event)
        matches = [token for block in blocks for token in tokens[block.a : block.a + block.size]]
        return {
            "type": "prototypical",
            **_common(name, frequency, matches, ratio),
            **parts,
            "sequence": events,
            "missing": [[t for t in event if t not in state] for event in parts["present"]],
            "extras": [[t for t in state if t not in tokens]],
            **dict.fromkeys(_LATER, round(ratio, 6)),
        }

    def _from_one(self, token, config):
        rows = self._stores.patterns.beginning_with(self.kb, token)[: config["max_predictions"]]
        frequencies = self._stores.knowledge.frequencies(self.kb, [name for name, _ in rows])
        return [
            {
                **_common(name, frequencies[name], [token], 1.0),
                "pattern_data": events,
                "length": sum(map(len, events)),
                "past": [],
                "present": events[0],
                "future": [t for e in events[1:] for t in e],
                "missing": events[0][1:],
                "extras": [],
            }
            for name, events in rows
        ]

    def pattern(self, name):
        found = self._stores.patterns.get(self.kb, name)
        if found is None:
            return {"status": "error", "message": f"Pattern {name} not found"}
        frequency, *_ = self._stores.knowledge.about(self.kb, name)
        shown = {
            "name": f"PTRN|{name}",
            "pattern_data": found[0],
            "length": found[1],
            "frequency": int(frequency or 1),
            "emotives": {},
            "metadata": {},
        }
        return {"status": "okay", "pattern": shown}

    def finalise(self):
        patterns = self._stores.patterns.everything(self.kb)
        self._stores.knowledge.symbols(self.kb)
        self._stores.knowledge.finalise(self.kb, patterns)
        return len(patterns)

    def clear(self):
        self._stores.knowledge.clear(self.kb)
        self._stores.patterns.drop(self.kb)


class Stores:
    def __init__(self, settings):
        self.knowledge = Knowledge(settings.redis_url)
        self.patterns = Patterns(settings)
        self.vectors = Vectors(settings)


def _common(name, frequency, matches, ratio):
    return {
        "name": name,
        "frequency": int(frequency or 1),
        "emotives": {},
        "matches": matches,
        "anomalies": [],
        **dict.fromkeys(_SCORES, round(ratio, 6)),
        **dict.fromkeys(_WEIGHTED),
    }
