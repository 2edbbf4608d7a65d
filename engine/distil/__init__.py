"""Makes a draft for a target: the target writes text, a small model learns its distributions, and
what came of it is judged and exported. Needs torch; imported only when that is asked for."""
