"""The report as a page: in words, with pictures and timelines, and safe whatever the files' names are."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

from fastapi.testclient import TestClient

from service.files.blobs import BlobStore
from service.jobs.report_page import report_page
from service.jobs.store import JobStore
from tests.service_fixtures import finish_job, post_job

HOSTILE = '"><script>alert(1)</script>'
REPORT: dict[str, Any] = {
    "verdict": {
        "verdict": "review",
        "rows": [
            {"score": "foot_skate", "meaning": "slide of planted feet", "value": 1.5, "worse": "above",
             "limit_review": 1.2, "limit_fail": 2.5, "outcome": "review", "reason": None},
            {"score": "itm", "meaning": "match", "value": None, "worse": "below", "limit_review": 0.5,
             "limit_fail": 0.2, "outcome": "pass", "reason": "no description was given"},
        ],
    },
    "scores": {"foot_skate_ratio": 1.5, "itm": None, "semantic_similarity": {"raw": 1}},
    "scores_naive_copy": {"foot_skate_ratio": 3.25},
    "not_applicable": {"itm": "no description was given"},
    "timeline": {"step_s": 0.1, "foot_skate": [None, 0.0, 1.0, None, 0.5, 0.25], "empty": [None, None]},
    "timeline_naive_copy": {"step_s": 0.1, "foot_skate": [1.0, 1.5, 2.0, 2.0, 2.0, 2.0]},
    "warnings": [{"code": "units-guessed", "message": f"{HOSTILE}.bvh: guessed"}],
}  # fmt: skip


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]


def test_the_page_says_in_words_what_the_rows_hold() -> None:
    page = report_page("Report", REPORT, [("sheet.png", "/v1/jobs/j/artifacts/sheet.png")])
    assert "Review: somebody should look at it." in page and "slide of planted feet" in page
    assert "to be looked at; to be looked at above 1.2, not good enough above 2.5" in page
    assert "not measured: no description was given" in page
    assert '<td class="n">1.5</td><td class="n">3.25</td>' in page
    assert page.count("<polyline") == 3 and "0 to 2<" in page  # a gap parts the curve; the copy's is one
    assert page.index("slide of planted feet") < page.index("<details>") < page.index("not measured:")
    assert '<img src="/v1/jobs/j/artifacts/sheet.png"' in page


def test_nothing_in_a_report_becomes_markup() -> None:
    page = report_page(HOSTILE, {**REPORT, "clips": [{"clip": HOSTILE, **REPORT}] * 2}, [(HOSTILE, HOSTILE)])
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.seen and tags.seen.count("h2") == 2 and "&lt;script&gt;" in page


def test_it_is_served_beside_the_report(client: TestClient, store: JobStore, blobs: BlobStore) -> None:
    job_id = post_job(client).json()["id"]
    assert client.get(f"/v1/jobs/{job_id}/report.html").status_code == 409
    files = {"report.json": ("application/json", json.dumps(REPORT).encode()), "sheet.png": ("image/png", b"png")}
    finish_job(store, blobs, job_id, files)
    answer = client.get(client.get(f"/v1/jobs/{job_id}").json()["urls"]["report_page"])
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    (address,) = re.findall(r'<img src="([^"]+)"', answer.text)
    assert client.get(address).content == b"png"
