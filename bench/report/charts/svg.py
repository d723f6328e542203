"""Elements of SVG with every value escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

Point = tuple[float, float]


def element(name: str, *children: str | Markup, **attributes: object) -> Markup:
    """`<name attribute="value">children</name>`; a trailing or inner `_` of an attribute's name is a hyphen's
    or a keyword's. Attributes that are None are left out; texts are escaped, markup is not."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(escape(child) for child in children)
    return Markup(f"<{name}{shown}>{inner}</{name}>" if inner else f"<{name}{shown}/>")


def group(children: Iterable[Markup], **attributes: object) -> Markup:
    return element("g", *children, **attributes)


def path(runs: Sequence[Sequence[Point]], *, close: bool = False, **attributes: object) -> Markup:
    """One path through each run of points; a run of one point is drawn as a dot by round line caps."""
    parts = []
    for run in runs:
        if run:
            first, *rest = [f"{_text(x)} {_text(y)}" for x, y in run]
            parts.append(f"M{first}" + ("L" + " ".join(rest) if rest else "h0") + ("Z" if close else ""))
    return element("path", d="".join(parts), **attributes)


def _text(value: object) -> str:
    """Tenths of a pixel are finer than any screen."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
