"""The tiny model's tokenizer: one token a character, made in memory, no files.

A BPE with no merges splits text into characters. The post-processor that puts <bos> in front is not optional: without it
lm-eval's `add_bos_token=True` adds nothing, and the same model scores .37 instead of .21.

The alphabet is wider than today's tasks: another vocabulary is another model, so a new task must not need one.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>")
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz+-*/%^=<>?:;,.!|()[]{}# "
MAX_LENGTH = 128


def character_tokenizer() -> "PreTrainedTokenizerFast":
    """A tokenizer of 64 tokens: ids 0-3 are pad, bos, eos, unk, then one id a character of ALPHABET.

    It pads on the left, as batched generation needs, and puts <bos> in front of every text.
    """
    from tokenizers import Tokenizer, decoders, models
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    vocab = {token: i for i, token in enumerate([*SPECIAL, *ALPHABET])}
    core = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="<unk>"))
    core.decoder = decoders.Fuse()
    core.post_processor = TemplateProcessing(
        single="<bos> $A", pair="<bos> $A $B", special_tokens=[("<bos>", vocab["<bos>"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
        padding_side="left",
        model_max_length=MAX_LENGTH,
        clean_up_tokenization_spaces=False,
    )
