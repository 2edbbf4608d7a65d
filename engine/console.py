"""A run in the terminal: progress on stderr, tokens and figures on stdout."""

from __future__ import annotations

import sys
import time
from typing import TextIO

import typer

from engine.events import AnyEvent, Prefilled, RunFinished, RunStarted, Verified
from engine.lab.result import Stage
from engine.metrics import Figures, figures
from engine.synthetic import remark
from engine.trace import Run, TokenState, Trace

_STAGES: dict[Stage, str] = {
    "exact": "Enumerating the exact law",
    "plain": "Decoding plainly",
    "speculative": "Decoding speculatively",
    "scoring": "Comparing the texts",
}


class Progress:
    """One line on stderr that is rewritten in place; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self._stream = sys.stderr
        self._live = self._stream.isatty()
        self._shown = 0.0
        self._prefilled = 0
        self._n_prompt = 0

    def loading(self, part: str, fraction: float) -> None:
        others = {"table": "Counting n-grams", "costs": "Measuring what passes cost"}
        doing = others.get(part, f"Loading the {part}")
        self._say(f"{doing}: {fraction:.0%}")

    def checking(self, stage: Stage, done: int, total: int) -> None:
        self._say(f"{_STAGES[stage]}: {done:,} of {total:,}" if total else _STAGES[stage])

    def event(self, event: AnyEvent) -> None:
        if isinstance(event, RunStarted):
            self._prefilled, self._n_prompt = 0, len(event.prompt_ids) - 1
        elif isinstance(event, Prefilled):
            self._prefilled += event.tokens
            self._say(f"Reading the prompt: {self._prefilled} of {self._n_prompt} tokens")
        elif isinstance(event, Verified | RunFinished):
            self.clear()  # before the first token is printed: it shares the terminal's line

    def clear(self) -> None:
        if self._live and self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = 0.0

    def _say(self, text: str) -> None:
        now = time.monotonic()
        if self._live and now - self._shown > 0.1:
            self._shown = now
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()


class Screen:
    """Prints the emitted text as it comes, coloured by what became of each token.

    skip_baseline: stay silent while the baseline of the run to show is measured.
    """

    def __init__(self, stream: TextIO, *, colour: bool, skip_baseline: bool) -> None:
        self._stream = stream
        self._skip_baseline = skip_baseline
        self._colour = colour
        self._printed = 0

    def event(self, event: AnyEvent, trace: Trace) -> None:
        run = trace.run
        if run is None or (run.is_baseline and self._skip_baseline):
            return
        if isinstance(event, RunStarted):
            self._printed = 0
        if isinstance(event, Verified):
            new = run.cells[self._printed : run.n_closed_cells]
            states = [cell.state for cell in new if cell.state.emitted]
            pieces = run.text_parts[len(run.text_parts) - len(states) :]
            for piece, state in zip(pieces, states, strict=True):
                self._stream.write(self._styled(piece, state))
            self._printed = run.n_closed_cells
            self._stream.flush()

    def summary(self, run: Run, baseline: Run | None) -> None:
        """The figures, a line each, with their kind."""
        f = figures(run, baseline)
        kind = "simulated" if f.simulated else "measured"
        lines = [
            f"{f.tokens} tokens in {f.rounds} target passes, {_number(f.tokens_per_second)} "
            f"tokens/s ({kind})",
        ]
        if f.drafted:
            lines.append(
                f"acceptance rate {_number(f.acceptance_rate)}, draft efficiency "
                f"{_number(f.draft_efficiency)}, tokens per pass {_number(f.tokens_per_pass)}"
            )
        if f.speedup is not None:
            lines.append(
                f"{f.speedup:.2f}x plain decoding's {_number(f.baseline_tokens_per_second)} "
                f"tokens/s ({kind})"
            )
        elif not f.is_baseline:
            lines.append("No baseline was measured, so no speedup is given.")
        if said := remark(run.started.models):
            lines.append(f"Synthetic weights: {said}.")
        self._stream.write("\n\n" + "\n".join(lines) + "\n")

    def _styled(self, text: str, state: TokenState) -> str:
        if not self._colour:
            return text
        if state is TokenState.ACCEPTED:
            return typer.style(text, fg=typer.colors.GREEN)
        return typer.style(text, fg=typer.colors.YELLOW, underline=state is TokenState.BONUS)


def summary(run: Run, baseline: Run | None) -> dict[str, object]:
    """The object that `draftscope run --json` prints; its keys are a contract."""
    f: Figures = figures(run, baseline)
    started, config = run.started, run.started.config
    models = started.models
    return {
        "text": run.text,
        "token_ids": list(run.token_ids),
        "tokens": f.tokens,
        "rounds": f.rounds,
        "drafted": f.drafted,
        "accepted": f.accepted,
        "rejected": f.rejected,
        "discarded": f.discarded,
        "resampled": f.resampled,
        "bonus": f.bonus,
        "acceptance_rate": f.acceptance_rate,
        "draft_efficiency": f.draft_efficiency,
        "tokens_per_pass": f.tokens_per_pass,
        "tokens_per_second": f.tokens_per_second,
        "baseline_tokens_per_second": f.baseline_tokens_per_second,
        "baseline_token_ids": list(baseline.token_ids) if baseline else None,
        "speedup": f.speedup,
        "draft_s": f.draft_s,
        "verify_s": f.verify_s,
        "host_s": f.host_s,
        "prefill_s": f.prefill_s,
        "target": models.target.name,
        "draft": models.draft.name if models.draft else None,
        "drafter": config.drafter,
        "rule": config.rule,
        "gamma": config.gamma,
        "temperature": config.temperature,
        "seed": config.seed,
        "threads": models.target.threads,
        "device": models.target.device,
        "finish_reason": run.finished.reason if run.finished else None,
    }


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
