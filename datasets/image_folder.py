"""Image folders of the user's own: each `<name>/` or `<name>.zip` under the data root becomes the dataset `<name>`.

The layout is train/<class>/<images> and test/<class>/<images>; `benchmark.data.images.image_folder` says how it is
read.
"""

from __future__ import annotations

from benchmark.data.catalogue import catalogue
from benchmark.data.images.image_folder import register_folders
from benchmark.machine.paths import data_root

register_folders(data_root(), catalogue)
