"""What the README says of the reading list, against the registry."""

from __future__ import annotations

import re
from pathlib import Path

from benchmark import plugins
from benchmark.tasks import find_track

ROOT = Path(__file__).parent.parent
_ROW = re.compile(
    r"\| .*(?:\[(?P<arxiv>\d{4}\.\d{5})\]|id=(?P<review>\w+)\)).*\) \| (?P<tracks>[^|]*) \| `(?P<file>[^`]*)` \| .* \|"
)


def test_each_paper_of_the_reading_list_is_a_method_of_its_tracks() -> None:
    plugins.load_datasets()
    plugins.load_methods()
    rows = [match for line in (ROOT / "README.md").read_text().splitlines() if (match := _ROW.fullmatch(line))]
    assert len(rows) == 14
    for row in rows:
        paper = f"arXiv:{row['arxiv']}" if row["arxiv"] else f"OpenReview {row['review']}"
        names = re.findall(r"`([\w.]+)`", row["tracks"])
        task = names[0].partition(".")[0]
        for name in names:
            track = find_track(name if not name.startswith(".") else task + name)
            entries = [entry for entry in track.entries.values() if entry.paper == paper and entry.role == "method"]
            assert entries, f"{track.name} has no method of {paper}"
            assert {Path(entry.origin) for entry in entries} >= {ROOT / "methods" / row["file"]}
