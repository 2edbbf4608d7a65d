"""`draftscope synth`: a pair with made-up weights, for timing without a download."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine import options
from engine.config import ModelSpec
from engine.errors import Cancelled, ModelError
from engine.terminal import clear_errors, on_engine_thread, utf8_output

if TYPE_CHECKING:  # torch loads only when the command needs it
    from engine.backends.hf.synth import Pair, Shape

DensePrecision = Literal["float32", "bfloat16", "float16"]


def synth(
    out: Annotated[Path, typer.Option(help="Folder to make, with target and draft in it.")],
    like: Annotated[
        str,
        typer.Option(
            help="Shape of the target: llama-8b, llama-1b, qwen-0.5b-like, smollm2-135m or tiny."
        ),
    ] = "smollm2-135m",
    draft_layers: Annotated[
        int, typer.Option(help="The draft is so many first layers of the target.")
    ] = 4,
    agreement: Annotated[
        float, typer.Option(help="Mean Σ min(p, q) at T = 1: the acceptance rate of sampling.")
    ] = 0.8,
    seed: Annotated[int, typer.Option(help="Seed of the weights.")] = 0,
    precision: Annotated[
        DensePrecision, typer.Option(help="What the weights are made and stored in.")
    ] = "bfloat16",
    tokens: Annotated[int, typer.Option(help="Size of the vocabulary; 0: the shape's.")] = 0,
    device: Annotated[
        str, typer.Option(help="Where they are made: cpu, cuda, cuda:N, mps or auto.")
    ] = "cpu",
    debug: options.Debug = False,
) -> None:
    """Make a target and a draft with made-up weights that agree as often as asked for.

    A pass costs what it costs on a model of that shape; the text is pseudo-words. The same seed
    gives the same pair on the same device.
    """
    with clear_errors(debug):
        from engine.backends.hf.installed import require

        utf8_output()
        require()
        from engine.backends.hf.synth import shape_named

        where = ModelSpec(device=device, precision=precision).validated()
        shape = shape_named(like)
        shape = replace(shape, tokens=tokens) if tokens else shape
        cancelled = threading.Event()
        pair = on_engine_thread(
            lambda: _make(shape, draft_layers, agreement, seed, where, out, cancelled),
            cancelled.set,
        )
        typer.echo(_summary(pair, out))


def _make(
    shape: Shape,
    draft_layers: int,
    agreement: float,
    seed: int,
    where: ModelSpec,
    out: Path,
    cancelled: threading.Event,
) -> Pair:
    from engine.backends.hf import devices, synth, synth_files

    device = devices.device_of(where.device)
    dtype = devices.type_of(where.precision, None, device)
    synth.check_pair(shape, draft_layers, agreement, seed)
    synth_files.check_folder(out, sum(synth.pair_bytes(shape, draft_layers, dtype)))
    try:
        with _progress("Making the weights", cancelled) as tell:
            pair = synth.make_pair(
                shape,
                draft_layers=draft_layers,
                agreement=agreement,
                seed=seed,
                device=device,
                dtype=dtype,
                tell=tell,
            )
    except (RuntimeError, MemoryError) as error:
        if not devices.out_of_memory(error):
            raise
        raise ModelError(
            f"There is not enough memory for {shape.name}.",
            "Choose a smaller shape or precision, or another device.",
        ) from error
    with _progress("Writing the files", cancelled) as tell:
        synth.write_pair(pair, synth.make_tokenizer(shape.tokens), out, tell)
    return pair


@contextmanager
def _progress(label: str, cancelled: threading.Event) -> Generator[Callable[[float], None]]:
    """A bar on stderr; what it gives takes fractions, and raises Cancelled."""
    with typer.progressbar(
        length=100, label=label, file=sys.stderr, show_eta=False, show_percent=True
    ) as bar:

        def tell(fraction: float) -> None:
            if cancelled.is_set():
                raise Cancelled("Cancelled.")
            bar.update(round(100 * fraction) - bar.pos)

        yield tell


def _summary(pair: Pair, out: Path) -> str:
    named = {"target": pair.target_network, "draft": pair.draft_network}
    lines = [
        f"{out / name}: {network.config.num_hidden_layers} layers, "
        f"{network.num_parameters():,} parameters"
        for name, network in named.items()
    ]
    return "\n".join(
        [
            *lines,
            f"Agreement, measured: {pair.agreement:.3f} at T = 1 (mean Σ min(p, q)), "
            f"{pair.greedy_agreement:.3f} greedy (equal argmax)",
        ]
    )
