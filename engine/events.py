"""The one stream of events: live, replayed and raced runs all speak it.

Frozen msgspec records of ints, floats, str and tuples; no tensors, no exceptions. The field names
are a contract: other people's scripts read them. In JSON each record has `type` (its name), `seq`
(0, 1, 2 … within a run) and `t_ns` (`time.perf_counter_ns` of the recording process). Fields of
Drafted and Verified that hold their default are left out: a recording has two of them a token.

p and q are always the distributions *after* temperature, top-k and top-p. At T = 0 they are 0 or 1,
and the `top` rows carry the T = 1 probabilities for display (`display` is then true).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.config import Config
from engine.errors import ErrorInfo

SCHEMA = 4

Role = Literal["baseline", "speculative"]
AddedKind = Literal["resampled", "bonus", "end"]
FinishReason = Literal["stop", "length", "cancelled", "error"]
Level = Literal["info", "warning", "error"]
LengthReason = Literal["limit", "policy", "measuring", "no match"]
Pieces = tuple[tuple[int, str], ...]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Base of the plain parts of events."""


class Top(Record, frozen=True):
    """The most probable candidates of one distribution, most probable first, down to 1e-4."""

    ids: tuple[int, ...]
    p: tuple[float, ...]


class Judged(Record, frozen=True, omit_defaults=True):
    """One drafted token that the rule judged.

    p, q: its probability under what it was judged by and under what it was drawn from. In a tree, p
    of a later sibling is that of the residual which its rejected elder siblings left.
    accept_probability: what u was compared with (accepted when u is below it).
    overlap: Σ min(weight·p, q) over the vocabulary; weight - overlap normalises the residual.
    u is None where the rule tosses no coin: greedy, and the rules with a threshold, which accept
    where p (lenient at T = 0: p / max p) is at least `threshold`.
    weight: what scales p, 1 but in block verification, where it is the p_i of the prefix before.
    """

    p: float
    q: float
    u: float | None
    accept_probability: float
    overlap: float
    weight: float = 1.0
    threshold: float | None = None


class ModelInfo(Record, frozen=True):
    """A loaded model, as shown and recorded (no paths: nothing personal).

    simulated: its times are (toys). synthetic: its weights are made up, so its times are real but
    what it accepts is simulated. layers: decoder layers, 0 if not known.
    """

    name: str
    backend: str
    device: str
    quantisation: str = ""
    parameters: int = 0
    size_bytes: int = 0
    vocabulary: int = 0
    context: int = 0
    threads: int = 0
    library: str = ""
    simulated: bool = False
    synthetic: bool = False
    layers: int = 0


class TableInfo(Record, frozen=True):
    """An n-gram table: the text that it counts (its file's name), how many tokens that has, and the
    longest sequence counted."""

    name: str
    tokens: int
    order: int


class Models(Record, frozen=True, omit_defaults=True):
    target: ModelInfo
    draft: ModelInfo | None = None
    table: TableInfo | None = None


class Host(Record, frozen=True):
    """The machine that a run was measured on."""

    system: str
    cpu: str
    cores: int
    memory_bytes: int
    gpus: tuple[str, ...]
    python: str
    draftscope: str


class Calibration(Record, frozen=True):
    """What passes cost on this machine, measured before they were needed: medians in nanoseconds,
    with the quartiles that say how sure they are.

    widths: k = 1, 2 …; verify_ns[i]: T_v(widths[i]), one target pass over so many tokens with
    logits on every row. draft_ns: one drafted token of the draft model, what catching up after a
    verdict takes included; None without a draft. depth: tokens in the cache. rounds: passes
    measured of each width.
    """

    target: ModelInfo
    draft: ModelInfo | None
    host: Host
    depth: int
    rounds: int
    widths: tuple[int, ...]
    verify_ns: tuple[float, ...]
    verify_low_ns: tuple[float, ...]
    verify_high_ns: tuple[float, ...]
    draft_ns: float | None
    draft_low_ns: float | None
    draft_high_ns: float | None
    measured_at: str

    def verify_at(self, width: int) -> float:
        """T_v(width) in nanoseconds, linear between measured widths; beyond the widest, on by the
        slope of the last few."""
        last, before = len(self.widths) - 1, max(len(self.widths) - 5, 0)
        if width > self.widths[last]:
            rise = self.verify_ns[last] - self.verify_ns[before]
            slope = rise / max(self.widths[last] - self.widths[before], 1)
            return self.verify_ns[last] + max(slope, 0.0) * (width - self.widths[last])
        for i, known in enumerate(self.widths):
            if known >= width:
                if known == width or i == 0:
                    return self.verify_ns[i]
                share = (width - self.widths[i - 1]) / (known - self.widths[i - 1])
                return self.verify_ns[i - 1] + share * (self.verify_ns[i] - self.verify_ns[i - 1])
        raise AssertionError


