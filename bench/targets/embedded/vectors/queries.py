"""Requests that search: from Qdrant's JSON to the engine's query objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import qdrant_edge as engine

from .errors import malformed, not_found, wrong_input
from .filters import parse_filter
from .rules import Json
from .settings import Settings
from .vector_params import UNNAMED
from .wire import GivenId, make, parse_count, point_id

_DEFAULT_LIMIT = 10


class Points(Protocol):
    """Where the vectors of points are looked up that a query names: a collection."""

    settings: Settings

    def retrieve(self, ids: Any, with_payload: Any, with_vector: Any) -> list[Any]: ...


Collections = Callable[[str], Points]


# Common parts


def parse_search_params(given: Any) -> Any:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise malformed("params: expected an object")
    quantization, acorn = given.get("quantization"), given.get("acorn")
    return make(
        engine.SearchParams,
        hnsw_ef=given.get("hnsw_ef"),
        exact=given.get("exact") or False,
        indexed_only=given.get("indexed_only") or False,
        quantization=_given_fields(
            engine.QuantizationSearchParams, quantization, ("ignore", "rescore", "oversampling")
        ),
        acorn=_given_fields(engine.AcornSearchParams, acorn, ("enable", "max_selectivity")),
    )


def _given_fields(kind: Callable[..., Any], given: Any, names: tuple[str, ...]) -> Any:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise malformed("params: expected an object")
    return make(kind, **{name: given[name] for name in names if given.get(name) is not None})


def parse_with_payload(given: object, default: bool = False) -> Any:
    if given is None:
        return default
    if isinstance(given, dict):
        if "include" in given:
            return make(engine.PayloadSelector.Include, given["include"])
        if "exclude" in given:
            return make(engine.PayloadSelector.Exclude, given["exclude"])
        raise malformed("with_payload: expected `include` or `exclude`")
    return given


def parse_order(given: object) -> Any:
    """An order by a payload field: its name, or an object with direction and start."""
    if isinstance(given, str):
        return make(engine.OrderBy, given)
    if not isinstance(given, dict) or not isinstance(given.get("key"), str):
        raise malformed("order_by: expected a field, or an object with a `key`")
    directions = {None: None, "asc": engine.Direction.Asc, "desc": engine.Direction.Desc}
    direction = given.get("direction")
    if not isinstance(direction, str | None) or direction not in directions:
        raise malformed(f"order_by: unknown variant `{direction}`, expected `asc` or `desc`")
    return make(
        engine.OrderBy, given["key"], direction=directions[direction], start_from=given.get("start_from")
    )


# What is searched for


class _Examples:
    """Vectors of the points that a query names. Such a point is no answer, unless another collection's."""

    def __init__(self, points: Points, using: str, *, own: bool) -> None:
        self._points = points
        self._using = using
        self._own = own
        self.named: set[GivenId] = set()

    def vector(self, given: object) -> Any:
        """The vector itself, or that of the point whose id is given. Raises ApiError (404) without one."""
        if isinstance(given, list):
            return given
        if isinstance(given, dict):
            raise wrong_input("only dense vectors and point ids can be searched for here")
        identity = point_id(given)
        found = self._points.retrieve([identity], False, [self._using] if self._using else True)
        if not found:
            raise not_found(f"No point with id {identity} found")
        vector = found[0].vector
        if isinstance(vector, dict):
            vector = vector.get(self._using)
        if vector is None:
            raise not_found(f"Vector with name `{self._using}` for point {identity} not found")
        if self._own:
            self.named.add(identity)
        return vector

    def vectors(self, given: object) -> list[Any]:
        if given is None:
            return []
        if not isinstance(given, list):
            raise malformed("expected a list of vectors or point IDs")
        return [self.vector(one) for one in given]


def _nearest(query: Json, using: str | None, examples: _Examples, limit: int) -> Any:
    vector, diversity = examples.vector(query["nearest"]), query.get("mmr")
    if diversity is None:
        return make(engine.Query.Nearest, vector, using)
    given = diversity.get("diversity")
    return make(
        engine.Mmr,
        vector,
        1 - (0.5 if given is None else given),
        parse_count(diversity, "candidates_limit", limit, 1),
        using,
    )


