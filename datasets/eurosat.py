"""EuroSAT: 27,000 Sentinel-2 images of ten kinds of land use, 64x64 RGB (Helber et al. 2019, arXiv:1709.00029).

Read from the folders that torchvision unpacks. No split was published; here every fifth image of a class, in
alphabetical order, is "test" and the others are "train".
"""

from __future__ import annotations

from pathlib import Path

from benchmark.data.catalogue import catalogue
from benchmark.data.download import downloading
from benchmark.data.images.class_folders import ClassFolders, divided, images_below
from benchmark.data.images.listing import Listing

PAGE = "https://github.com/phelber/EuroSAT"
FOLDER = Path("eurosat") / "2750"
CLASSES = (
    *("AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial"),
    *("Pasture", "PermanentCrop", "Residential", "River", "SeaLake"),
)


@catalogue.add("eurosat", title="EuroSAT: land use seen by Sentinel-2", licence="MIT", source=PAGE)
class EuroSat(ClassFolders):
    """Ten classes of 2,000 to 3,000 images, (n, 3, 64, 64)."""

    size = 64

    def missing(self, root: Path) -> str | None:
        """Return None if all ten folders are there, else a sentence that names the absent ones."""
        absent = [name for name in CLASSES if not (root / FOLDER / name).is_dir()]
        if not absent:
            return None
        # torchvision downloads nothing while the folder is there
        first = f"remove {root / FOLDER} and " if (root / FOLDER).exists() else ""
        return (
            f"EuroSAT is incomplete: {first}put the folders {', '.join(absent)} into {root / FOLDER} "
            f"(they are in EuroSAT.zip, the RGB images, from {PAGE}), or run `heptathlon data fetch eurosat`"
        )

    def listing(self, root: Path) -> Listing:
        """List the images of the ten classes. Raises DataError if one has fewer than five."""
        images = images_below(root / FOLDER, depth=1)
        return divided(root / FOLDER, {name: images[name] for name in CLASSES})

    def fetch(self, root: Path) -> None:
        """Download into `root` through torchvision. Raises DataError if that fails."""
        by_hand = f"download EuroSAT.zip and unpack it into {root / FOLDER.parent}, which gives {root / FOLDER}"
        with downloading("EuroSAT", root=root, source=PAGE, by_hand=by_hand):
            from torchvision import datasets

            datasets.EuroSAT(root=str(root), download=True)
