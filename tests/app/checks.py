"""Results of checks as the engine hands them over, for tests and screenshots."""

from __future__ import annotations

from typing import Any

from engine.divergence import Divergence
from engine.lab.result import Cell, CheckResult

_COUNTS = (
    (" a function", 0.284, 558, 571),
    (" the code", 0.173, 350, 341),
    ("⏎def", 0.121, 239, 246),
    (" an algorithm", 0.098, 203, 190),
    (" is_palindrome(", 0.071, 139, 147),
    (" Python", 0.052, 98, 108),
    ("Here␣is", 0.044, 91, 84),
    (" one", 0.031, 66, 58),
)


def cells(*, exact: bool = False, bias: float = 0.0, scale: int = 1) -> tuple[Cell, ...]:
    """bias: by how much speculation prefers the first outcome. scale: 1 for 2,000 samples."""
    found: list[Cell] = []
    for i, (text, probability, plain, speculative) in enumerate(_COUNTS):
        drawn = round(scale * speculative * (1 + bias if i == 0 else 1 - bias / 3))
        law = probability if exact else None
        found.append(Cell((i, i + 1), text, scale * plain, drawn, law, law))
    return tuple(found)


def check_result(**changes: Any) -> CheckResult:
    """A check that passed, on sampled text; changes replace fields."""
    fields: dict[str, Any] = {
        "rule": "rejection",
        "drafter": "model",
        "samples": 2000,
        "exact_tv": None,
        "chi2": 17.3,
        "p_value": 0.241,
        "lossless": True,
        "declared": True,
        "sentence": "No difference found in 2,000 samples (p = 0.24); a bias above about 0.06 "
        "would have shown.",
        "detail": "The two samples are 0.021 apart in total variation.",
        "gamma": 5,
        "temperature": 0.8,
        "branches": (),
        "length_policy": "fixed",
        "tokens": 2,
        "seed": 42,
        "target": "Qwen2.5-Coder 1.5B",
        "draft": "Qwen2.5-Coder 0.5B",
        "degrees_of_freedom": 14,
        "tv": 0.0214,
        "tv_noise": 0.0226,
        "detectable": 0.061,
        "outcomes": 143,
        "cells": cells(),
    }
    return CheckResult(**(fields | changes))


def toy_result() -> CheckResult:
    """With the exact law beside the samples."""
    return check_result(
        samples=20_000,
        exact_tv=2.2e-16,
        chi2=51.2,
        p_value=0.55,
        degrees_of_freedom=53,
        tv=0.0121,
        tv_noise=0.0124,
        expected_accepted=0.222,
        expected_tokens=11 / 9,
        sentence="Exact: the law of what is emitted equals the target's to 2e-16.",
        target="Toy, 8 tokens",
        draft="Toy draft",
        cells=cells(exact=True, scale=10),
    )


def lossy_result(*, declared: bool = False) -> CheckResult:
    """A difference was found. declared: although the rule says that there is none."""
    return check_result(
        rule="rejection" if declared else "lenient",
        lossless=False,
        declared=declared,
        chi2=188.4,
        p_value=4.1e-32,
        tv=0.138,
        sentence="Different: 2,000 samples with speculation and 2,000 without do not come from one "
        "law (p = 4e-32).",
        cells=cells(bias=0.4),
    )


def greedy_result(*, parts: bool) -> CheckResult:
    """One run each way at T = 0. parts: the texts part in a numerical tie."""
    return check_result(
        samples=0,
        temperature=0.0,
        chi2=None,
        p_value=None,
        degrees_of_freedom=None,
        tv=None,
        tv_noise=None,
        detectable=None,
        outcomes=0,
        cells=(),
        divergence=Divergence(41, 284, 523, 0.0031, 0.0087) if parts else None,
        tokens=128,
        sentence="Equal up to a numerical tie: from token 41 on the text reads ' is' instead of "
        "' checks'."
        if parts
        else "Equal: the same 128 tokens with speculation and without.",
    )
