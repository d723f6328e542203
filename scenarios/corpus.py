"""The text that scenarios send: tokens, learned patterns, conversations. Pure, and fixed by a seed.

The built-in corpus is English prose that every CPython carries (`pydoc_data.topics`, the language
reference); its words, and with them its hash, differ a little between Python versions. `--corpus FILE` takes
the user's own:

- text (any suffix not named below): runs of letters and digits, lower-cased;
- JSON lines (`.jsonl`, `.ndjson`, `.json`), one sequence a line: a string (read as text), a list of tokens, a
  list of lists of tokens, or an object with one of these under `text`, `tokens`, `strings` (KATO's own name),
  `event` or `events`;
- CSV (`.csv`, or `.tsv` with tabs): with a header that names a column `text`, that column is read as text;
  without one, every row is a sequence and every cell that is not empty a token.

Tokens that a file spells out keep their case and punctuation. Of all tokens, control characters are removed,
and `'` and `\\` too unless quotes are allowed: KATO 3.10 pastes tokens into SQL, where a quote makes filters
find nothing and one kind of prediction fail after 20 s. A file's own division into sequences is not kept:
patterns are windows over the whole stream of tokens.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, islice
from pathlib import Path
from typing import TextIO

from bench.errors import UsageError

#: Tokens of one moment, in the order in which KATO stores them.
Event = tuple[str, ...]
Pattern = tuple[Event, ...]

#: KATO takes seconds for a token of a megabyte; nobody's words are that long.
LONGEST_TOKEN = 256
FEWEST_WORDS = 10
#: So many random walks in a row without a new pattern: there are none left worth waiting for.
_EXHAUSTED = 20_000
_CHUNK = 1 << 20

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_WORD_WITH_QUOTES = re.compile(r"\\?[^\W_]+(?:['’\\][^\W_]+)*")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_QUOTES = re.compile(r"['’\\]")


@dataclass(frozen=True)
class Corpus:
    """A stream of tokens. `words`: its distinct tokens in ascending order; `ids`: the stream as indexes into
    them; `sha256`: of the tokens in order, each as UTF-8 followed by a line feed."""

    name: str
    sha256: str
    words: tuple[str, ...]
    ids: array[int]

    @property
    def tokens(self) -> list[str]:
        """The stream, spelled out."""
        return [self.words[i] for i in self.ids]

    def vocabulary(self) -> tuple[str, ...]:
        """The distinct tokens in ascending order."""
        return self.words

    def patterns(self, count: int, *, events: int, symbols: int, seed: int) -> list[Pattern]:
        """The first `count` of `iter_patterns`; so a shorter list is the beginning of a longer one."""
        return list(islice(self.iter_patterns(events=events, symbols=symbols, seed=seed), count))

    def iter_patterns(self, *, events: int, symbols: int, seed: int) -> Iterator[Pattern]:
        """Distinct patterns of `events` events with `symbols` tokens each, tokens in order inside an event.

        First come the windows over the token stream, shuffled; then walks of a first-order Markov chain
        fitted to the stream. Remembers some 100 bytes per pattern. Raises UsageError for a size below 1, and
        from the iterator where the corpus gives no more patterns."""
        if events < 1 or symbols < 1:
            raise UsageError(f"a pattern needs 1 event and 1 symbol or more, not {events} and {symbols}")
        return self._distinct(events, symbols, random.Random(f"patterns/{seed}/{events}/{symbols}"))

    def _distinct(self, events: int, symbols: int, rng: random.Random) -> Iterator[Pattern]:
        length = events * symbols
        seen: set[bytes] = set()

        def new(window: Sequence[int]) -> Pattern | None:
            ordered = array("I", (i for event in _cut(window, symbols) for i in sorted(event)))
            # Eight bytes: a collision passes over a pattern, which does no harm; it never repeats one.
            key = hashlib.blake2b(ordered, digest_size=8).digest()
            if key in seen:
                return None
            seen.add(key)
            return tuple(self._spell(event) for event in _cut(ordered, symbols))

        for start in _shuffled(len(self.ids) - length + 1, rng):
            if (pattern := new(self.ids[start : start + length])) is not None:
                yield pattern
        repeats = 0
        while repeats < _EXHAUSTED:
            pattern = new(self._walk(length, rng))
            repeats += 1
            if pattern is not None:
                repeats = 0
                yield pattern
        raise UsageError(
            f"corpus {self.name} gives only {len(seen)} distinct patterns of {events} events with {symbols} "
            "symbols: ask for fewer or longer patterns, or bring a larger corpus"
        )

    def prompt(
        self,
        pattern: Pattern,
        rng: random.Random,
        *,
        keep: tuple[float, float] = (0.3, 0.7),
        noise: float = 0.1,
    ) -> Pattern:
        """How a conversation begins that will go on as `pattern` does: its first events, with some noise.

        A share drawn evenly from `keep` of the events is kept: at least one, at least two tokens (KATO
        predicts in earnest from two on), and never the last event, if there are more. After the first event,
        each token is replaced with probability `noise` by any word of the vocabulary."""
        share = keep[0] + (keep[1] - keep[0]) * rng.random()
        least = 1 if len(pattern[0]) > 1 else 2
        kept = max(1, min(max(round(share * len(pattern)), least), len(pattern) - 1))
        return pattern[:1] + tuple(
            tuple(sorted(self._any_word(rng) if rng.random() < noise else token for token in event))
            for event in pattern[1:kept]
        )

    def conversation(
        self,
        pattern: Pattern,
        rng: random.Random,
        *,
        keep: tuple[float, float] = (0.3, 0.7),
        noise: float = 0.1,
    ) -> Pattern:
        """A conversation of the shape of `pattern` that begins as it does (`prompt`) and then goes on as some
        other place of the corpus does."""
        begun = self.prompt(pattern, rng, keep=keep, noise=noise)
        position = _below(len(self.ids), rng)
        rest = []
        for event in pattern[len(begun) :]:
            places = ((position + k) % len(self.ids) for k in range(len(event)))
            rest.append(self._spell(sorted(self.ids[place] for place in places)))
            position += len(event)
        return begun + tuple(rest)

    def _spell(self, ids: Iterable[int]) -> Event:
        words = self.words
        return tuple([words[i] for i in ids])

    def _any_word(self, rng: random.Random) -> str:
        return self.words[_below(len(self.words), rng)]

    @cached_property
    def _successors(self) -> tuple[array[int], array[int]]:
        """(offsets, followers): what followed word w anywhere is followers[offsets[w] : offsets[w + 1]]. The
        stream counts as a ring, so that every word has a follower."""
        counts = [0] * len(self.words)
        for i in self.ids:
            counts[i] += 1
        offsets = array("Q", accumulate(counts, initial=0))
        free = array("Q", offsets)
        followers = array("I", self.ids)
        for here, i in enumerate(self.ids, start=1):
            followers[free[i]] = self.ids[here % len(self.ids)]
            free[i] += 1
        return offsets, followers

    def _walk(self, length: int, rng: random.Random) -> list[int]:
        offsets, followers = self._successors
        word = self.ids[_below(len(self.ids), rng)]
        walk = [word]
        for _ in range(length - 1):
            start = offsets[word]
            word = followers[start + _below(offsets[word + 1] - start, rng)]
            walk.append(word)
        return walk


@lru_cache(maxsize=1)
def shared(path: str | None) -> Corpus:
    """The corpus of a run, read once in a process: a scenario may be made of several that ask for it. Raises
    as `load` does."""
    return load(Path(path) if path else None)


def load(path: Path | None = None, *, allow_quotes: bool = False) -> Corpus:
    """Read the user's file, or the built-in corpus where there is none (formats: see the module).

    A file is read as a stream: beside its distinct words, a token costs four bytes of memory. Raises
    UsageError in one sentence for a file that is missing, unreadable, empty, not UTF-8, malformed, or too
    poor in words."""
    builder = _Builder(allow_quotes)
    if path is None:
        name = f"pydoc_data.topics of Python {sys.version_info.major}.{sys.version_info.minor}"
        builder.text(_built_in())
        return builder.finish(name)
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            # Every load process reads it anew, which no pipe allows.
            raise UsageError(f"corpus {path} is no file: save its text in one")
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.is_file() and path.stat().st_size == 0:
                raise UsageError(f"corpus file {path} is empty")
            _READERS.get(path.suffix.lower(), _read_text)(file, builder)
    except FileNotFoundError:
        raise UsageError(f"corpus file {path} does not exist") from None
    except UnicodeDecodeError:
        raise UsageError(f"corpus file {path} is not UTF-8: save it as UTF-8 text") from None
    except _MalformedError as error:
        raise UsageError(f"corpus file {path}, {error}") from None
    except OSError as error:
        raise UsageError(f"corpus file {path} cannot be read: {error.strerror or error}") from None
    return builder.finish(path.name)


def _built_in() -> str:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise UsageError(
            "this Python comes without pydoc_data, the built-in corpus: name a file with --corpus FILE"
        ) from None
    return "\n".join(topics[name] for name in sorted(topics))


class _MalformedError(Exception):
    """What is wrong with which line of a corpus file."""


class _Builder:
    """Numbers tokens as they come and hashes them."""

    def __init__(self, allow_quotes: bool) -> None:
        self._allow_quotes = allow_quotes
        self._numbers: dict[str, int] = {}
        self._ids = array("I")
        self._hash = hashlib.sha256()

    def text(self, text: str) -> None:
        """Add the words of prose."""
        if self._allow_quotes:
            self._add(_WORD_WITH_QUOTES.findall(text.lower()))
        else:
            self._add([_QUOTES.sub("", word) for word in _WORD.findall(text.lower())])

    def spelled(self, tokens: Iterable[str]) -> None:
        """Add tokens that the file spells out."""
        clean = (_UNPRINTABLE.sub("", token).strip() for token in tokens)
        if not self._allow_quotes:
            clean = (_QUOTES.sub("", token).strip() for token in clean)
        self._add([token for token in clean if token])

    def _add(self, tokens: Sequence[str]) -> None:
        if not tokens:
            return
        numbers = self._numbers
        cut = [token[:LONGEST_TOKEN] for token in tokens]
        self._ids.extend([numbers.setdefault(token, len(numbers)) for token in cut])
        self._hash.update(("\n".join(cut) + "\n").encode())

    def finish(self, name: str) -> Corpus:
        found = len(self._numbers)
        if not found:
            raise UsageError(f"corpus {name} has no usable token: it needs words or numbers")
        if found < FEWEST_WORDS:
            raise UsageError(
                f"corpus {name} has only {found} distinct tokens: at least {FEWEST_WORDS} are needed"
            )
        words = tuple(sorted(self._numbers))
        place = {self._numbers[word]: i for i, word in enumerate(words)}
        ids = array("I", map(place.__getitem__, self._ids))
        return Corpus(name, self._hash.hexdigest(), words, ids)


def _read_text(file: TextIO, builder: _Builder) -> None:
    carried = ""
    while chunk := file.read(_CHUNK):
        complete, last = _split_at_last_space(carried + chunk)
        builder.text(complete)
        carried = last
    builder.text(carried)


def _split_at_last_space(text: str) -> tuple[str, str]:
    """All but the last word, and the last word, which the next chunk may go on with. A chunk without any
    space is a binary or a script without spaces; it is cut where it ends."""
    for end in range(len(text), 0, -1):
        if text[end - 1].isspace():
            return text[:end], text[end:]
    return text, ""


def _read_json_lines(file: TextIO, builder: _Builder) -> None:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise _MalformedError(f'line {number}: is not JSON, such as {{"text": "some words"}}') from None
        _read_row(row, number, builder)


_KEYS = ("text", "tokens", "strings", "event", "events")


def _read_row(row: object, number: int, builder: _Builder) -> None:
    if isinstance(row, dict):
        row = next((row[key] for key in _KEYS if key in row), None)
    if isinstance(row, str):
        builder.text(row)
    elif isinstance(row, list):
        events = row if row and all(isinstance(event, list) for event in row) else [row]
        for event in events:
            if not all(isinstance(token, str) for token in event):
                raise _MalformedError(
                    f'line {number}: tokens must be strings, such as {{"tokens": ["a", "b"]}}'
                )
            builder.spelled(event)
    else:
        raise _MalformedError(
            f"line {number}: needs a string, a list of tokens, or an object with one of "
            f'{", ".join(_KEYS)}, such as {{"text": "some words"}}'
        )


def _csv_reader(delimiter: str) -> Callable[[TextIO, _Builder], None]:
    def read(file: TextIO, builder: _Builder) -> None:
        rows = csv.reader(file, delimiter=delimiter)
        column = None
        try:
            for number, row in enumerate(rows):
                header = [cell.strip().lower() for cell in row] if number == 0 else []
                if "text" in header:
                    column = header.index("text")
                elif column is None:
                    builder.spelled(row)
                elif column < len(row):
                    builder.text(row[column])
        except csv.Error as error:
            raise _MalformedError(f"line {rows.line_num}: is not CSV ({error})") from None

    return read


_READERS: dict[str, Callable[[TextIO, _Builder], None]] = {
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".json": _read_json_lines,
    ".csv": _csv_reader(","),
    ".tsv": _csv_reader("\t"),
}


def _cut(flat: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (flat[start : start + size] for start in range(0, len(flat), size))


def _below(n: int, rng: random.Random) -> int:
    """A number from 0 to n - 1. Only `Random.random` promises the same stream in every Python version."""
    return int(rng.random() * n)


def _shuffled(n: int, rng: random.Random) -> Iterator[int]:
    """0 .. n-1 in random order (Fisher & Yates), with memory only for what was drawn."""
    moved: dict[int, int] = {}
    for i in range(n):
        j = i + _below(n - i, rng)
        yield moved.get(j, j)
        moved[j] = moved.pop(i, i)
