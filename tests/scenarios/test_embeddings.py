"""Vectors carry the corpus' structure, whatever their dimension."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.errors import UsageError
from scenarios.corpus import Corpus, load
from scenarios.embeddings import Embeddings, fit

SENTENCE = "one two three four five six seven eight nine ten eleven twelve one three five seven nine eleven"


@pytest.fixture(scope="module")
def prose() -> Corpus:
    return load()


@pytest.fixture(scope="module")
def embeddings(prose: Corpus) -> Embeddings:
    return fit(prose, 64, seed=1)


def test_vectors_are_float32_of_unit_length(embeddings: Embeddings) -> None:
    assert embeddings.matrix.dtype == np.float32
    assert np.linalg.norm(embeddings.matrix, axis=1) == pytest.approx(1, abs=1e-5)
    vector = embeddings.embed(("class", "instance"))
    assert vector.shape == (64,)
    assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)


def test_a_seed_gives_the_same_vectors_again(prose: Corpus, embeddings: Embeddings) -> None:
    again = fit(load(), 64, seed=1)
    assert np.allclose(again.matrix, embeddings.matrix, atol=1e-4)
    # Leading directions belong to the corpus, not to the seed: signs included, another seed finds them too.
    other = fit(prose, 64, seed=2)
    known = len(prose.vocabulary())
    agreement = (other.matrix[:known, :4] * embeddings.matrix[:known, :4]).sum(axis=0)
    assert (agreement > 0).all()


def test_overlapping_windows_are_nearer_than_random_ones(prose: Corpus, embeddings: Embeddings) -> None:
    tokens = prose.tokens
    starts = np.random.default_rng(1).integers(0, len(tokens) - 20, 500).tolist()
    here = embeddings.embed_all([tuple(tokens[i : i + 6]) for i in starts])
    overlapping = embeddings.embed_all([tuple(tokens[i + 3 : i + 9]) for i in starts])
    beside = embeddings.embed_all([tuple(tokens[i + 6 : i + 12]) for i in starts])
    near, next_to = (here * overlapping).sum(axis=1), (here * beside).sum(axis=1)
    random = (here * np.roll(here, 1, axis=0)).sum(axis=1)
    assert near.mean() > next_to.mean() + 0.1
    assert next_to.mean() > random.mean() + 0.1


def test_bulk_and_single_agree(prose: Corpus, embeddings: Embeddings) -> None:
    events = [event for pattern in prose.patterns(20, events=2, symbols=3, seed=1) for event in pattern]
    events += [("class",), ("no such word", "class")]
    together = embeddings.embed_all(events)
    assert np.allclose(together, [embeddings.embed(event) for event in events], atol=1e-6)
    mean = np.mean([embeddings.embed((token,)) for token in events[0]], axis=0)
    assert np.allclose(together[0], mean / np.linalg.norm(mean), atol=1e-5)


def test_unknown_words_have_a_direction_of_their_own(embeddings: Embeddings) -> None:
    one, other = embeddings.embed(("zzyzx",)), embeddings.embed(("xyzzy",))
    assert np.array_equal(one, embeddings.embed(("zzyzx",)))
    assert abs(float(one @ other)) < 0.9


@pytest.mark.parametrize("dimension", [2, 16, 300])
def test_many_distinct_vectors(prose: Corpus, dimension: int) -> None:
    events, vectors = fit(prose, dimension, seed=1).distinct(prose, 20_000, symbols=3, seed=1)
    assert vectors.shape == (20_000, dimension)
    assert len(set(events)) == 20_000
    assert len(np.unique(vectors, axis=0)) == 20_000


def test_dimensions_above_the_rank_keep_every_angle(tmp_path: Path) -> None:
    path = tmp_path / "small.txt"
    path.write_text(SENTENCE)
    corpus = load(path)
    words = [(word,) for word in corpus.vocabulary()]
    full, wide = (fit(corpus, dimension, seed=1).embed_all(words) for dimension in (12, 1024))
    assert wide.shape == (12, 1024)
    assert np.allclose(full @ full.T, wide @ wide.T, atol=1e-4)
    assert (np.abs(wide).max(axis=1) < 0.5).all()


@pytest.mark.parametrize("dimension", [1, 1025, 0, -4])
def test_impossible_dimensions_are_refused(prose: Corpus, dimension: int) -> None:
    with pytest.raises(UsageError, match=f"2 to 1024 dimensions, not {dimension}"):
        fit(prose, dimension, seed=1)


def test_an_event_needs_a_token(embeddings: Embeddings) -> None:
    with pytest.raises(ValueError, match="without tokens"):
        embeddings.embed(())
    assert embeddings.embed_all([]).shape == (0, 64)


def test_more_vectors_than_the_corpus_gives(prose: Corpus, embeddings: Embeddings) -> None:
    with pytest.raises(UsageError, match="gives only"):
        embeddings.distinct(prose, 10_000, symbols=1, seed=1)
