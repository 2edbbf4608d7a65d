"""How the report looks: 8 px grid, light and dark by the reader's system, fit for printing."""

CSS = """
:root{color-scheme:light dark;--page:#ffffff;--text:#22303c;--dim:#566573;--line:#d5dbdf;
--soft:#f4f6f7;--blue:#1f6fa8;--green:#1a7a45;--orange:#8f5a00;--band:#dceefa;
--h0:#f9d6d2;--h1:#fce6e3;--h2:#f4f6f7;--h3:#e0f3e7;--h4:#c5e9d2;--h5:#a6ddba}
@media (prefers-color-scheme:dark){:root{--page:#171d23;--text:#e6ebef;--dim:#a3b0bb;
--line:#3a4651;--soft:#212930;--blue:#6db8ea;--green:#6cd398;--orange:#f0b45c;--band:#20394b;
--h0:#5e2a26;--h1:#47292a;--h2:#212930;--h3:#20382b;--h4:#1f4a33;--h5:#1c5c3b}}
*{box-sizing:border-box}
body{margin:0 auto;padding:32px 24px 64px;max-width:1120px;background:var(--page);
color:var(--text);font:15px/24px system-ui,sans-serif}
h1{font-size:28px;line-height:40px;margin:0 0 8px}
h2{font-size:20px;line-height:32px;margin:40px 0 8px}
p{margin:8px 0;max-width:80ch}
.dim,.interval,.none,caption,figcaption{color:var(--dim)}
.verdict{font-size:18px;line-height:28px;padding:16px;margin:16px 0;background:var(--soft);
border-left:4px solid var(--blue);max-width:none}
.scroll{overflow-x:auto}
table{border-collapse:collapse;margin:8px 0;font-size:14px}
caption{text-align:left;padding:4px 0}
th,td{padding:4px 12px;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{font-weight:600}tbody th{font-weight:400}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.h0{background:var(--h0)}.h1{background:var(--h1)}.h2{background:var(--h2)}
.h3{background:var(--h3)}.h4{background:var(--h4)}.h5{background:var(--h5)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 24px;margin:8px 0}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
figure{margin:16px 0}svg{max-width:100%;height:auto}
code{font-size:13px}
@media print{body{padding:0;max-width:none;font-size:11px;line-height:16px}
.scroll{overflow:visible}table{font-size:10px}th,td{padding:2px 6px}
h2{break-after:avoid}figure,tr{break-inside:avoid}thead{display:table-header-group}
*{print-color-adjust:exact}}
"""

HEAT = (0.8, 0.97, 1.03, 1.25, 1.6)
"""Where the colours of a speedup change; those of 0.97 to 1.03 are called even."""


def heat(value: float) -> str:
    """The class of a speedup's colour."""
    return f"h{sum(value > edge for edge in HEAT)}"
