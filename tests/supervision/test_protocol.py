from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.supervision.protocol import Decoder, encode

messages = st.lists(
    st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.none() | st.lists(st.text())),
    max_size=5,
)


@given(messages, st.integers(min_value=1, max_value=50))
def test_messages_survive_any_portions(sent: list[dict[str, object]], portion: int) -> None:
    data = b"".join(encode(message) for message in sent)
    decoder = Decoder()
    received = [
        message
        for start in range(0, len(data), portion)
        for message in decoder.feed(data[start : start + portion])
    ]
    assert received == sent


def test_names_that_are_not_text_survive() -> None:
    path = b"/caf\xe9".decode("utf-8", "surrogateescape")
    assert list(Decoder().feed(encode({"log": path}))) == [{"log": path}]
