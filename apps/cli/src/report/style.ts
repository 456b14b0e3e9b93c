/** The report's style sheet: readable on screen and paper, light and dark. */
export const STYLE = `
:root{--ink:#1b1f24;--soft:#5b6570;--line:#dfe3e8;--paper:#fff;--wash:#f5f7f9;--accent:#0b6e99;
--s0:#0b6e99;--s1:#d1602b;--s2:#3a8a3f;--s3:#8a4fb0;--c0:#ffb000;--c1:#38b6ff;--c2:#7bd651;--c3:#ff5d8f;--c4:#c08bff;--c5:#ff8a3d;--c6:#3fe0c5;--c7:#f2f25a}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa5b1;--line:#323a43;--paper:#14181c;--wash:#1c2227;--accent:#5cc1ea;--s0:#5cc1ea;--s1:#f0935f;--s2:#77c97c;--s3:#c59be3}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1020px;margin:0 auto;padding:28px 28px 64px}h1{font-size:26px;margin:0 0 2px;letter-spacing:-.01em}h2{font-size:18px;margin:38px 0 10px;padding-top:14px;border-top:1px solid var(--line)}h3{font-size:15px;margin:22px 0 8px}
.sub{color:var(--soft);margin:0 0 20px}.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px}
.tile{background:var(--wash);border:1px solid var(--line);border-radius:10px;padding:12px 16px}.tile b{display:block;font-size:26px;line-height:1.2;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px}
.tile.main b{color:var(--accent)}table{border-collapse:collapse;width:100%;font-size:14px}th,td{text-align:left;padding:5px 12px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--soft);font-weight:600}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;padding-right:18px}td code{font-size:12.5px;word-break:break-all}.scroll{max-height:430px;overflow:auto;border:1px solid var(--line);border-radius:10px;padding:0 14px}
.scroll thead th{position:sticky;top:0;background:var(--paper)}.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:18px}figure{margin:0}figure.wide{margin:8px 0}svg{max-width:100%}figure>svg{width:100%;height:auto}figcaption{color:var(--soft);font-size:13px}
.grid{stroke:var(--line);stroke-width:1}.tick{fill:var(--soft);font-size:10.5px}.axis{fill:var(--soft);font-size:11.5px}.line{fill:none;stroke-width:1.8;stroke-linejoin:round}
.line.s0{stroke:var(--s0)}.line.s1{stroke:var(--s1)}.line.s2{stroke:var(--s2)}.line.s3{stroke:var(--s3)}.key.s0,.dot.s0{fill:var(--s0)}.key.s1,.dot.s1{fill:var(--s1)}.key.s2,.dot.s2{fill:var(--s2)}.key.s3,.dot.s3{fill:var(--s3)}
.dot{fill-opacity:.62}.median{stroke:var(--ink);stroke-width:2.2}
.case{background:#0c0f12;color:#e6e9ed;border-radius:12px;padding:14px 18px 16px;margin:0 0 18px}.case h3{margin:0 0 2px;color:#fff}.case p{margin:0 0 10px;color:#a9b4bf;font-size:13.5px}
.panels{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:14px;margin-bottom:12px;align-items:end}.panel{display:flex;flex-direction:column;align-items:flex-start}.panel svg{background:#000;border-radius:4px;display:block;max-width:100%;height:auto}.panel span{color:#a9b4bf;font-size:12px;margin-top:4px}
.area{fill-opacity:.33;stroke-width:1.6;vector-effect:non-scaling-stroke}.truth{fill:none;stroke-width:1.4;stroke-dasharray:3 3;vector-effect:non-scaling-stroke}
${[0, 1, 2, 3, 4, 5, 6, 7].map((k) => `.area.c${k}{fill:var(--c${k});stroke:var(--c${k})}.truth.c${k}{stroke:#fff}.swatch.c${k}{background:var(--c${k})}`).join('')}
.swatch{display:inline-block;width:11px;height:11px;border-radius:3px;margin:0 5px 0 14px;vertical-align:-1px}.warn{background:color-mix(in srgb,#d1602b 12%,var(--paper));border-left:3px solid #d1602b;padding:8px 14px;border-radius:0 8px 8px 0;margin:6px 0}
.bar{display:flex;height:26px;border-radius:7px;overflow:hidden;border:1px solid var(--line);font-size:12px}.bar div{overflow:hidden;white-space:nowrap;padding:3px 8px;color:#fff}footer{margin-top:40px;color:var(--soft);font-size:13px}
@media print{.scroll{max-height:none;overflow:visible}.case{break-inside:avoid}}
`;