def average_example(positive: Sequence[Any], negative: Sequence[Any]) -> list[float]:
    """The one vector to search with in place of examples: the mean of the positive ones, moved away from
    that of the negative ones. Raises ApiError without a positive one, or where sizes differ."""
    if not positive:
        raise wrong_input("At least one positive vector ID required")
    try:
        towards = _mean(positive)
        if negative:
            towards = [2 * p - n for p, n in zip(towards, _mean(negative), strict=True)]
    except (TypeError, ValueError) as error:
        raise malformed("expected vectors of numbers, and of one size") from error
    return towards


def _mean(vectors: Sequence[Any]) -> list[float]:
    return [sum(components) / len(vectors) for components in zip(*vectors, strict=True)]


_STRATEGIES = {
    "best_score": engine.Query.RecommendBestScore,
    "sum_scores": engine.Query.RecommendSumScores,
}


def _recommend(query: Json, using: str | None, examples: _Examples, _: int) -> Any:
    given = query["recommend"]
    positive, negative = examples.vectors(given.get("positive")), examples.vectors(given.get("negative"))
    strategy = given.get("strategy")
    if strategy in (None, "average_vector"):
        return make(engine.Query.Nearest, average_example(positive, negative), using)
    if strategy not in _STRATEGIES:
        raise malformed(f"strategy: unknown variant `{strategy}`")
    return make(_STRATEGIES[strategy], make(engine.RecommendQuery, positive, negative), using)


def _pairs(given: Any, examples: _Examples) -> list[Any]:
    pairs = given if isinstance(given, list) else [given]
    return [
        make(engine.ContextPair, examples.vector(pair["positive"]), examples.vector(pair["negative"]))
        for pair in pairs
    ]


def _discover(query: Json, using: str | None, examples: _Examples, _: int) -> Any:
    given = query["discover"]
    target = examples.vector(given["target"])
    discovery = make(engine.DiscoverQuery, target, _pairs(given.get("context") or [], examples))
    return make(engine.Query.Discover, discovery, using)


def _context(query: Json, using: str | None, examples: _Examples, _: int) -> Any:
    return make(engine.Query.Context, make(engine.ContextQuery, _pairs(query["context"], examples)), using)


def _order(query: Json, _using: str | None, _examples: _Examples, _limit: int) -> Any:
    return parse_order(query["order_by"])


def _fusion(query: Json, _using: str | None, _examples: _Examples, _limit: int) -> Any:
    kind = query["fusion"]
    if kind == "rrf":
        return engine.Fusion.Rrf(k=_RRF_K)
    if kind == "dbsf":
        return engine.Fusion.Dbsf()
    raise malformed(f"fusion: unknown variant `{kind}`, expected `rrf` or `dbsf`")


#: The server's constant of reciprocal rank fusion, where the request names none.
_RRF_K = 2


def _rrf(query: Json, _using: str | None, _examples: _Examples, _limit: int) -> Any:
    given = query["rrf"]
    return make(engine.Fusion.Rrf, k=parse_count(given, "k", _RRF_K, 1), weights=given.get("weights"))


def _sample(query: Json, _using: str | None, _examples: _Examples, _limit: int) -> Any:
    if query["sample"] != "random":
        raise malformed(f"sample: unknown variant `{query['sample']}`, expected `random`")
    return engine.Sample.Random


_KINDS: dict[str, Callable[[Json, str | None, _Examples, int], Any]] = {
    "nearest": _nearest,
    "recommend": _recommend,
    "discover": _discover,
    "context": _context,
    "order_by": _order,
    "fusion": _fusion,
    "rrf": _rrf,
    "sample": _sample,
}


def _scoring(given: Any, using: str | None, examples: _Examples, limit: int) -> Any:
    if given is None:
        return None
    if not isinstance(given, dict):
        return make(engine.Query.Nearest, examples.vector(given), using)
    for kind, build in _KINDS.items():
        if kind in given:
            try:
                return build(given, using, examples, limit)
            except (TypeError, KeyError, AttributeError) as error:
                raise malformed(f"query: wrong form of `{kind}`") from error
    raise wrong_input(f"queries are supported here by {', '.join(_KINDS)} only")


# Whole requests


def _name(points: Points, given: object) -> str:
    name = UNNAMED if given is None else given
    if not isinstance(name, str):
        raise malformed("expected a string for the name of a vector")
    if name not in points.settings.sizes:
        raise wrong_input(f"Not existing vector name error: {name}")
    return name


