"""What drafting without a model costs: the suffix automaton on long contexts, the n-gram table's
draft step.

    python -m tests.bench.suffix [--tokens 100000]

Insert and propose is what a token costs in the worst case, one token a round; its maximum includes
whatever the machine did meanwhile. Bars: 20 µs a token for the suffix automaton, 60 µs a draft step
for the table (aims).
"""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import typer

from engine.config import Config
from engine.drafting.length import FixedLength
from engine.drafting.ngram_table import NgramTable
from engine.drafting.suffix import SuffixDrafter
from engine.drafting.suffix_automaton import SuffixAutomaton
from engine.drafting.table import TableDrafter
from engine.host import host

VOCABULARY = 49_152
GAMMA = 8
REPEATS = 5


def zipf(n: int, seed: int = 0) -> list[int]:
    """Independent words, the k-th most frequent with a chance of about 1/k."""
    chances = 1 / np.arange(1, VOCABULARY + 1)
    words = np.random.default_rng(seed).choice(VOCABULARY, n, p=chances / chances.sum())
    return words.tolist()


def suffix(text: list[int]) -> dict[str, float]:
    """Microseconds a token to insert it and propose after it; megabytes that the automaton has."""
    config = Config(drafter="suffix", gamma=GAMMA)
    length = FixedLength(config)
    u = np.zeros(GAMMA)
    drafter = SuffixDrafter(config)
    context: list[int] = []
    spent: list[int] = []
    for token in text:
        context.append(token)
        began = time.perf_counter_ns()
        drafter.propose(context, GAMMA, u, length)
        spent.append(time.perf_counter_ns() - began)
    began = time.perf_counter()
    for _ in drafter.begin(text):
        pass
    prefill = time.perf_counter() - began
    tracemalloc.start()
    automaton = SuffixAutomaton()
    automaton.extend(text)
    megabytes = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    return {
        "us_per_token": round(float(np.mean(spent)) / 1e3, 2),
        "us_p99": round(float(np.percentile(spent, 99)) / 1e3, 2),
        "us_max": round(max(spent) / 1e3, 1),
        "insert_us_per_token": round(prefill / len(text) * 1e6, 2),
        "megabytes": round(megabytes, 1),
    }


def step(table: NgramTable, contexts: list[list[int]], **sampler: float) -> float:
    """Microseconds of a draft step, the best of a few passes over the contexts."""
    config = Config(drafter="ngram-table", gamma=GAMMA, **sampler)
    drafter = TableDrafter(config, table, VOCABULARY)
    length = FixedLength(config)
    draws = np.random.default_rng(1).random((len(contexts), GAMMA))

    def once() -> float:
        began = time.perf_counter()
        drafted = 0
        for context, u in zip(contexts, draws, strict=True):
            drafted += len(drafter.propose(context, GAMMA, u, length).ids)
        return (time.perf_counter() - began) / drafted * 1e6

    return best(once)


def best(once: Callable[[], float]) -> float:
    return round(min(once() for _ in range(REPEATS)), 1)


def main(tokens: int = 100_000) -> None:
    words = zipf(tokens)
    phrase = words[:40]
    repetitive = (phrase * (tokens // len(phrase) + 1))[:tokens]
    corpus = zipf(1_000_000, seed=2)
    began = time.perf_counter()
    table = NgramTable.build(corpus, vocabulary_size=VOCABULARY)
    built = time.perf_counter() - began
    contexts = [corpus[i : i + 3] for i in range(0, 2000, 10)]
    print(
        json.dumps(
            {
                "cpu": host().cpu,
                "cores": host().cores,
                "tokens": tokens,
                "gamma": GAMMA,
                "suffix_zipf": suffix(words),
                "suffix_repetitive": suffix(repetitive),
                "table_vocabulary": VOCABULARY,
                "table_corpus_tokens": len(corpus),
                "table_build_s": round(built, 2),
                "table_step_us_greedy": step(table, contexts),
                "table_step_us_sampled": step(table, contexts, temperature=1.0),
                "table_step_us_top_k_top_p": step(
                    table, contexts, temperature=0.8, top_k=40, top_p=0.95
                ),
            }
        )
    )


if __name__ == "__main__":
    typer.run(main)
