"""Omniglot: handwritten characters of 50 alphabets, 20 drawings of each by 20 people (Lake et al. 2015, Science 350).

Read from torchvision's folders (1,623 characters; those of the background alphabets come first), else from the authors'
small background set (136 characters of 5 alphabets). Classes are named "Alphabet/character01"; the alphabet is the
group by which few-shot tracks divide classes.

Omniglot publishes no split of the drawings. Here drawings 1 to 15 of each character are "train" and 16 to 20 "test", so
that the two are by different people; tracks that divide classes use both together.
"""

from __future__ import annotations

import re
from pathlib import Path

from benchmark.data.catalogue import catalogue
from benchmark.data.download import downloading
from benchmark.data.images.class_folders import ClassFolders, divided, images_below
from benchmark.data.images.listing import Listing
from benchmark.errors import DataError

PAGE = "https://github.com/brendenlake/omniglot"
FOLDER = "omniglot-py"
SMALL = "images_background_small1"
SMALL_PLACES = (SMALL, "omniglot-background-small1", "omniglot-background-small1.zip")
TRAIN_DRAWERS = 15
DRAWERS = 20


@catalogue.add("omniglot", title="Omniglot: handwritten characters of many alphabets", licence="MIT", source=PAGE)
class Omniglot(ClassFolders):
    """Bright ink on dark ground, (n, 1, 28, 28): inverted, and reduced from 105x105 by averaging areas.

    characters: how many each of torchvision's two folders must hold.
    """

    size = 28
    mode = "L"
    resampling = "BOX"
    inverted = True
    characters = {"images_background": 964, "images_evaluation": 659}  # noqa: RUF012  read only

    def missing(self, root: Path) -> str | None:
        """Return None if one of the two sets is there, else a sentence that names what is absent."""
        absent = self._absent(root)
        if not absent or self._small(root):
            return None
        return (
            f"Omniglot is incomplete: unpack {' and '.join(f'{name}.zip' for name in absent)} (from {PAGE}, folder "
            f"python) into {root / FOLDER}, or run `heptathlon data fetch omniglot`; the small set will do as well: "
            f"put {SMALL_PLACES[-1]} into {root}"
        )

    def listing(self, root: Path) -> Listing:
        """List the drawings. Raises DataError for a character that is absent, or a drawing without its drawer."""
        small = self._small(root)
        if self._absent(root) and small:
            return divided(small, images_below(small, depth=2), is_test=_by_a_later_drawer)
        where = root / FOLDER
        images: dict[str, list[str]] = {}
        for part, names in images_below(where, depth=3).items():
            folder, _, class_name = part.partition("/")
            if folder in self.characters:
                images[class_name] = names
        for folder, count in self.characters.items():
            found = sum(names[0].startswith(f"{folder}/") for names in images.values() if names)
            if found != count:
                raise DataError(
                    f"{where / folder} has drawings of {found} characters, and Omniglot has {count} there; remove that "
                    "folder and unpack it again"
                )
        return divided(where, images, is_test=_by_a_later_drawer)

    def fetch(self, root: Path) -> None:
        """Download the full set into `root` through torchvision. Raises DataError if that fails."""
        archives = " and ".join(f"{name}.zip" for name in self.characters)
        by_hand = f"download {archives} from {PAGE} (folder python) and unpack them into {root / FOLDER}"
        with downloading("Omniglot", root=root, source=PAGE, by_hand=by_hand):
            from torchvision import datasets

            for background in (True, False):
                datasets.Omniglot(root=str(root), background=background, download=True)

    def _absent(self, root: Path) -> list[str]:
        return [name for name in self.characters if not (root / FOLDER / name).is_dir()]

    def _small(self, root: Path) -> Path | None:
        """Folder or zip of the small set; a folder may hold it below its own name."""
        place = next((root / name for name in SMALL_PLACES if (root / name).exists()), None)
        return place / SMALL if place is not None and (place / SMALL).is_dir() else place


def _by_a_later_drawer(position: int, name: str) -> bool:
    """Tell by the file's name, such as 0108_16.png for the 16th drawer, whether an image is "test"."""
    match = re.fullmatch(r".*_(\d\d)\.png", name)
    if match is None or not 1 <= int(match[1]) <= DRAWERS:
        raise DataError(
            f"Omniglot's drawing {name} does not end in _<drawer>.png with a drawer from 01 to {DRAWERS}; "
            "restore its name or remove it"
        )
    return int(match[1]) > TRAIN_DRAWERS
