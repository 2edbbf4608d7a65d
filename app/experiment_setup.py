"""Specs of experiments from and to elsewhere: a first one from the setup panel, and as TOML."""

from __future__ import annotations

import json

import msgspec

from app.setup import Setup, window_threads
from app.sources import TOY, source_name
from engine.experiments.spec import GRID, PromptChoice, Spec

FIRST_GAMMAS = (2, 4, 8)
FIRST_PROMPTS = 12
"""Of the suite, two of each kind: about as many as say something of a kind in a few minutes."""
_SCALARS = (
    *("max_tokens", "repeats", "seed", "top_k", "top_p", "threads", "gpu_layers", "context"),
    *("device", "precision", "exit_layer", "record"),
)


def from_setup(setup: Setup) -> Spec:
    """A sensible first experiment: which drafter and which γ for what the setup panel holds."""
    temperature = setup.config.temperature
    drafters = ("ngram", "auto") if setup.draft is None else ("model", "ngram", "auto")
    return Spec(
        title=f"Which drafter and γ for {_name(setup.target)}",
        target=(setup.target,),
        draft=() if setup.draft is None else (setup.draft,),
        drafter=drafters,
        gamma=FIRST_GAMMAS,
        temperature=(0.0, temperature) if temperature else (0.0,),
        prompts=PromptChoice(number=FIRST_PROMPTS),
        top_k=setup.config.top_k,
        top_p=setup.config.top_p,
        max_tokens=64,
        repeats=3,
        seed=setup.config.seed,
        threads=setup.threads or window_threads(),
        gpu_layers=setup.gpu_layers,
        context=setup.context,
        device=setup.device,
        precision=setup.precision,
        exit_layer=setup.config.exit_layer,
    )


def _name(source: str) -> str:
    from engine.backends.registry import EMBEDDED_NAME

    if not source:
        return EMBEDDED_NAME
    return "the toy pair" if source == TOY else source_name(source)


def spec_toml(spec: Spec) -> str:
    """The spec as a TOML file that `read_spec` reads back as an equal one. All keys are written,
    the defaults too: so that a person who edits the file sees what there is."""
    lines = [f"title = {_string(spec.title)}", ""]
    lines += [f"{key} = {_value(getattr(spec, key))}" for key in GRID]
    lines += ["", *(f"{key} = {_value(getattr(spec, key))}" for key in _SCALARS)]
    prompts = msgspec.structs.asdict(spec.prompts)
    lines += ["", "[prompts]", *(f"{key} = {_value(value)}" for key, value in prompts.items())]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _string(value)
        case tuple() | list():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            raise TypeError(f"A spec holds no {type(value).__name__}.")


def _string(text: str) -> str:
    """A basic string of TOML: JSON's escapes are among TOML's, which wants one for DEL too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
