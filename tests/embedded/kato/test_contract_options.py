"""The options of a session: those that act do what KATO's do, where KATO's do it, and dead ones stay dead."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

PATTERNS = (
    [["b", "a"], ["c"], ["d"]],
    [["a"], ["x"], ["y"], ["z"], ["u"], ["v"], ["w"], ["c"]],
    [["kitten"], ["sitting"], ["end"]],
)
STM = (["b", "a"], ["c"])


def taught(open_session, *stm: list[str], **config: Any) -> Any:
    """A session on a node with `PATTERNS`, that has then observed `stm`."""
    session = open_session(config={"process_predictions": False, **config})
    for pattern in PATTERNS:
        session.learn(*pattern)
    for event in stm or STM:
        session.observe(*event)
    return session


def without_names(predictions: list[dict[str, Any]]) -> list[list[list[str]]]:
    return [one["sequence"] for one in predictions]


@pytest.mark.parametrize(
    "dead",
    [
        {"persistence": 1},
        {"sort_symbols": False},
        {"indexer_type": "ANNOY"},
        {"rank_sort_algo": "fragmentation"},
        {"bloom_false_positive_rate": 0.5},
        {"max_candidates_per_stage": 100},
        {"minhash_bands": 3},
        {"jaccard_threshold": 1.0},
        {"length_min_ratio": 1.0, "length_max_ratio": 1.0},
        {"minhash_threshold": 1.0},
        {"enable_filter_metrics": False},
    ],
    ids=str,
)
def test_a_dead_option_is_echoed_and_changes_nothing(open_session, http: httpx.Client, dead) -> None:
    session, plain = taught(open_session, **dead), taught(open_session)
    assert dead.items() <= session.get("config").json()["config"].items()
    assert session.get("stm").json()["stm"] == [["a", "b"], ["c"]]
    assert session.predictions() == plain.predictions()
    assert len(plain.predictions()) == 2
    learned = session.post("learn").json()["pattern_name"]
    node = session.created["node_id"]
    for _ in range(3):
        session.observe("b", "a", emotives={"joy": 1.0})
        session.observe("c")
        session.post("learn")
    stored = http.get(f"/pattern/{learned}", params={"node_id": node}).json()["pattern"]["pattern"]
    assert len(stored["emotives"]) == 5  # PERSISTENCE of the environment


class TestMatching:
    def test_the_recall_threshold_decides_what_is_similar_enough(self, open_session) -> None:
        session = taught(open_session)
        assert [round(one["similarity"], 2) for one in session.predictions()] == [0.86, 0.36]
        for threshold, left in ((0.0, 2), (0.3, 2), (0.5, 1), (0.9, 0)):
            session.post("config", {"recall_threshold": threshold})
            assert len(session.predictions()) == left, threshold

    def test_one_symbol_is_continued_whatever_the_threshold(self, open_session) -> None:
        session = taught(open_session, ["a"], recall_threshold=1.0)
        assert len(session.predictions()) == 2

    def test_no_more_predictions_than_asked_for(self, open_session) -> None:
        session = taught(open_session, max_predictions=1)
        assert without_names(session.predictions()) == [[["a", "b"], ["c"], ["d"]]]

    def test_characters_may_be_matched_instead_of_tokens(self, open_session) -> None:
        by_token, by_text = (
            taught(open_session, ["kitchen"], ["sitting"], use_token_matching=how).predictions()
            for how in (True, False)
        )
        assert by_token[0]["sequence"] == by_text[0]["sequence"] == list(PATTERNS[2])
        assert by_token[0]["similarity"] == pytest.approx(2 / 5)
        assert by_text[0]["similarity"] > 0.7

    def test_similar_tokens_may_count_as_one_and_are_reported(self, open_session) -> None:
        session = taught(open_session, ["kitchen"], ["sitting"])
        exact = session.predictions()
        assert (exact[0]["matches"], exact[0]["anomalies"]) == (["sitting"], [])
        assert exact[0]["extras"] == [["kitchen"], []]
        session.post("config", {"fuzzy_token_threshold": 0.7})
        fuzzy = session.predictions()
        assert fuzzy[0]["matches"] == ["kitten", "sitting"]
        assert fuzzy[0]["extras"] == [[], []]
        (anomaly,) = fuzzy[0]["anomalies"]
        assert (anomaly["observed"], anomaly["expected"]) == ("kitchen", "kitten")
        assert 0.7 <= anomaly["similarity"] < 1
        session.post("config", {"fuzzy_token_threshold": 0.99})
        assert session.predictions() == exact

    def test_an_emotive_weighs_symbols_by_their_affinity(self, open_session) -> None:
        session = open_session(config={"process_predictions": False, "affinity_emotive": "joy"})
        session.observe("a", emotives={"joy": 1.0})
        session.observe("b")
        session.post("learn")
        session.post("clear-stm")
        session.learn(["a"], ["c"])  # halves the affinity of `a` per occurrence; `c` has none
        for string in "ac":
            session.observe(string)
        by_future = {one["sequence"][1][0]: one for one in session.predictions()}
        with_b, with_c = by_future["b"], by_future["c"]
        assert with_b["weighted_evidence"] == pytest.approx(0.5 / 1.5)
        assert with_b["weighted_similarity"] == pytest.approx(2 * 0.5 / (0.5 + 1.5))
        assert (with_b["weighted_confidence"], with_b["weighted_snr"]) == (1.0, 1.0)
        assert (with_c["weighted_evidence"], with_c["weighted_confidence"]) == (1.0, 1.0)
        session.post("config", {"affinity_emotive": "unfelt"})
        assert {one["weighted_snr"] for one in session.predictions()} == {0.0}
        session.post("clear-stm")
        session.observe("a")
        session.post("config", {"affinity_emotive": "joy"})
        assert all(one["weighted_evidence"] > 0 for one in session.predictions())

    def test_observation_goes_by_the_environment_instead(self, open_session) -> None:
        session = taught(
            open_session,
            ["b", "a"],
            process_predictions=True,
            recall_threshold=1.0,
            max_predictions=1,
            filter_pipeline=["bloom"],
        )
        session.observe("c")
        assert session.predictions() == []
        seen = session.get("cognition-data").json()["cognition_data"]["predictions"]
        assert len(seen) == 2


class TestFilters:
    @pytest.mark.parametrize(
        ("config", "left"),
        [
            ({"filter_pipeline": []}, 2),
            ({"filter_pipeline": ["length"]}, 1),
            ({"filter_pipeline": ["length"], "length_max_ratio": 3.0}, 2),
            ({"filter_pipeline": ["length"], "length_min_ratio": 1.0, "length_max_ratio": 1.0}, 0),
            ({"filter_pipeline": ["jaccard"]}, 1),
            ({"filter_pipeline": ["jaccard"], "jaccard_threshold": 0.2}, 2),
            ({"filter_pipeline": ["jaccard"], "jaccard_threshold": 0.2, "jaccard_min_overlap": 3}, 1),
            ({"filter_pipeline": ["jaccard"], "jaccard_threshold": 0, "jaccard_min_overlap": 0}, 1),
            ({"filter_pipeline": ["jaccard"], "jaccard_threshold": 0.8}, 0),
            ({"filter_pipeline": ["length", "jaccard"], "length_max_ratio": 3.0}, 1),
            ({"filter_pipeline": ["jaccard", "length"], "jaccard_threshold": 0.2}, 1),
            ({"filter_pipeline": ["length", "rapidfuzz"]}, 1),
            ({"filter_pipeline": ["length", "bloom"], "length_max_ratio": 3.0}, 2),
            ({"filter_pipeline": ["bloom"]}, 0),
            ({"filter_pipeline": ["rapidfuzz"]}, 0),
            ({"filter_pipeline": ["bloom", "length"]}, 0),
        ],
        ids=str,
    )
    def test_a_pipeline_leaves_what_its_stages_leave(self, open_session, config, left) -> None:
        assert len(taught(open_session, **config).predictions()) == left

    @pytest.mark.parametrize(
        ("shape", "found"),
        [({}, 1), ({"minhash_bands": 40, "minhash_rows": 3, "minhash_num_hashes": 120}, 0),
         ({"minhash_bands": 10}, 0), ({"minhash_rows": 4}, 0), ({"minhash_num_hashes": 99}, 0)],
        ids=str,
    )  # fmt: skip
    def test_only_the_stored_shape_of_bands_finds_anything(self, open_session, shape, found) -> None:
        session = taught(open_session, *PATTERNS[0], filter_pipeline=["minhash"], **shape)
        assert len(session.predictions()) == found

    @pytest.mark.parametrize(
        "config",
        [
            {"filter_pipeline": ["nope"]},
            {"filter_pipeline": [None, "length"]},
            {"filter_pipeline": [["length"]]},
            {"filter_pipeline": ["length"], "length_min_ratio": "much"},
            {"filter_pipeline": ["jaccard"], "jaccard_threshold": [1]},
            {"filter_pipeline": ["minhash"], "minhash_threshold": [1]},
        ],
        ids=str,
    )
    def test_options_that_no_stage_can_use_let_nothing_pass(self, open_session, config) -> None:
        session = taught(open_session)
        assert session.post("config", {"config": config}).status_code == 200
        assert session.predictions() == []

    @pytest.mark.parametrize(
        "config",
        [
            {"filter_pipeline": "length"},
            {"filter_pipeline": {}},
            {"filter_pipeline": ["length", "jaccard"], "jaccard_threshold": "much", "length_max_ratio": 9.0},
            {"filter_pipeline": ["length", "nope", 7], "length_max_ratio": 1e300, "length_min_ratio": -1e300},
            {"fuzzy_token_threshold": "some", "affinity_emotive": ["joy"], "max_candidates_per_stage": "few"},
        ],
        ids=str,
    )
    def test_later_stages_that_cannot_be_used_are_left_out(self, open_session, config) -> None:
        session = taught(open_session)
        assert session.post("config", {"config": config}).status_code == 200
        assert len(session.predictions()) == 2

    def test_more_candidates_than_one_query_asks_for_by_name(self, open_session, stores) -> None:
        stores.fill("many_kato", [[["a"], [f"s{number}"]] for number in range(600)])
        session = open_session("many")
        session.observe("a")
        session.observe("s7")
        session.post("config", {"filter_pipeline": ["length"], "max_predictions": 2000})
        assert len(session.predictions()) == 600
        session.post("config", {"filter_pipeline": ["length", "jaccard"]})
        assert len(session.predictions()) == 1


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"recall_threshold": 1.01}, "recall_threshold"),
        ({"persistence": 0}, "persistence"),
        ({"max_pattern_length": -1}, "max_pattern_length"),
        ({"max_predictions": 10001}, "max_predictions"),
        ({"indexer_type": "HNSW"}, "indexer_type"),
        ({"process_predictions": "yes"}, "process_predictions"),
        ({"use_token_matching": "no"}, "use_token_matching"),
        ({"rank_sort_algo": "luck"}, "rank_sort_algo"),
    ],
    ids=str,
)
def test_a_change_is_checked_and_creation_discards_in_silence(open_session, wanted, message) -> None:
    session = open_session()
    refused = session.post("config", {"config": wanted})
    assert refused.status_code == 400
    assert list(refused.json()["detail"]["validation_errors"]) == [message]
    created = open_session(config=wanted)
    assert created.created["session_config"][message] != wanted[message]
