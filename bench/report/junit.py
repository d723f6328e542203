"""A gate's verdict as JUnit XML, which every CI system shows: one test case per operation and metric.

The form is what Jenkins, GitLab and the usual GitHub actions read: testsuites > testsuite > properties,
testcase > failure | skipped. An undecided metric is `skipped`: neither a pass nor a failure.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from bench.gate.noninferiority import Judged
from bench.gate.values import ALL
from bench.report import effects
from bench.report.gate import GateReport, headline, notes, worse_beside

#: What XML 1.0 cannot carry, escaped or not.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_NAME = "kato-bench gate"


def render(report: GateReport) -> str:
    """The document, with its declaration."""
    cases = [_case(one) for one in (*report.gated, *worse_beside(report))]
    if not cases or report.outcome.verdict == "inconclusive":
        cases.append(_undecided(report))
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": "0",
        "skipped": str(sum(case.find("skipped") is not None for case in cases)),
        "time": f"{report.seconds:.1f}",
    }
    root = ET.Element("testsuites", {"name": _NAME, **counts})
    suite = ET.SubElement(root, "testsuite", {"name": f"{_NAME}: {_clean(report.scenario)}", **counts})
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report).items():
        ET.SubElement(properties, "property", {"name": name, "value": _clean(value)})
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = _clean("\n".join(notes(report)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(judged: Judged) -> ET.Element:
    effect = judged.effect
    operation = "all operations" if effect.operation == ALL else effect.operation
    case = ET.Element(
        "testcase", {"classname": f"gate.{operation}", "name": effect.metric.title, "time": "0"}
    )
    told = _clean(effects.sentence(judged))
    if judged.verdict == "fail":
        ET.SubElement(case, "failure", {"message": told, "type": "regression"}).text = _numbers(judged)
    elif judged.verdict != "pass":
        ET.SubElement(case, "skipped", {"message": told})
    ET.SubElement(case, "system-out").text = f"{told}\n{_numbers(judged)}"
    return case


def _undecided(report: GateReport) -> ET.Element:
    """Says so where nothing could be judged, or where the policy turns "undecided" into a failure."""
    case = ET.Element("testcase", {"classname": "gate", "name": "verdict", "time": "0"})
    told = _clean("; ".join(headline(report)) or "not decided")
    if report.treated_as == "fail":
        ET.SubElement(case, "failure", {"message": told, "type": "inconclusive"})
    else:
        ET.SubElement(case, "skipped", {"message": told})
    return case


def _numbers(judged: Judged) -> str:
    """Every run's value, so that a reader need not look for the record."""
    effect = judged.effect
    return "\n".join(
        f"{side}: " + ", ".join(effects.value(effect.metric, (value,)) for value in values)
        for side, values in (("baseline", effect.a), ("candidate", effect.b))
    )


def _properties(report: GateReport) -> dict[str, str]:
    found = {f"side.{side}": text or "embedded" for side, text in report.sides.items()}
    found |= {"scenario": report.scenario, "load": report.load, "verdict": report.outcome.verdict}
    found["tolerance"] = f"{report.rules.tolerance.ratio:g}"
    if report.runs:
        match = report.runs[0].must_match
        found |= {
            "cpu_model": match.cpu_model,
            "cores": str(match.cores),
            "memory_bytes": str(match.memory_bytes),
            "kato": str(match.target),
            **{f"engine.{part}": str(version) for part, version in match.engines.items()},
        }
    return found


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
