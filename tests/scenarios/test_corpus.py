"""The data that scenarios send: fixed by the seed, distinct, free of what breaks KATO."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import UsageError
from scenarios.corpus import FEWEST_WORDS, LONGEST_TOKEN, Corpus, load

FORBIDDEN = re.compile(r"['\\\x00-\x1f\x7f-\x9f]")
POEM = "the quick brown fox jumps over the lazy dog while seven grey cats sleep under an old oak tree"


@pytest.fixture(scope="module")
def prose() -> Corpus:
    return load()


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_built_in_corpus_is_large_and_clean(prose: Corpus) -> None:
    assert len(prose.ids) > 40_000
    assert len(prose.vocabulary()) > 2_000
    for word in prose.vocabulary():
        assert word == word.lower()
        assert not FORBIDDEN.search(word)
        assert word.isalnum()


def test_the_vocabulary_is_in_order_and_the_hash_that_of_the_tokens(prose: Corpus) -> None:
    assert list(prose.vocabulary()) == sorted(set(prose.tokens))
    text = "".join(token + "\n" for token in prose.tokens)
    assert prose.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert load().sha256 == prose.sha256


def test_another_process_sees_the_same_patterns(prose: Corpus) -> None:
    code = (
        "from scenarios.corpus import load; import sys\n"
        "print(load().patterns(50, events=5, symbols=2, seed=3)); assert 'numpy' not in sys.modules"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == str(prose.patterns(50, events=5, symbols=2, seed=3))


@pytest.mark.parametrize(("events", "symbols"), [(5, 2), (5, 1), (1, 3), (3, 4)])
def test_patterns_are_distinct_and_of_the_size_asked_for(prose: Corpus, events: int, symbols: int) -> None:
    patterns = prose.patterns(3000, events=events, symbols=symbols, seed=1)
    assert len(set(patterns)) == len(patterns) == 3000
    assert {len(pattern) for pattern in patterns} == {events}
    for event in (event for pattern in patterns for event in pattern):
        assert len(event) == symbols
        assert list(event) == sorted(event)


def test_a_shorter_list_is_the_beginning_of_a_longer_one(prose: Corpus) -> None:
    longer = prose.patterns(500, events=4, symbols=2, seed=9)
    assert prose.patterns(120, events=4, symbols=2, seed=9) == longer[:120]
    assert list(islice(prose.iter_patterns(events=4, symbols=2, seed=9), 500)) == longer
    assert prose.patterns(120, events=4, symbols=2, seed=10) != longer[:120]


def test_windows_come_first_and_then_a_chain_goes_on(tmp_path: Path) -> None:
    corpus = load(written(tmp_path, "poem.txt", POEM))
    tokens = corpus.tokens
    windows = {tuple((token,) for token in tokens[i : i + 4]) for i in range(len(tokens) - 3)}
    patterns = corpus.patterns(len(windows) + 5, events=4, symbols=1, seed=2)
    assert set(patterns[: len(windows)]) == windows
    assert not set(patterns[len(windows) :]) & windows
    steps = set(zip(tokens, tokens[1:] + tokens[:1], strict=True))
    for pattern in patterns:
        flat = [token for event in pattern for token in event]
        assert set(pairwise(flat)) <= steps


def test_the_built_in_corpus_goes_far_beyond_its_windows(prose: Corpus) -> None:
    patterns = prose.patterns(70_000, events=5, symbols=2, seed=1)
    assert len(set(patterns)) == 70_000 > len(prose.ids)


def test_a_corpus_that_gives_no_more_says_how_many_it_gave(tmp_path: Path) -> None:
    corpus = load(written(tmp_path, "poem.txt", POEM))
    with pytest.raises(UsageError, match=r"gives only 18 distinct patterns of 1 events with 1 symbols"):
        corpus.patterns(1000, events=1, symbols=1, seed=1)


@pytest.mark.parametrize(("events", "symbols"), [(0, 1), (1, 0), (-3, 2)])
def test_a_pattern_has_a_size(prose: Corpus, events: int, symbols: int) -> None:
    with pytest.raises(UsageError, match="1 event and 1 symbol or more"):
        prose.iter_patterns(events=events, symbols=symbols, seed=1)


def test_a_prompt_is_a_noisy_beginning(prose: Corpus) -> None:
    rng = random.Random(4)
    kept = replaced = 0
    for pattern in prose.patterns(400, events=10, symbols=2, seed=1):
        prompt = prose.prompt(pattern, rng)
        assert 3 <= len(prompt) <= 7
        assert prompt[0] == pattern[0]
        for ours, theirs in zip(prompt[1:], pattern[1:], strict=False):
            assert list(ours) == sorted(ours)
            replaced += sum(token not in theirs for token in ours)
            kept += len(ours)
    assert 0.07 < replaced / kept < 0.13


@pytest.mark.parametrize(
    ("events", "symbols", "least", "most"), [(1, 1, 1, 1), (2, 1, 1, 1), (3, 1, 2, 2), (2, 2, 1, 1)]
)
def test_small_patterns_still_give_a_prompt(
    prose: Corpus, events: int, symbols: int, least: int, most: int
) -> None:
    rng = random.Random(1)
    for pattern in prose.patterns(50, events=events, symbols=symbols, seed=1):
        assert least <= len(prose.prompt(pattern, rng, noise=0)) <= most


def test_a_prompt_without_noise_is_the_beginning_itself(prose: Corpus) -> None:
    pattern = prose.patterns(1, events=10, symbols=1, seed=1)[0]
    assert prose.prompt(pattern, random.Random(1), keep=(0.5, 0.5), noise=0) == pattern[:5]


def test_a_conversation_has_the_shape_of_its_pattern(prose: Corpus) -> None:
    for pattern in prose.patterns(100, events=6, symbols=3, seed=1):
        talk = prose.conversation(pattern, random.Random(str(pattern)))
        assert talk == prose.conversation(pattern, random.Random(str(pattern)))
        assert [len(event) for event in talk] == [3] * 6
        assert talk[0] == pattern[0]
        assert all(list(event) == sorted(event) for event in talk)
        assert talk != pattern


@settings(deadline=None)
@given(st.text(max_size=300), st.booleans())
def test_no_text_yields_a_forbidden_token(text: str, as_list: bool) -> None:
    from tempfile import TemporaryDirectory

    rows = [{"tokens": text.split(" ")} if as_list else text, POEM]
    with TemporaryDirectory() as folder:
        path = written(Path(folder), "any.jsonl", "\n".join(json.dumps(row) for row in rows))
        words = load(path).vocabulary()
    assert not any(FORBIDDEN.search(word) for word in words)
    assert all(words)
    "".join(words).encode()


def test_apostrophes_join_and_stay_only_where_allowed(tmp_path: Path) -> None:
    path = written(tmp_path, "talk.txt", "It's KATO’s 2nd c:\\temp it_is " + POEM)
    assert load(path).tokens[:7] == ["its", "katos", "2nd", "c", "temp", "it", "is"]
    assert load(path, allow_quotes=True).tokens[:5] == ["it's", "kato’s", "2nd", "c", "\\temp"]


@pytest.mark.parametrize(
    ("name", "content", "beginning"),
    [
        ("a.txt", b"\xef\xbb\xbfHello, World!\r\n", ["hello", "world"]),
        ("a.md", "# Hello *World*\n", ["hello", "world"]),
        ("a.jsonl", b'\xef\xbb\xbf"Hello World"\n\n', ["hello", "world"]),
        ("a.jsonl", '{"text": "Hello World", "user": 3}\r\n', ["hello", "world"]),
        ("a.jsonl", '{"tokens": ["Hello", "new world"]}\n', ["Hello", "new world"]),
        ("a.ndjson", '{"strings": ["it\'s", "\\u0000b\\ud800", ""]}\n', ["its", "b"]),
        ("a.json", '{"event": ["x", "y"]}\n', ["x", "y"]),
        ("a.jsonl", '{"events": [["x", "y"], ["z"]]}\n', ["x", "y", "z"]),
        ("a.jsonl", '[["x"], ["y"]]\n["z"]\n[]\n', ["x", "y", "z"]),
        ("a.csv", "login,view page,,buy\na,b,c,d,e,f,g,h\n", ["login", "view page", "buy"]),
        ("a.csv", 'id,Text\n1,"Hello, World"\n2\n', ["hello", "world"]),
        ("a.tsv", "id\ttext\n1\tHello World\n", ["hello", "world"]),
    ],
)
def test_formats(tmp_path: Path, name: str, content: str | bytes, beginning: list[str]) -> None:
    if isinstance(content, bytes):
        content = content.decode()
    tail = {".csv": f"9,{POEM}", ".tsv": f"9\t{POEM}"}.get(Path(name).suffix, f'"{POEM}"')
    assert load(written(tmp_path, name, content + tail)).tokens[: len(beginning)] == beginning


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.txt", "", "is empty"),
        ("a.txt", " \n--- !!!\n", "no usable token"),
        ("a.txt", "one two three two one", f"only 3 distinct tokens: at least {FEWEST_WORDS}"),
        ("a.txt", b"caf\xe9 " * 50, "not UTF-8"),
        ("a.txt", POEM.encode("utf-16"), "not UTF-8"),
        ("a.jsonl", '"fine"\n{broken\n', "line 2: is not JSON"),
        ("a.jsonl", "[" * 100_000, "line 1: is not JSON"),
        ("a.jsonl", '{"message": "hi"}\n', "line 1: needs a string"),
        ("a.jsonl", "3\n", "line 1: needs a string"),
        ("a.jsonl", '{"tokens": [1, 2]}\n', "line 1: tokens must be strings"),
        ("a.jsonl", '[["a"], "b"]\n', "line 1: tokens must be strings"),
        ("a.csv", "a,b\n" + "x" * 200_000 + "\n", "line 2: is not CSV"),
    ],
)
def test_bad_files_get_one_sentence(tmp_path: Path, name: str, content: str | bytes, sentence: str) -> None:
    with pytest.raises(UsageError, match=re.escape(sentence)) as caught:
        load(written(tmp_path, name, content))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        load(tmp_path / "no.txt")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is no file: save its text in one"):
        load(tmp_path / "pipe")


def test_long_tokens_are_cut_and_chunks_keep_words_whole(tmp_path: Path) -> None:
    text = " ".join(f"word{i}" for i in range(200_000)) + " " + "x" * 2_000_000
    corpus = load(written(tmp_path, "long.txt", text))
    assert corpus.tokens[:200_000] == [f"word{i}" for i in range(200_000)]
    assert max(map(len, corpus.vocabulary())) == LONGEST_TOKEN
