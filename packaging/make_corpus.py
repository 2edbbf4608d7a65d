"""Make the bundled text that n-gram tables count by default: what the embedded model itself says.

    python packaging/make_corpus.py [--out assets/corpus/corpus.txt] [--tokens 60000]

Every prompt is a task of ours about a subject of ours; the answers are sampled from SmolLM2-135M
(T = 0.8, seeded), so the text is the model's, under its licence (Apache-2.0). The prompts of the
presets and of the benchmarks are not among them.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from engine.backends import registry
from engine.config import ModelSpec
from engine.sampling import draw, probabilities

TASKS = (
    "Explain {} to a ten-year-old.",
    "Write a short story about {}.",
    "List five facts about {}.",
    "What are the advantages and disadvantages of {}?",
    "Write an email to a friend about {}.",
    "Give me step by step instructions on {}.",
    "Summarise what is known about {} in three sentences.",
    "Write a Python function that has to do with {} and explain it.",
    "How did people think about {} a hundred years ago?",
    "Describe {} in one paragraph.",
)
SUBJECTS = (
    "volcanoes", "baking bread", "learning a language", "electric cars", "gardening on a balcony",
    "the water cycle", "a lost dog", "sorting numbers", "saving money", "the moon",
    "running a small shop", "trains", "bees and honey", "painting a room", "a library card",
    "winter in the mountains", "reading a map", "washing machines", "a school play", "the ocean",
    "making tea", "bicycles", "old photographs", "counting words in a text", "a job interview",
    "earthquakes", "friendship", "packing a suitcase", "solar panels", "a chess game",
)  # fmt: skip
MOST_TOKENS = 220
TEMPERATURE = 0.8


def main(
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("assets/corpus/corpus.txt"),
    tokens: Annotated[int, typer.Option(help="Tokens to make.")] = 60_000,
    threads: Annotated[int, typer.Option(help="0: all physical cores.")] = 0,
) -> None:
    """Write the corpus."""
    model = registry.load(ModelSpec(threads=threads), "target")
    rng = np.random.default_rng(20_240_901)
    pairs = list(itertools.product(TASKS, SUBJECTS))
    rng.shuffle(pairs)
    answers: list[str] = []
    made = 0
    for task, subject in pairs:
        if made >= tokens:
            break
        ids = model.encode(task.format(subject))
        model.truncate(0)
        logits = model.extend(ids, "last")
        answer = bytearray()
        for _ in range(MOST_TOKENS):
            token = draw(probabilities(logits[-1], TEMPERATURE), float(rng.random()))
            if token in model.vocabulary.end_ids:
                break
            answer += model.vocabulary.piece(token)
            made += 1
            logits = model.extend([token], "last")
        answers.append(answer.decode("utf-8", "ignore").strip())
        typer.echo(f"\r{made:,} of {tokens:,} tokens", err=True, nl=False)
    typer.echo(err=True)
    model.close()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n\n".join(answers) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
