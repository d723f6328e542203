"""What every user of a run shares: the options, the seed, the names of nodes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from bench.loadgen.roster import Roster
from bench.loadgen.session import Session

Vector: TypeAlias = Sequence[float]

#: Above this many nodes a KATO worker evicts the oldest and deletes its vectors (kato: 100 per worker).
MAX_NODES = 90


@dataclass
class World:
    """`options`: the scenario's options, defaults filled in. `run`: letters and digits that make node names
    unique to a run. `corpus`: path of the user's own corpus, None = the built-in one. `shared`: what the
    scenario's `prepare` made for its users. `sessions`: how many sessions the run keeps open. `first_node`:
    where this world's nodes begin among those of the run, for a scenario that is part of another one."""

    options: dict[str, Any]
    seed: int
    run: str
    sessions: int
    corpus: str | None = None
    session_config: dict[str, Any] = field(default_factory=dict)
    shared: Any = None
    first_node: int = 0
    roster: Roster = field(default_factory=Roster)

    def node_name(self, node: int) -> str:
        """Letters, digits and underscores only, so that KATO's kb_id is the name plus its service suffix."""
        return f"bench_{self.run}_{node}"

    def session(self, index: int, node: int) -> Session:
        """A session, not opened yet, on the `node`-th node of this world."""
        node += self.first_node
        return Session(index, node, self.node_name(node))

    def config(self) -> dict[str, Any]:
        """The session config of every session. Predictions at observe time stay off unless asked for: two
        sessions of one node that observe at once with predictions on stop a KATO worker for ever."""
        return {"process_predictions": False, **self.session_config}

    def rng(self, *names: object) -> random.Random:
        """A random stream of its own for each use, the same in every run of the same seed."""
        return random.Random("/".join(str(name) for name in (self.seed, *names)))


@dataclass(frozen=True, slots=True)
class Lesson:
    """One pattern to learn before the load begins: its node's index, its events, and of each event the vector
    and the emotives if they have any."""

    node: int
    events: tuple[tuple[str, ...], ...]
    vectors: tuple[Vector, ...] = ()
    emotives: tuple[Mapping[str, float], ...] = ()
