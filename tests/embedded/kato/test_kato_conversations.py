"""Observing, learning and predicting: the conversations recorded with KATO 3.10.1, and their variations."""

from __future__ import annotations

import random
import re

import pytest

# Two symbols and more: the object that KATO answered for the STM [hello world] [foo].
FIRST_PREDICTION = {
    "type": "prototypical",
    "name": "cb5d3f1e179724d6bacaa9e047a74d947177507a",
    "frequency": 1,
    "emotives": {"joy": 0.5},
    "matches": ["hello", "world", "foo"],
    "past": [],
    "present": [["hello", "world"], ["foo"]],
    "missing": [[], []],
    "extras": [[], []],
    "anomalies": [],
    "potential": 3.5,
    "evidence": 0.5,
    "similarity": 0.6666666666666665,
    "fragmentation": 0.0,
    "snr": 1.0,
    "confluence": 0.0,
    "predictive_information": 0.6666666666666665,
    "sequence": [["hello", "world"], ["foo"], ["bar", "baz"], ["end"]],
    "future": [["bar", "baz"], ["end"]],
    "confidence": 1.0,
    "weighted_similarity": None,
    "weighted_evidence": None,
    "weighted_confidence": None,
    "weighted_snr": None,
    "entropy": 1.584962500721156,
    "normalized_entropy": 0.6131471927654584,
    "global_normalized_entropy": 0.0,
    "itfdf_similarity": 1.0000000000000002,
    "tfidf_score": 0.3333333333333333,
    "pattern_probability": 1.0,
    "weighted_strength": 0.6666666666666665,
    "bayesian_posterior": 1.0,
    "bayesian_prior": 1.0,
    "bayesian_likelihood": 0.6666666666666665,
}

FIRST_VECTOR = "VCTR|f3ee5999835fa4d69731622f4d2fad0e75ddf466"
SECOND_VECTOR = "VCTR|45b18dea8ddf688848d9f8ec252464dc122db69c"
SHORT_VECTOR = "VCTR|6786a5fc0b30a70ed8fdbaaa451e7c26b5d6c359"


