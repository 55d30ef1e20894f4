"""How the page of a probe looks, beside the style that all pages share."""

OWN = """
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; font-size: .85rem; }
.grid td, .grid th { padding: .2rem .3rem; text-align: left; border: 0; vertical-align: middle; }
.head { font: inherit; font-size: .85rem; color: inherit; cursor: pointer; min-width: 9rem;
  text-align: left; padding: .35rem .6rem; background: var(--soft); border: 1px solid var(--line);
  border-left: .4rem solid var(--mark, var(--line)); border-radius: .3rem; }
.head:hover, .head:focus-visible { outline: 2px solid #0072b2; }
.head[aria-pressed=true] { outline: 3px solid #0072b2; }
.is-other, .is-none { --mark: #999; } .is-lsep { --mark: #8a6d00; } .is-self { --mark: #cc79a7; }
.is-local { --mark: #009e73; } .is-summarization, .is-attends { --mark: #56b4e9; }
.is-translation { --mark: #d55e00; }
figure { margin: 1rem 0; } figcaption { margin-bottom: .3rem; }
.map { overflow: auto; max-height: 80vh; }
svg.weights { display: block; font: 11px/1 system-ui, sans-serif; }
svg.weights text { fill: currentColor; } svg.weights .cell { fill: #0060c0; }
svg.weights .frame { fill: none; stroke: var(--line); }
svg.weights .rule { stroke: currentColor; stroke-width: .5; opacity: .5; }
.values { columns: 14rem; font-size: .85rem; font-variant-numeric: tabular-nums; }
.told { min-height: 1.5em; font-variant-numeric: tabular-nums; }
""".strip()

DARK = """
@media (prefers-color-scheme: dark) {
  :root { --line: #444; --soft: #1d1f22; }
  body { background: #121314; color: #e6e6e6; }
  h2 { border-color: #e6e6e6; }
  dt, .note { color: #b4b4b4; }
  svg.weights .cell { fill: #ffb000; }
}
""".strip()