def _source(points: Points, body: Json, using: str, collections: Collections) -> _Examples:
    """Where examples are looked up: in the searched collection, or in that of `lookup_from`."""
    place = body.get("lookup_from")
    if place is None:
        return _Examples(points, using, own=True)
    if not isinstance(place, dict) or not isinstance(place.get("collection"), str):
        raise malformed("lookup_from: missing field `collection`")
    elsewhere = collections(place["collection"])
    return _Examples(elsewhere, _name(elsewhere, place.get("vector")), own=False)


def _without(given: object, named: set[GivenId]) -> Any:
    """The request's filter, without the points that the query was taken from."""
    parsed = parse_filter(given)
    if not named:
        return parsed
    return engine.Filter(must=None if parsed is None else [parsed], must_not=[engine.HasIdCondition(named)])


def _stage(points: Points, body: Json, collections: Collections, limit: int) -> Json:
    """The fields that a query and each stage before it have in common."""
    given = body.get("query")
    scores_vectors = not (isinstance(given, dict) and given.keys() & {"order_by", "fusion", "rrf", "sample"})
    using = _name(points, body.get("using")) if given is not None and scores_vectors else UNNAMED
    examples = _source(points, body, using, collections)
    return {
        "limit": limit,
        "query": _scoring(given, using or None, examples, limit),
        "filter": _without(body.get("filter"), examples.named),
        "params": parse_search_params(body.get("params")),
        "score_threshold": body.get("score_threshold"),
        "prefetches": _prefetches(points, body.get("prefetch"), collections),
    }


def _prefetches(points: Points, given: Any, collections: Collections) -> list[Any] | None:
    if not given:
        return None
    stages = given if isinstance(given, list) else [given]
    if not all(isinstance(stage, dict) for stage in stages):
        raise malformed("prefetch: expected an object")
    return [
        make(
            engine.Prefetch,
            **_stage(points, stage, collections, parse_count(stage, "limit", _DEFAULT_LIMIT, 1)),
        )
        for stage in stages
    ]


def parse_query(points: Points, body: Json, collections: Collections) -> Any:
    """A query of any kind; without one, points are listed by id.

    Without `hnsw_ef` the engine searches with the index's own `ef_construct`, as the server does."""
    try:
        stage = _stage(points, body, collections, parse_count(body, "limit", _DEFAULT_LIMIT, 1))
    except RecursionError as error:
        raise malformed("prefetch: nested too deeply") from error
    return make(
        engine.QueryRequest,
        offset=parse_count(body, "offset", 0, 0),
        with_payload=parse_with_payload(body.get("with_payload")),
        with_vector=body.get("with_vector") or False,
        **stage,
    )


def parse_search(points: Points, body: Json) -> Any:
    """The older form, which names its query `vector`, and with it the vector that is searched."""
    vector, using = body.get("vector"), None
    if isinstance(vector, dict):
        using, vector = vector.get("name"), vector.get("vector")
    if not isinstance(vector, list):
        raise malformed("vector: expected a list of numbers")
    return make(
        engine.QueryRequest,
        limit=parse_count(body, "limit", _DEFAULT_LIMIT, 1),
        offset=parse_count(body, "offset", 0, 0),
        query=make(engine.Query.Nearest, vector, _name(points, using) or None),
        filter=parse_filter(body.get("filter")),
        params=parse_search_params(body.get("params")),
        with_payload=parse_with_payload(body.get("with_payload")),
        with_vector=body.get("with_vector") or False,
        score_threshold=body.get("score_threshold"),
    )


def parse_scroll(body: Json) -> Any:
    offset, order = body.get("offset"), body.get("order_by")
    return make(
        engine.ScrollRequest,
        offset=None if offset is None else point_id(offset),
        limit=parse_count(body, "limit", _DEFAULT_LIMIT, 1),
        filter=parse_filter(body.get("filter")),
        with_payload=parse_with_payload(body.get("with_payload"), default=True),
        with_vector=body.get("with_vector") or False,
        order_by=None if order is None else parse_order(order),
    )


def parse_counting(body: Json) -> Any:
    exact = body.get("exact")
    return make(
        engine.CountRequest, exact=True if exact is None else exact, filter=parse_filter(body.get("filter"))
    )


def parse_facet(body: Json) -> Any:
    if not isinstance(body.get("key"), str):
        raise malformed("missing field `key`")
    return make(
        engine.FacetRequest,
        body["key"],
        limit=parse_count(body, "limit", _DEFAULT_LIMIT, 1),
        exact=body.get("exact") or False,
        filter=parse_filter(body.get("filter")),
    )