class TestObservingAndLearning:
    def test_the_recorded_conversation(self, open_session):
        session = open_session("ex_node", config=None)
        more = {"emotives": {"joy": 0.5}, "metadata": {"src": "t"}}
        for time, event in enumerate((["world", "hello"], ["foo"], ["bar", "baz"], ["end"]), start=1):
            observed = session.observe(*event, **more)
            assert re.fullmatch(r"obs-[0-9a-f]{32}", observed.pop("unique_id"))
            assert observed == {
                "status": "okay",
                "session_id": session.id,
                "processor_id": "ex_node",
                "stm_length": time,
                "time": time,
                "auto_learned_pattern": None,
            }
        stm = [["hello", "world"], ["foo"], ["bar", "baz"], ["end"]]
        assert session.get("stm").json() == {"stm": stm, "session_id": session.id, "length": 4}
        name = f"PTRN|{FIRST_PREDICTION['name']}"
        assert session.post("learn").json() == {
            "status": "learned",
            "pattern_name": name,
            "session_id": session.id,
            "processor_id": None,
            "message": f"Learned pattern {name} from 0 events",
        }
        again = session.post("learn")
        assert (again.status_code, again.json()) == (400, {"detail": "Cannot learn from empty STM"})
        frame = {"session_id": session.id, "processor_id": None, "time": None, "unique_id": None}
        nothing = {"predictions": [], "future_potentials": [], "count": 0, **frame}
        assert session.get("predictions").json() == nothing

        session.observe("hello", "world")
        session.observe("foo")
        predicted = session.get("predictions").json()
        assert predicted == {
            "predictions": [FIRST_PREDICTION],
            "future_potentials": [
                {
                    "future": [["bar", "baz"], ["end"]],
                    "aggregate_potential": 1.0,
                    "supporting_patterns": 1,
                    "total_weighted_frequency": 0.6666666666666665,
                }
            ],
            "count": 1,
            **frame,
        }
        assert list(predicted["predictions"][0]) == list(FIRST_PREDICTION)
        owner = {"session_id": session.id, "node_id": "ex_node"}
        assert session.get("percept-data").json() == {
            "percept_data": {
                "strings": ["foo"],
                "vectors": [],
                "emotives": {"joy": 0.5},
                "path": [],
                "metadata": {},
            },
            **owner,
        }
        assert session.get("cognition-data").json() == {
            "cognition_data": {
                "predictions": [FIRST_PREDICTION],
                "emotives": {"joy": 0.5},
                "symbols": ["hello", "world", "foo"],
                "command": "",
                "metadata": {},
                "path": [],
                "strings": [],
                "vectors": [],
                "short_term_memory": [["hello", "world"], ["foo"]],
                "time": 6,
            },
            **owner,
        }
        assert session.post("clear-stm").json() == {"status": "cleared", "session_id": session.id}
        empty = session.observe()
        assert (empty["stm_length"], empty["time"]) == (0, 1)

    def test_a_single_symbol_is_not_learned_but_forgotten(self, open_session):
        session = open_session()
        session.observe("a")
        answer = session.post("learn")
        assert (answer.status_code, answer.json()["pattern_name"]) == (200, "")
        assert session.get("stm").json()["length"] == 0

    def test_the_recorded_sequences(self, open_session):
        session = open_session("seq_node", config=None)
        a_b_c = [{"strings": [string]} for string in "abc"]
        name = "PTRN|b98534b32c1d7489d4ce1a48724aa65aeecbdba9"
        body = session.post("observe-sequence", {"observations": a_b_c, "learn_at_end": True}).json()
        results = body.pop("results")
        assert body == {
            "status": "completed",
            "processor_id": "seq_node",
            "observations_processed": 3,
            "initial_stm_length": 0,
            "final_stm_length": 0,
            "auto_learned_patterns": [name],
            "final_learned_pattern": name,
            "isolated": False,
        }
        for position, result in enumerate(results):
            assert re.fullmatch(r"seq-obs-[0-9a-f]{32}", result.pop("unique_id"))
            assert result == {
                "status": "okay",
                "sequence_position": position,
                "stm_length": position + 1,
                "time": position + 1,
                "auto_learned_pattern": None,
            }
        each = {"observations": a_b_c[:2], "learn_after_each": True, "clear_stm_between": True}
        body = session.post("observe-sequence", each).json()
        assert [result["stm_length"] for result in body["results"]] == [0, 0]
        assert [result["time"] for result in body["results"]] == [4, 5]
        assert [result["auto_learned_pattern"] for result in body["results"]] == [None, None]
        assert (body["auto_learned_patterns"], body["isolated"]) == (["", ""], True)
        assert body["final_learned_pattern"] is None
        body = session.post("observe-sequence", {"observations": []}).json()
        assert (body["status"], body["observations_processed"], body["results"]) == ("completed", 0, [])
        finalized = session.post("finalize-training").json()
        milliseconds = finalized.pop("time_ms")
        assert finalized == {
            "status": "completed",
            "patterns_processed": 1,
            "session_id": session.id,
            "node_id": "seq_node",
            "message": f"Computed Shannon entropy and TF vectors for 1 patterns in {milliseconds}ms",
        }

    def test_one_symbol_takes_the_path_of_first_tokens(self, open_session):
        session = open_session()
        session.learn(["a", "b"], ["c"])
        session.learn(["x"], ["a"])
        session.observe("a")
        (prediction,) = session.predictions()
        assert list(prediction) == [
            *("name", "pattern_data", "length", "frequency", "emotives", "matches", "missing", "present"),
            *("past", "future", "extras", "similarity", "evidence", "confidence", "snr", "fragmentation"),
            *("anomalies", "weighted_similarity", "weighted_evidence", "weighted_confidence"),
            *("weighted_snr", "potential"),
        ]
        assert prediction["pattern_data"] == [["a", "b"], ["c"]]
        assert (prediction["matches"], prediction["missing"], prediction["future"]) == (["a"], ["b"], ["c"])

    @pytest.mark.parametrize(("mode", "left"), [("CLEAR", []), ("ROLLING", [["b"], ["c"]])])
    def test_a_full_memory_is_learned_by_itself(self, open_session, mode, left):
        session = open_session(config={"max_pattern_length": 3, "stm_mode": mode})
        observed = [session.observe(string) for string in "abc"]
        assert [one["auto_learned_pattern"] for one in observed[:2]] == [None, None]
        assert observed[2]["auto_learned_pattern"] == "PTRN|b98534b32c1d7489d4ce1a48724aa65aeecbdba9"
        assert observed[2]["stm_length"] == len(left)
        assert session.get("stm").json()["stm"] == left

    def test_the_recorded_vectors(self, open_session):
        rng = random.Random(1)
        first, second = ([rng.random() for _ in range(768)] for _ in range(2))
        session = open_session("vec_node")
        session.observe(vectors=[first])
        session.observe("a", vectors=[second])
        assert session.get("stm").json()["stm"] == [[FIRST_VECTOR], [SECOND_VECTOR, "a"]]
        session.observe(vectors=[[1.0, 2.0]])
        learned = session.post("learn")
        assert learned.json()["pattern_name"] == "PTRN|e929df4f2aad59b0b6226b222d289a7794efebb2"
        for _ in range(2):
            session.observe("a", vectors=[first])
        assert session.get("stm").json()["stm"] == [[SECOND_VECTOR, FIRST_VECTOR, "a"]] * 2
        (prediction,) = session.predictions()
        expected = {
            "matches": [FIRST_VECTOR, SECOND_VECTOR, "a"],
            "present": [[FIRST_VECTOR], [SECOND_VECTOR, "a"]],
            "missing": [[], []],
            "extras": [[], []],
            "potential": 1.9166666666666667,
            "evidence": 0.75,
            "similarity": 0.6,
            "fragmentation": 2.0,
            "snr": 0.3333333333333333,
            "future": [[SHORT_VECTOR]],
            "entropy": 1.584962500721156,
            "normalized_entropy": 0.792481250360578,
            "itfdf_similarity": 1.0000000000000002,
            "tfidf_score": 0.3333333333333333,
            "weighted_strength": 0.6,
        }
        assert {key: prediction[key] for key in expected} == expected

    @pytest.mark.parametrize(
        "token", ["it's", "back\\slash", 'quo"te', "tab\tand\nline", "日本", "{kb:String}"]
    )
    def test_any_text_is_a_token(self, open_session, token):
        session = open_session("any_text")
        session.learn([token], ["next"])
        session.observe(token)
        assert [one["pattern_data"] for one in session.predictions()] == [[[token], ["next"]]]
        session.observe("next")
        for pipeline in ([], ["jaccard"], ["minhash"], ["length", "jaccard"]):
            session.post("config", {"filter_pipeline": pipeline, "recall_threshold": 0.9})
            assert [one["sequence"] for one in session.predictions()] == [[[token], ["next"]]]

    def test_clear_all_forgets_the_node_for_everybody(self, open_session):
        session, neighbour = open_session("shared"), open_session("shared")
        session.learn(["a"], ["b"], ["c"])
        for one in (session, neighbour):
            one.observe("a")
            one.observe("b")
        assert len(neighbour.predictions()) == 1
        answer = session.post("clear-all").json()
        assert answer == {"status": "cleared", "session_id": session.id, "scope": "all"}
        assert session.get("stm").json()["stm"] == []
        assert neighbour.predictions() == []
