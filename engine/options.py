"""Options that several commands share, and how their text is read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from engine.config import DEVICES, PRECISIONS, Config, ModelSpec
from engine.errors import ConfigError, PromptError

BackendName = Literal["auto", "gguf", "hf"]
DEFAULT = Config()

Target = Annotated[
    str,
    typer.Option(
        help="GGUF file, Hugging Face folder or cached hub id, 'toy', or nothing: embedded."
    ),
]
Draft = Annotated[
    str, typer.Option(help="GGUF file, Hugging Face folder or cached hub id, or 'toy'.")
]
Drafter = Annotated[
    str,
    typer.Option(
        help="model, ngram, suffix, chain, ngram-table, early-exit or auto; default: model with "
        "--draft and for the embedded model, else ngram."
    ),
]
Prompt = Annotated[str | None, typer.Option(help="Default: the first preset.")]
PromptFile = Annotated[
    Path | None, typer.Option(help="Read the prompt from a file; - is standard input.")
]
Gamma = Annotated[
    int | None,
    typer.Option(help="Tokens drafted in a round; 0: plain decoding. Default: 4, of auto 16."),
]
Branches = Annotated[
    str,
    typer.Option(help="Children of each drafted token by depth, such as 2,2; default: a chain."),
]
Temperature = Annotated[float, typer.Option(help="0 is greedy.")]
TopK = Annotated[int, typer.Option(help="0 switches it off.")]
TopP = Annotated[float, typer.Option(help="1 switches it off.")]
Seed = Annotated[int, typer.Option(help="Seed of the recorded draws.")]
MaxTokens = Annotated[int, typer.Option(help="Tokens to emit at most.")]
RuleName = Annotated[
    str, typer.Option(help="rejection, block, greedy, sample-match, typical or lenient.")
]
Lenience = Annotated[float, typer.Option(help="Bias of the rule lenient; 1: none.")]
Epsilon = Annotated[float, typer.Option(help="Of the rule typical: p that always passes.")]
Delta = Annotated[float, typer.Option(help="Of the rule typical: factor before exp(-H).")]
LengthPolicy = Annotated[
    str, typer.Option(help="Draft length: fixed, confidence, entropy or throughput.")
]
Confidence = Annotated[float, typer.Option(help="Threshold of the length policy confidence.")]
EntropyBound = Annotated[float, typer.Option(help="λ of the length policy entropy.")]
EntropyScale = Annotated[float, typer.Option(help="c of the length policy entropy.")]
ExitLayer = Annotated[
    int,
    typer.Option(help="Layers of the target that early-exit drafts with; 0: a quarter of them."),
]
Corpus = Annotated[
    Path | None, typer.Option(help="Text that the ngram-table counts; default: the bundled one.")
]
Backend = Annotated[
    BackendName,
    typer.Option(
        help="Library that runs the models: gguf is llama.cpp, for GGUF files; hf is torch, for "
        "Hugging Face folders and cached hub ids."
    ),
]
Raw = Annotated[bool, typer.Option("--raw", help="No chat template.")]
Threads = Annotated[int, typer.Option(help="0: all physical cores.")]
GpuLayers = Annotated[
    int, typer.Option(help="Of GGUF models; -1: all that fit the build and the GPU.")
]
Device = Annotated[
    str,
    typer.Option(
        help=f"Where Hugging Face models run: {', '.join(DEVICES)}, or cuda:N for one of several "
        "GPUs. auto: the fastest there is."
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        help=f"What Hugging Face models compute in: {', '.join(PRECISIONS)}. int8 and int4 "
        "quantise the weights while they are loaded."
    ),
]
Context = Annotated[int, typer.Option(help="Context length; 0: the model's, at most 4096.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


def prompt_text(prompt: str | None, prompt_file: Path | None) -> str:
    """The prompt that was given, or the first preset. Raises PromptError."""
    if prompt is not None and prompt_file is not None:
        raise PromptError("Both --prompt and --prompt-file are given.", "Give one of them.")
    if prompt_file is not None:
        try:
            return sys.stdin.read() if str(prompt_file) == "-" else prompt_file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PromptError(
                f"The prompt file {prompt_file.name} cannot be read: {_reason(error)}.",
                "Give the path of a text file in UTF-8.",
            ) from None
    if prompt is None:
        from engine.presets import first_prompt

        return first_prompt()
    return prompt


def _reason(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it is no text in UTF-8"


def parsed_branches(text: str) -> tuple[int, ...]:
    """ "2,2" as numbers; () for "". Raises ConfigError."""
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    for part in parts:
        if not (part.isascii() and part.isdecimal()):
            raise ConfigError(
                f"--branches is {text!r}, and {part!r} is no number.",
                "Give whole numbers with commas between them, such as 2,2.",
            )
    return tuple(int(part) for part in parts)


def drafter_name(drafter: str, draft: str, target: str) -> str:
    """The drafter asked for, or the default: a draft model where there is one."""
    return drafter or ("model" if draft or target == "" else "ngram")


def gamma_of(gamma: int | None, drafter: str) -> int:
    """The draft length asked for, or the drafter's default. Raises ConfigError for its name."""
    from engine.drafting.registry import drafter_kind

    kind = drafter_kind(drafter)
    if gamma is None:
        return kind.gamma_max if kind.chooses_gamma else DEFAULT.gamma
    return gamma


def specs(
    target: str, draft: str, how: ModelSpec, drafter: str = "ngram"
) -> tuple[ModelSpec, ModelSpec | None]:
    """The target's and the draft's specification; how: all but the source. A drafter that needs a
    draft model gets the one that ships, where that is the target's. Raises ConfigError."""
    from engine.backends.registry import EMBEDDED_DRAFT
    from engine.drafting.registry import drafter_kind

    how.validated()
    first = msgspec.structs.replace(how, source=target)
    if not draft and target == "" and drafter_kind(drafter).needs_model:
        draft = EMBEDDED_DRAFT
    return first, msgspec.structs.replace(how, source=draft) if draft else None
