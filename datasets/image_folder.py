"""Image folders of the user's own: each `<name>/` or `<name>.zip` under the data root becomes the dataset `<name>`.

The layout is train/<class>/<images> and test/<class>/<images>; `benchmark.image_folder` says how it is read.
"""

from __future__ import annotations

from benchmark.data import catalogue, data_root
from benchmark.image_folder import register_folders

register_folders(data_root(), catalogue)