class Totals(Record, frozen=True):
    """Counts and times of a whole run (times in nanoseconds)."""

    tokens: int = 0
    rounds: int = 0
    drafted: int = 0
    accepted: int = 0
    rejected: int = 0
    discarded: int = 0
    resampled: int = 0
    bonus: int = 0
    prefill_ns: int = 0
    draft_ns: int = 0
    verify_ns: int = 0
    host_ns: int = 0


class Event(Record, frozen=True, tag_field="type", tag=str):
    """Base of the records in the stream."""

    seq: int
    t_ns: int


class RunStarted(Event, frozen=True):
    """First event of a run. `baseline` names the run_id that it is measured against. calibration:
    the costs that the drafter `auto` goes by; None for other drafters."""

    run_id: str
    schema: int
    role: Role
    started_at: str
    config: Config
    prompt: str
    prompt_ids: tuple[int, ...]
    prompt_pieces: tuple[str, ...]
    lossless: bool
    host: Host
    models: Models
    baseline: str | None = None
    calibration: Calibration | None = None


class Prefilled(Event, frozen=True):
    """`tokens` more prompt tokens were fed; one event a chunk, so the figures of a run add up."""

    tokens: int
    target_ns: int
    draft_ns: int


class Drafted(Event, frozen=True, omit_defaults=True):
    """One proposed token.

    index: position in the round's proposal. parent: index of the token it follows (-1: context); in
    a chain index - 1, in a tree any earlier one, and tokens with one parent are siblings.
    q: its probability under the very distribution that it was drawn from; of a later sibling, the
    one without its elder siblings. u: the draw (None: none).
    source: half-open span of context positions (prompt first) that an n-gram proposal copies.
    match: how many tokens at the context's end were found again (n-gram, suffix, n-gram table).
    origin: the drafter that made it, where that is not the run's own (a chain's).
    pieces: text of ids that appear for the first time in this run.
    """

    round: int
    index: int
    id: int
    piece: str
    q: float
    draft_ns: int
    parent: int
    u: float | None = None
    top: Top | None = None
    display: bool = False
    source: tuple[int, int] | None = None
    pieces: Pieces = ()
    match: int = 0
    origin: str = ""


class LengthChosen(Event, frozen=True):
    """How long this round's proposal became, and why: the choice of its draft-length policy.

    n: tokens proposed, of at most `limit`. reason: the limit was reached, the policy refused one
    more, it tried a length to measure it, or the drafter had no more to propose.
    value and threshold: what the policy compared last (a probability, a bound, tokens expected and
    tokens' worth of time), None where it compared nothing.
    draft_ns: time of a draft pass whose token was not proposed.
    """

    round: int
    policy: str
    n: int
    limit: int
    reason: LengthReason
    value: float | None
    threshold: float | None
    draft_ns: int


class Verified(Event, frozen=True, omit_defaults=True):
    """The verdict of one round: one target pass over the last token and the proposal.

    judged: the accepted tokens and the first rejected one; later tokens are discarded unjudged.
    In a tree: every token judged, in the order of judging.
    path, judged_at: indices of the accepted and of the judged tokens where the proposal is a tree;
    None in a chain: the first n_accepted, the first len(judged).
    weighed: block verification only: the numbers of the discarded tokens, which it looks at too.
    added_id is None when added_kind is "end" (an end-of-text token was accepted).
    added_p: probability of the added token under what it was drawn from (p, or the residual).
    tops: top rows of p along the accepted path, from the context on: n_accepted + 1, or n_accepted
    at an end of text.
    host_ns: time since the previous verdict that was neither target nor draft forward.
    """

    round: int
    n_accepted: int
    judged: tuple[Judged, ...]
    added_id: int | None
    added_piece: str
    added_kind: AddedKind
    added_u: float | None
    tops: tuple[Top, ...]
    residual_top: Top | None
    target_ns: int
    host_ns: int
    added_p: float | None = None
    display: bool = False
    pieces: Pieces = ()
    path: tuple[int, ...] | None = None
    judged_at: tuple[int, ...] | None = None
    weighed: tuple[Judged, ...] = ()


class Notice(Event, frozen=True):
    """Something that a person should know."""

    level: Level
    message: str
    hint: str = ""


class RunFinished(Event, frozen=True):
    """Last event of a run; exactly one for each RunStarted."""

    reason: FinishReason
    totals: Totals
    error: ErrorInfo | None = None


AnyEvent = RunStarted | Prefilled | Drafted | LengthChosen | Verified | Notice | RunFinished
