"""BCCD, blood cell count and detection: 364 images of smears under the microscope, 640x480 RGB, with boxes around red
cells, white cells and platelets (images and boxes of cosmicad and akshaylamba, brought into VOC's layout by Shenggan).

The published lists are used: "train" is trainval.txt (292 images), "test" is test.txt (72). The platelets are small, a
median of 40 pixels a side. Two red cells in "train" were annotated by a click without extent, and are left out.
"""

from __future__ import annotations

from pathlib import Path

from benchmark.data.boxes.voc import VocFiles
from benchmark.data.catalogue import catalogue
from benchmark.data.download import download_file, downloading

PAGE = "https://github.com/Shenggan/BCCD_Dataset"
ARCHIVE = "https://codeload.github.com/Shenggan/BCCD_Dataset/zip/refs/heads/master"


@catalogue.add("blood-cells", title="BCCD: blood cells under the microscope, with boxes", licence="MIT", source=PAGE)
class BloodCells(VocFiles):
    """Red cells, white cells and platelets, in Pascal VOC's layout."""

    title = "BCCD"
    places = ("BCCD", "bccd.zip")
    classes = ("RBC", "WBC", "Platelets")
    archive = ARCHIVE
    remedy = (
        f"run `heptathlon data fetch blood-cells`, or download {ARCHIVE} and put it there as {places[1]}, or only its "
        f"folder {places[0]}"
    )

    def fetch(self, root: Path) -> None:
        """Download the repository's archive as `bccd.zip` into `root`. Raises DataError if that fails."""
        zipped = root / self.places[1]
        with downloading(
            self.title, root=root, source=PAGE, by_hand=f"download {self.archive} and save it as {zipped}"
        ):
            download_file(self.archive, zipped)
