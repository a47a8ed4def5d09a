"""The judgements as JUnit XML, as continuous integration shows it: a test case a row, a failure for a loss, an error
for an error of the engine's. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from workers.gate.compare import Judgement

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(name: str, judged: Sequence[Judgement]) -> bytes:
    """One test suite; `name` is the library's."""
    errors = [item for item in judged if _is_error(item)]
    failures = [item for item in judged if item.is_loss and not _is_error(item)]
    counts = {"tests": str(len(judged)), "failures": str(len(failures)), "errors": str(len(errors))}
    root = Xml.Element("testsuites", {"name": "retarget gate", **counts})
    suite = Xml.SubElement(root, "testsuite", {"name": _plain(name), **counts})
    for item in sorted(judged, key=lambda item: item.row):
        motion, _, character = item.row.partition(" -> ")
        case = Xml.SubElement(suite, "testcase", {"classname": _plain(character), "name": _plain(motion)})
        told = _plain("\n".join([*(change.text for change in item.changes), *item.notes]))
        if item.is_loss:
            first = item.changes[0].text if item.changes else "it is not in the library any more"
            kind = "error" if _is_error(item) else "failure"
            Xml.SubElement(case, kind, {"message": _plain(first), "type": item.status}).text = told
        elif told or item.status != "same":
            Xml.SubElement(case, "system-out").text = "\n".join(filter(None, [item.status, told]))
    Xml.indent(root)
    written: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _is_error(item: Judgement) -> bool:
    return item.is_loss and item.now is not None and item.now.error is not None


def _plain(text: str) -> str:
    return _NOT_IN_XML.sub("?", text)
