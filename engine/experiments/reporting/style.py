"""How a report looks: calm, light and dark, on paper too."""

STYLE = """
:root { --ground: #fff; --text: #1d2733; --muted: #5b6775; --line: #dfe4ea; --band: #3498db33;
  --dot: #2471a3; --faster: 41, 128, 185; --slower: 211, 105, 24; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181d; --text: #e6eaef;
  --muted: #a3aebb; --line: #313a45; --band: #5dade233; --dot: #7fb9e6; } }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.5 Inter, system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; margin: 0; } h2 { font-size: 18px; margin: 40px 0 4px; }
.muted { color: var(--muted); margin: 0 0 12px; } .verdict { font-size: 17px; margin: 16px 0 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 0; }
dt { color: var(--muted); } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: 6px 10px; text-align: right; }
th { color: var(--muted); font-weight: 600; } th:first-child, td:first-child,
td:nth-child(2) { text-align: left; } small { color: var(--muted); white-space: nowrap; }
.faster { background: rgba(var(--faster), calc(0.05 + 0.3 * var(--share))); }
.slower { background: rgba(var(--slower), calc(0.05 + 0.3 * var(--share))); }
.refused { color: var(--muted); font-size: 13px; text-align: left; }
svg { width: 100%; max-width: 640px; } svg text { fill: var(--muted); font-size: 12px; }
.grid { stroke: var(--line); } .band { fill: var(--band); stroke: none; }
.equal { fill: none; stroke: var(--muted); stroke-dasharray: 4 4; }
.curve { fill: none; stroke: var(--dot); stroke-width: 2; } .dot { fill: var(--dot); }
figure { margin: 0 0 24px; } figcaption { color: var(--muted); }
@media print { body { font-size: 12px; } section { break-inside: avoid; } }
"""
