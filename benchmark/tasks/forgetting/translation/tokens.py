"""Sub-words: sentences become rows of numbers and back, by byte-pair encoding with sentencepiece."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from benchmark.errors import DataError
from benchmark.tasks.forgetting.translation.network import BEGIN, END, PAD

if TYPE_CHECKING:
    from torch import Tensor

UNKNOWN = 3


class Tokens:
    """A vocabulary, shared by all languages. Raises DataError for text of which none can be made.

    sentences: to make it from;  size: of the vocabulary at most
    """

    def __init__(self, sentences: Iterable[str], size: int) -> None:
        import sentencepiece

        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(sentences),
                model_writer=model,
                model_type="bpe",
                vocab_size=size,
                hard_vocab_limit=False,
                character_coverage=1.0,
                num_threads=1,
                pad_id=PAD,
                bos_id=BEGIN,
                eos_id=END,
                unk_id=UNKNOWN,
                minloglevel=2,
            )
        except RuntimeError as error:
            raise DataError(f"no vocabulary of {size} sub-words can be made of the text ({error})") from None
        self._model: Any = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())

    def __len__(self) -> int:
        """Of the vocabulary."""
        return int(self._model.get_piece_size())

    def rows(self, sentences: Sequence[str], *, framed: bool, length: int) -> Tensor:
        """Tokens (n, length) int64, PAD after the end; of a longer sentence the first ones.

        framed: from BEGIN to END, as targets are
        """
        import torch

        encoded = self._model.encode(list(sentences))
        made = torch.full((len(encoded), length), PAD)
        for row, tokens in zip(made, encoded, strict=True):
            whole = [BEGIN, *tokens[: length - 2], END] if framed else tokens[:length]
            row[: len(whole)] = torch.tensor(whole)
        return made

    def longest(self, sentences: Sequence[str]) -> int:
        """Tokens of the longest sentence, its frame included."""
        return 2 + max(map(len, self._model.encode(list(sentences))))

    def sentences(self, rows: Tensor) -> list[str]:
        """What rows of tokens (n, length) say, up to the first END; unknown ones and frames say nothing."""
        said = []
        for row in rows.tolist():
            row = row[: row.index(END)] if END in row else row
            said.append([token for token in row if token not in (PAD, BEGIN, UNKNOWN)])
        decoded: list[str] = self._model.decode(said)
        return decoded
