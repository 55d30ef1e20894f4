"""The style sheet of the page, which is part of the page: nothing is loaded from elsewhere."""

STYLE = """
:root { --number: #ffd8a8; --name: #c5dcff; --line: #d0d0d0; --soft: #f6f6f4; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  margin: 0 auto; padding: 1.5rem; max-width: 90rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .25rem; border-bottom: 2px solid #1a1a1a; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
h4 { font-size: .85rem; margin: .75rem 0 .1rem; color: #444; }
h4:first-child { margin-top: 0; }
.other { margin-top: .5rem; }
p { margin: .2rem 0; }
.note { color: #555; }
.scroll { overflow-x: auto; }
caption { text-align: left; color: #555; padding-bottom: .25rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
td small { display: block; color: #555; white-space: nowrap; }
code { font-size: .85em; overflow-wrap: anywhere; }
nav a { margin-inline-end: 1.25rem; }
article { border: 1px solid var(--line); border-radius: .4rem; margin: 1rem 0;
  break-inside: avoid; }
article > header { background: var(--soft); padding: .4rem .9rem; border-radius: .4rem .4rem 0 0; }
.columns { display: grid; gap: 1rem 1.5rem; padding: .9rem;
  grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }
.systems { border-top: 1px solid var(--line);
  grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); }
.document .text { max-height: 22rem; overflow-y: auto; background: var(--soft); padding: .6rem; }
.text { overflow-wrap: anywhere; unicode-bidi: plaintext; }
.empty { color: #a00; font-style: italic; }
.other { color: #444; }
.scores { font-size: .85rem; color: #333; font-variant-numeric: tabular-nums; }
mark { color: inherit; padding: 0 .15em; border-radius: .2em; }
mark.number { background: var(--number); border-bottom: 2px solid #c05600; }
mark.name { background: var(--name); border-bottom: 2px dotted #0050b0; }
@media print { body { max-width: none; } .systems { border-top: 1px solid var(--line);
  grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); }
.document .text { max-height: none; } }
""".strip()
