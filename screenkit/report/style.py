"""The style of all pages: light and dark as the reader has it, laptop and phone, fit to print."""

STYLE = """
:root{--ink:#1b2330;--soft:#5a6577;--line:#dde2ea;--paper:#fff;--tint:#f4f6f9;--link:#2a6496;
--all:#a9bad2;--chosen:#d9622b;--good:#2f6f9f;--ok:#2f8f6b;--filtered:#d7a531;--failed:#c0453b;
--hex:47,105,160;--rim:#4a4f58;--bond:#8a93a3}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9ca7ba;--line:#323a48;
--paper:#14181f;--tint:#1d222b;--link:#8cbbe6;--all:#51637e;--chosen:#f0834e;--good:#6fb1e4;
--ok:#43ab84;--filtered:#d9ae4b;--failed:#dd6b61;--hex:126,184,238;--rim:#0a0c10;--bond:#79849a}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1200px;margin:0 auto;padding:40px 28px 72px}
h1{font-size:30px;line-height:1.2;margin:0 0 8px;letter-spacing:-.015em;overflow-wrap:anywhere}
h2{font-size:20px;margin:56px 0 6px;letter-spacing:-.01em}
h3{font-size:15px;margin:26px 0 8px;font-weight:600;overflow-wrap:anywhere}
p{margin:6px 0;color:var(--soft);max-width:74ch}p b{color:var(--ink);font-weight:600}
.kind{text-transform:uppercase;letter-spacing:.08em;font-size:12px;margin:0 0 6px}
.lead{font-size:16px;overflow-wrap:anywhere}a{color:var(--link)}
nav{display:flex;flex-wrap:wrap;gap:4px 18px;margin:26px 0 -14px;font-size:14px}
nav a{text-decoration:none}nav a:hover{text-decoration:underline}
code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{overflow-wrap:anywhere}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;
margin:24px 0 0}
.cards div{background:var(--tint);border-radius:10px;padding:14px 16px}
.cards b{display:block;font-size:24px;font-weight:600;letter-spacing:-.01em;white-space:nowrap}
.cards span{color:var(--soft);font-size:13px}
.remarks{margin-top:20px;border-left:3px solid var(--filtered);background:var(--tint);
padding:10px 18px;border-radius:0 8px 8px 0}.remarks ul{margin:0;padding-left:16px}
.remarks li{margin:3px 0;overflow-wrap:anywhere}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,430px),1fr));
gap:12px 36px}
figure{margin:0;min-width:0}figure.over{grid-column:1/-1}
figure h3{margin:22px 0 8px}
figcaption{color:var(--soft);font-size:13px;line-height:1.5;padding:6px 0;overflow-wrap:anywhere;
max-width:74ch}
.files{white-space:nowrap}.files a{margin-left:4px}
figure img{width:100%;height:auto;display:block;border-radius:8px;border:1px solid var(--line);
background:#fff}
.plot{width:100%;height:auto;display:block}
.plot .grid{stroke:var(--line)}.plot .axis{stroke:var(--soft)}
.plot text{fill:var(--soft);font-size:12px}.plot .label{fill:var(--ink);font-size:12.5px}
.plot .note{fill:var(--ink)}
.plot path{fill:none}.plot path.line{stroke-width:1.8;stroke-linejoin:round}
.plot path.guide{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:5 4}
.plot path.dots{stroke-width:3.4;stroke-linecap:round;opacity:.5}
.plot path.dots.few{stroke-width:6;opacity:.75}
.plot path.error{stroke-width:1.4;opacity:.6}
.plot .hex,.table .hex,i.hex{fill:rgb(var(--hex));background:rgb(var(--hex))}
.h1{opacity:.14}.h2{opacity:.29}.h3{opacity:.45}.h4{opacity:.62}.h5{opacity:.8}.h6{opacity:1}
.all{fill:var(--all);stroke:var(--all)}.chosen{fill:var(--chosen);stroke:var(--chosen)}
.good{fill:var(--good);stroke:var(--good)}rect.all,rect.chosen,rect.good{stroke:none}
circle.dot{stroke:none;opacity:.8}.plot path.dots{fill:none}
i.all{background:var(--all)}i.chosen{background:var(--chosen)}i.good{background:var(--good)}
i.guide{background:var(--soft)}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;margin:2px 0}
.legend i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px}
.scale i{margin:0 1px;border-radius:2px;vertical-align:-1px}
.funnel{display:grid;grid-template-columns:minmax(110px,auto) 1fr;gap:7px 14px;align-items:center;
margin:14px 0}
.funnel dt{font-size:14px}.funnel dd{margin:0;display:flex;align-items:center;gap:10px;min-width:0}
.funnel i{display:block;height:26px;border-radius:4px;background:var(--good);min-width:3px;
flex:none}.funnel .last i{background:var(--chosen)}
.funnel b{font-weight:600;font-variant-numeric:tabular-nums;white-space:nowrap}
.funnel small{color:var(--soft);font-size:13px;overflow-wrap:anywhere}
.table .cell{fill:none;stroke:var(--line)}.table text{text-anchor:middle;fill:var(--soft)}
.table .symbol{font-size:19px;font-weight:600}.table .count{font-size:12.5px}
.table .in text{fill:var(--ink)}.table .in.deep text{fill:var(--paper)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
th,td{text-align:right;padding:7px 10px;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:500;font-size:12.5px;vertical-align:bottom;white-space:normal}
th button{all:unset;cursor:pointer}th button:hover,th button:focus-visible{color:var(--ink);
text-decoration:underline}
th[aria-sort=ascending] button::after{content:" ↑"}
th[aria-sort=descending] button::after{content:" ↓"}
.text{text-align:left}td.text{white-space:normal;overflow-wrap:break-word;min-width:110px}
.facts td{white-space:normal;overflow-wrap:anywhere}
.facts th{width:180px;font-size:13px;vertical-align:top}
.reasons{width:auto;min-width:min(100%,640px)}td.reason{width:260px;min-width:60px}
td.reason span{display:block;height:12px;border-radius:3px;background:var(--failed);opacity:.6}
.tools{display:flex;flex-wrap:wrap;gap:8px 12px;align-items:center;margin:12px 0}
.tools input,.tools select{font:inherit;font-size:14px;color:var(--ink);background:var(--paper);
border:1px solid var(--line);border-radius:8px;padding:7px 10px}
.tools input{flex:1 1 260px;min-width:0;max-width:440px}.tools select{display:none}
.tools output{color:var(--soft);font-size:13px}
button.more{font:inherit;font-size:14px;color:var(--link);background:none;
border:1px solid var(--line);
border-radius:8px;padding:7px 14px;margin-top:12px;cursor:pointer}
.short td{vertical-align:middle}.short td,.short th{padding:7px 6px}
.short td.name{text-align:left;white-space:normal;min-width:150px;max-width:280px}
.short td.name b{font-weight:600;overflow-wrap:anywhere}
.short small{display:block;color:var(--soft);font-size:12.5px;overflow-wrap:anywhere}
.short td.odd{text-align:left;white-space:normal;color:var(--soft);font-size:13px;max-width:150px}
.short td.draw{padding:4px 6px;width:120px}.short td.draw:empty{width:0}
.badge{display:inline-block;border:1px solid var(--filtered);border-radius:20px;padding:0 8px;
font-size:12px;white-space:nowrap;color:var(--ink)}
.range{position:relative;display:block;height:12px;min-width:96px;margin-top:4px}
.range i{position:absolute;top:5px;height:2px;background:var(--good);opacity:.7}
.range b{position:absolute;top:2px;width:8px;height:8px;margin-left:-4px;border-radius:50%;
background:var(--chosen)}
.fill{display:block;height:5px;margin-top:4px;border-radius:3px;background:var(--tint);
min-width:90px}.fill i{display:block;height:5px;border-radius:3px;background:var(--chosen);
opacity:.75}
svg.mini{width:108px;height:108px;display:block;cursor:zoom-in}
.mini path,.large path{fill:none;stroke-linecap:round}
.mini .cell,.large .cell{stroke:var(--bond);stroke-width:.8;opacity:.7}
.mini .bond,.large .bond{stroke:var(--bond)}.mini .rim,.large .rim{stroke:var(--rim)}
dialog{border:1px solid var(--line);border-radius:14px;background:var(--paper);color:var(--ink);
padding:18px;width:min(86vw,86vh,720px);cursor:zoom-out}
dialog::backdrop{background:rgba(0,0,0,.5)}dialog svg{width:100%;display:block}
dialog p{overflow-wrap:anywhere}
.chips{display:flex;flex-wrap:wrap;gap:4px 14px;font-size:13px;color:var(--soft);margin:10px 0}
.chips i{display:inline-block;width:11px;height:11px;border-radius:50%;margin-right:5px;
border:1px solid var(--rim);vertical-align:-1px}
details{margin-top:16px}summary{cursor:pointer;color:var(--soft)}
pre{background:var(--tint);border-radius:8px;padding:14px 16px;overflow-x:auto}
@media(max-width:700px){
.plot text{font-size:13.5px}.plot .label{font-size:13.5px}
main{padding:24px 16px 48px}h1{font-size:24px}h2{margin-top:42px}
.cards{grid-template-columns:repeat(2,1fr)}.cards b{font-size:20px}
.cards div:last-child:nth-child(odd){grid-column:1/-1}
.funnel{grid-template-columns:1fr;gap:2px}.funnel dd{margin-bottom:8px}
.facts th{width:auto;min-width:96px}th,td{padding:6px}
td.reason{width:auto}
.tools select,.tools input{display:block;width:100%;max-width:100%;flex:1 1 100%}
.short table,.short tbody,.short tr,.short td{display:block}.short thead{display:none}
.short tr{position:relative;border-bottom:1px solid var(--line);padding:12px 0;min-height:128px}
.short tr[hidden]{display:none}
.short td{border:0;padding:2px 0;text-align:left;white-space:normal}
.short td[data-head]::before{content:attr(data-head) " ";color:var(--soft);font-size:13px}
.short td.draw{float:right;width:108px;margin:0 0 4px 10px;padding:0}
.short td.draw:empty{display:none}
.short td.name,.short td.odd{max-width:none;min-width:0}.short td:empty{display:none}
.range,.fill{max-width:200px}}
@media print{main{max-width:none;padding:0}figure,tr{break-inside:avoid}nav,.tools{display:none}}
"""
