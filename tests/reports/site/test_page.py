from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

import reports
from benchmark.results.store import Scan
from tests.reports.factory import record
from tests.reports.figures.forgetting.translation_records import translated

pytestmark = pytest.mark.usefixtures("light_figures")


class Page(HTMLParser):
    """Collects what the tests ask of a page, and checks that its tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.scripts = 0
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "img", "br", "link"}:
            self.open.append(tag)
        values = dict(attrs)
        self.images += [values] if tag == "img" else []
        self.links += [values["href"] or ""] if "href" in values else []
        self.ids += [values["id"] or ""] if "id" in values else []
        self.scripts += tag == "script"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(scan: Scan, out: Path, **options: str) -> tuple[Page, str]:
    text = reports.build(scan, out, **options).index.read_text()
    return Page(text), text


def test_every_image_and_link_is_there_and_nothing_elsewhere(scan: Scan, out: Path) -> None:
    parsed, text = page(scan, out)
    assert len(parsed.images) == 4
    for image in parsed.images:
        assert (out / str(image["src"])).is_file()
        assert image["alt"]
    assert len(set(parsed.ids)) == len(parsed.ids)
    for link in parsed.links:
        if link.startswith("#"):
            assert link[1:] in parsed.ids
        elif not link.startswith("https://arxiv.org/abs/"):
            assert (out / link).is_file()

    for sign in ('src="http', "url(", "@import", "<link"):
        assert sign not in text


def test_words_of_records_are_escaped(out: Path) -> None:
    evil = "<script>alert(1)</script>"
    records = [record("gpm", status="error", message=evil), record("er", paper=f'"><img src=x>{evil}')]
    records.append(record("ewc", slug="cpu-two", comparison={evil: evil}))
    scan = Scan(tuple(records), (f"bad.json: {evil}",))
    parsed, text = page(scan, out, command=f"heptathlon report {evil}")
    assert parsed.scripts == 1
    assert evil not in text
    assert "<img src=x>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>" not in (out / "leaderboard.md").read_text()


def test_a_failure_cannot_break_a_markdown_table(out: Path) -> None:
    page(Scan((record("gpm", paper="a | b\nc"), record("er", status="error", message="x | y\n\n# z")), ()), out)
    text = (out / "leaderboard.md").read_text()
    assert "a \\| b c" in text
    assert "x \\| y \\# z" in text


def test_names_of_records_cannot_leave_the_folder(out: Path) -> None:
    report = reports.build(Scan((record(slug="../../up"),), ()), out)
    assert all(path.resolve().is_relative_to(out.resolve()) for path in report.files)


def test_provenance_and_command(scan: Scan, out: Path) -> None:
    marked = record("gpm", 7, in_process=True)
    _, text = page(Scan((*scan.records, marked), ()), out, command="heptathlon report --store runs")
    for words in ("commit aaaaaaaaaaaa", "torch 2.11.0", "driver 580.1", "heptathlon report --store runs"):
        assert words in text
    assert "1 run inside the judge&#39;s process" in text


def test_records_set_aside_say_why(out: Path) -> None:
    records = [record("gpm", seed) for seed in range(2)]
    records.append(record("er", comparison={"track_version": "1", "data": "other", "tier": "quick"}))
    _, text = page(Scan(tuple(records), ()), out)
    assert "not ranked here: different data" in text


def test_failures_of_a_method_are_listed_with_their_output(out: Path) -> None:
    failed = record("gpm", status="error", message="it broke")
    assert failed.failure is not None
    detailed = failed.model_copy(update={"failure": failed.failure.model_copy(update={"details": "Traceback: line 1"})})
    _, text = page(Scan((detailed,), ()), out)
    assert "it broke" in text
    assert "Traceback: line 1" in text


def test_sentences_stand_beside_their_translations(out: Path) -> None:
    records = [translated(method, seed) for method in ("sum", "gradvac") for seed in range(2)]
    _, text = page(Scan(records, []), out)
    assert text.count('<table class="speech">') == 3
    assert "dogs &lt;run&gt;" in text
    assert '<td>tuli va<div class="quiet">dog-PL run</div></td>' in text
    assert text.count('<td class="right">kato sop</td>') == 2
    _, other = page(Scan([record()], []), out)
    assert "speech" not in other.replace(".speech", "")
