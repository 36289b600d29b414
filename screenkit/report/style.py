"""The style of the page: light and dark as the reader has it, and fit to print."""

STYLE = """
:root{--ink:#1d2433;--soft:#5d6779;--line:#dfe3ea;--paper:#fff;--tint:#f5f7fa;
--all:#b9c6d8;--chosen:#d9622b;--ok:#2f8f6b;--filtered:#d7a531;--failed:#c0453b}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa5b8;--line:#333b4a;
--paper:#161a21;--tint:#1f242d;--all:#4a5a72;--chosen:#f0834e;--ok:#43ab84;--filtered:#d9ae4b;
--failed:#dd6b61}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1080px;margin:0 auto;padding:36px 24px 64px}
h1{font-size:28px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:17px;margin:40px 0 12px}
p{margin:8px 0;color:var(--soft)}p b{color:var(--ink);font-weight:600}
code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;
margin:24px 0 0}
.cards div{background:var(--tint);border-radius:10px;padding:14px 16px}
.cards b{display:block;font-size:24px;font-weight:600;letter-spacing:-.01em;white-space:nowrap}
.cards span{color:var(--soft);font-size:13px}
.remarks{margin-top:20px;border-left:3px solid var(--filtered);background:var(--tint);
padding:8px 16px;border-radius:0 8px 8px 0}.remarks ul{margin:0;padding-left:18px}
.plot,.bar{width:100%;height:auto;display:block}.bar{height:22px;border-radius:6px}
.plot .grid{stroke:var(--line)}.plot .axis{stroke:var(--soft)}
.plot text{fill:var(--soft);font-size:12px}.plot .label{fill:var(--ink);font-size:13px}
rect.all,i.all{fill:var(--all);background:var(--all)}
rect.chosen,i.chosen{fill:var(--chosen);background:var(--chosen)}
rect.ok,i.ok{fill:var(--ok);background:var(--ok)}
rect.filtered,i.filtered{fill:var(--filtered);background:var(--filtered)}
rect.failed,i.failed{fill:var(--failed);background:var(--failed)}
.legend{display:flex;gap:20px;font-size:13px}
.legend i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
th,td{text-align:right;padding:6px 10px;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:500;font-size:12px;vertical-align:bottom;white-space:normal}
.text,.name{text-align:left}td.name{white-space:normal;overflow-wrap:anywhere;min-width:220px}
.facts td{white-space:normal;overflow-wrap:anywhere}
.facts th{width:190px;font-size:13px}
td.flags{white-space:normal;color:var(--soft);font-size:13px;min-width:110px}
td.main{position:relative;min-width:104px}td.main b{position:relative;font-weight:600}
td.main span{position:absolute;left:4px;top:4px;bottom:4px;border-radius:3px;
background:var(--chosen);opacity:.22;max-width:calc(100% - 8px)}
.reasons{width:auto;min-width:60%}.reasons td.reason{width:300px}
.reasons td.reason span{background:var(--failed);opacity:.55}
details{margin-top:16px}summary{cursor:pointer;color:var(--soft)}
pre{background:var(--tint);border-radius:8px;padding:14px 16px;overflow-x:auto}
figure{margin:0}figure.map{margin:0 0 20px}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:20px}
figure img{width:100%;height:auto;display:block;border-radius:8px;border:1px solid var(--line);
background:#fff}
figcaption{color:var(--soft);font-size:13px;padding:6px 2px;overflow-wrap:anywhere}
@media print{main{max-width:none;padding:0}section{break-inside:avoid}}
"""
