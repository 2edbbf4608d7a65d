"""A tokenizer for made-up weights: any text as bytes, and pseudo-words for what they generate."""

# pyright: basic
from __future__ import annotations

import itertools
from collections.abc import Iterator

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from engine.errors import ConfigError

SPECIALS = ("<|begin|>", "<|end|>", "<|user|>", "<|assistant|>")
BEGIN_ID, END_ID = 256, 257
N_QUIET = 256 + len(SPECIALS)
"""Tokens before the first word: the bytes, then the special ones."""
_WORDS_MIN = 40
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aeiou"
_SYLLABLES = tuple(map("".join, itertools.product(_CONSONANTS, _VOWELS)))
_TOKENS_MAX = N_QUIET + len(_SYLLABLES) ** 2 + len(_SYLLABLES) ** 3
_TEMPLATE = (
    "<|begin|>{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def check_size(size: int) -> None:
    """Raises ConfigError for a vocabulary that is too small or too large for words."""
    if not N_QUIET + _WORDS_MIN <= size <= _TOKENS_MAX:
        raise ConfigError(
            f"A vocabulary of {size:,} tokens cannot be made.",
            f"Choose {N_QUIET + _WORDS_MIN} to {_TOKENS_MAX:,} tokens.",
        )


def make_tokenizer(size: int) -> PreTrainedTokenizerFast:
    """A tokenizer of `size` tokens. It never gives words, which are only generated.

    Raises ConfigError for a size that cannot be made.
    """
    check_size(size)
    of_byte = bytes_to_unicode()
    names = [*(of_byte[byte] for byte in range(256)), *SPECIALS]
    names += itertools.islice(_words(), size - N_QUIET)
    inner = Tokenizer(models.BPE(vocab={name: i for i, name in enumerate(names)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(
        [AddedToken(name, special=True, normalized=False) for name in SPECIALS]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token=SPECIALS[0],
        eos_token=SPECIALS[1],
        chat_template=_TEMPLATE,
        model_max_length=8192,
        clean_up_tokenization_spaces=False,
    )


def _words() -> Iterator[str]:
    """All words of two syllables, then those of three, in an order that mixes them: the strides
    share no factor with the counts."""
    n = len(_SYLLABLES)
    for length, stride in (2, 2663), (3, 211_333):
        for i in range(n**length):
            place = i * stride % n**length
            yield "Ġ" + "".join(_SYLLABLES[place // n**k % n] for k in range(length))
