"""Parallel text of the user's own: each `<name>/` under the data root with `source.txt` becomes the dataset `<name>`.

Beside it lies one `<language>.txt` for each language, line by line its translation; `benchmark.data.texts.text_folder`
says how they are read.
"""

from __future__ import annotations

from benchmark.data.catalogue import catalogue
from benchmark.data.texts.text_folder import register_texts
from benchmark.machine.paths import data_root

register_texts(data_root(), catalogue)
