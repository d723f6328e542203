from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.loadgen.distributed.clocks import RoundTrip, offset

DELAYS = st.floats(0, 0.5)


@given(true=st.floats(-1e6, 1e6), delays=st.lists(st.tuples(DELAYS, DELAYS), min_size=1, max_size=20))
def test_the_true_offset_lies_within_the_uncertainty(true: float, delays: list[tuple[float, float]]) -> None:
    """However unlike the two ways of a round trip are."""
    trips = []
    for number, (there, back) in enumerate(delays):
        sent = 10.0 * number
        trips.append(RoundTrip(sent, sent + there + true, sent + there + back))
    found = offset(trips)
    assert abs(found.seconds - true) <= found.uncertainty + 1e-9
    assert found.uncertainty <= min(there + back for there, back in delays) / 2 + 1e-9
