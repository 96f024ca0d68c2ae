/** Style of the report page; the figures bring theirs. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--page:#f6f8fa;--card:#fff;--ink:#17202b;--muted:#5a6675;--line:#dde3ea;--accent:#2f5f9e;
--fault:#c4283a;--detect:#b86e00;--ok:#1d8348;--check:#3b5f8a;--move:#7a4fb3}
@media (prefers-color-scheme:dark){:root{--page:#0b0f14;--card:#12171e;--ink:#e7ecf2;--muted:#9aa7b5;--line:#2b343f;--accent:#7fb0e6;
--fault:#ff6370;--detect:#f0a63a;--ok:#4fc67f;--check:#7fb0e6;--move:#b796ea}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1280px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:18px;margin:0 0 12px}
header p{margin:0 0 18px;color:var(--muted)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;margin:18px 0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin:0}
.fact{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:10px 14px}
.fact dt{font-size:12px;color:var(--muted)}.fact dd{margin:0}
.fact b{display:block;font-size:20px;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.fact span{font-size:12px;color:var(--muted)}
figure{margin:0}
figure.wide{overflow-x:auto}
figure.wide>svg{display:block;width:100%;min-width:760px;height:auto}
figure+figure{margin-top:18px}
figcaption{font-size:13px;color:var(--muted);margin-bottom:6px}
#zoom{touch-action:pan-y;cursor:grab;user-select:none;border-radius:6px}
#zoom:active{cursor:grabbing}
:focus-visible{outline:2px solid var(--accent);outline-offset:3px}
.tools{display:flex;flex-wrap:wrap;gap:6px;align-items:center;margin-bottom:10px}
.tools[hidden]{display:none}
button{font:inherit;font-size:13px;color:var(--ink);background:var(--page);border:1px solid var(--line);border-radius:6px;padding:3px 10px;cursor:pointer}
button:hover{border-color:var(--accent)}
.where{margin-left:auto;font-size:12px;color:var(--muted);font-variant-numeric:tabular-nums}
.note,.quiet{color:var(--muted)}.note{font-size:12.5px;margin:10px 0 0}
.story{list-style:none;margin:0;padding:0}
.story li{display:grid;grid-template-columns:130px 1fr;gap:14px;padding:3px 0 3px 12px;border-left:3px solid var(--line);overflow-wrap:anywhere}
.story time{color:var(--muted);font-variant-numeric:tabular-nums;text-align:right;font-size:13px;line-height:23px;white-space:nowrap}
.story span{grid-column:2}
.story .is-step span{padding-left:18px}
.step{display:inline-block;min-width:20px;height:20px;line-height:20px;border-radius:10px;background:var(--line);text-align:center;font-size:11px;margin-right:4px}
.story .check{border-color:var(--check)}.story .fault{border-color:var(--fault)}.story .detect{border-color:var(--detect)}
.story .ok{border-color:var(--ok)}.story .move{border-color:var(--move)}
.story .fault span{color:var(--fault);font-weight:600}.story .ok span{color:var(--ok);font-weight:600}.story .detect span{color:var(--detect)}
.scroll{overflow:auto;max-height:560px}
.row{display:flex;flex-wrap:wrap;gap:24px;margin-top:10px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
table.small{width:auto}caption{text-align:left;color:var(--muted);font-size:12.5px;padding-bottom:4px}
th,td{padding:4px 10px;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;font-weight:400;overflow-wrap:anywhere}
thead th{color:var(--muted);font-size:12px;position:sticky;top:0;background:var(--card);white-space:nowrap}
.n{text-align:right;white-space:nowrap}
table.small td{text-align:right}
.mono td{font-size:12.5px}
.swatch{width:12px;height:12px;margin-right:7px;vertical-align:-1px}
pre{margin:6px 0 0;font:12.5px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere}
.command{background:var(--page);border:1px solid var(--line);border-radius:8px;padding:12px 14px;user-select:all}
.digest{font-size:12.5px;overflow-wrap:anywhere}
summary{cursor:pointer}
#tip{position:fixed;z-index:9;max-width:460px;padding:5px 9px;border-radius:6px;background:var(--ink);color:var(--page);font-size:12.5px;pointer-events:none}
#tip[hidden]{display:none}
@media print{#tools,#zoom-hint{display:none}section{break-inside:avoid;border:0}}
`.trim();
