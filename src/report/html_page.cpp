#include "report/html_page.hpp"

namespace reluscope {

namespace {

constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --ground: #ffffff; --text: #1c1f23; --soft: #4d545c; --line: #d4d8dd; --card: #f6f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171a; --text: #e6e8ea; --soft: #b3bac2; --line: #3a4047; --card: #1d2125; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 84rem; background: var(--ground); color: var(--text);
       font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: .2rem 0 .6rem; } h2 { border-bottom: 1px solid var(--line); padding-top: 1rem; } h3 { margin: .6rem 0 .3rem; }
.first { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1.5rem; align-items: start; }
.first > div > :first-child { margin-top: 0; }
.facts, .figures { color: var(--soft); margin: .4rem 0; }
.next { padding: .5rem .8rem; border-left: .4rem solid #2f6f4f; background: var(--card); margin: .4rem 0; }
code { font-size: .95em; overflow-wrap: anywhere; } a { color: inherit; } dt { font-weight: 600; } dd { margin: 0 0 .5rem 1rem; }
@media (max-width: 60rem) { .first { display: block; } }
@media (max-width: 36rem) { .plot svg text { font-size: 19px; } body { padding: .6rem; } .chart { padding: .5rem; } }
.verdict { font-size: 1.15rem; font-weight: 600; }
.notes { padding-left: 1.2rem; } .heat td { text-align: center; } .heat th { text-align: left; } .heat .failed { color: var(--soft); }
.findings { list-style: none; padding: 0; }
.findings li { margin: .4rem 0; padding: .5rem .8rem; border-left: .4rem solid #6b7280; background: var(--card); }
.findings .critical { border-color: #c0262d; } .findings .warning { border-color: #b8860b; }
.findings small { display: block; color: var(--soft); }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); gap: 1rem; }
.chart { margin: 0; padding: .8rem; background: var(--card); border: 1px solid var(--line); border-radius: .4rem;
         position: relative; min-width: 0; }
.absent { padding: .5rem .8rem; border: 1px dashed var(--line); }
.plot svg { display: block; width: 100%; height: auto; color: var(--text); }
.plot image { image-rendering: pixelated; }
.legend { margin: .2rem 0; font-size: .85rem; color: var(--soft); }
.legend span { margin-right: .8rem; white-space: nowrap; }
.legend i { display: inline-block; width: .9rem; height: .9rem; margin-right: .3rem; vertical-align: -.1rem; border-radius: .2rem; }
.legend .dash { height: 0; border-top: .2rem dashed; border-radius: 0; vertical-align: .25rem; width: 1.3rem; }
figcaption { font-size: .9rem; color: var(--soft); }
details { margin: .5rem 0; } summary { cursor: pointer; }
.scroll { overflow: auto; max-height: 24rem; }
.scroll.more::before { content: 'scrolls: there is more of it'; position: sticky; left: 0; display: block; font-size: .8rem;
                       color: var(--soft); }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
pre { overflow: auto; padding: .8rem; background: var(--card); font-size: .85rem; }
.tip { position: absolute; z-index: 2; pointer-events: none; padding: .3rem .6rem; font-size: .8rem; white-space: pre;
       background: var(--ground); color: var(--text); border: 1px solid var(--line); border-radius: .3rem; }
@media print { .scroll.more::before { display: none; } body { max-width: none; } h2, h3 { break-after: avoid; } .scroll { max-height: none; } .chart { break-inside: avoid; } details:not([open]) { display: none; } }
)css";

// A table that is larger than its box says so. The numbers under a chart are what the pointer shows: those of the
// nearest row.
constexpr const char* kScript = R"js(
const say = box => box.classList.toggle('more', box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1);
const sizes = new ResizeObserver(entries => entries.forEach(entry => say(entry.target)));
for (const box of document.querySelectorAll('.scroll')) { say(box); sizes.observe(box); }
for (const chart of document.querySelectorAll('.chart[data-area]')) {
  const [left, right, , , low, high] = chart.dataset.area.trim().split(/\s+/).map(Number);
  const svg = chart.querySelector('svg'), rows = [...chart.querySelectorAll('tbody tr')];
  if (!svg || !rows.length) continue;
  const names = [...chart.querySelectorAll('thead th')].map(cell => cell.textContent);
  const steps = rows.map(row => Number(row.cells[0].textContent));
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  chart.append(tip);
  svg.addEventListener('pointermove', event => {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const step = low + (place.x - left) / (right - left) * (high - low);
    let nearest = 0;
    steps.forEach((one, at) => { if (Math.abs(one - step) < Math.abs(steps[nearest] - step)) nearest = at; });
    const cells = [...rows[nearest].cells].map(cell => cell.textContent);
    tip.textContent = cells.map((cell, at) => names[at] + ': ' + cell).filter((_, at) => cells[at] !== '').slice(0, 14).join('\n');
    const box = chart.getBoundingClientRect();
    tip.hidden = false;
    tip.style.left = Math.min(event.clientX - box.left + 14, box.width - tip.offsetWidth - 4) + 'px';
    tip.style.top = event.clientY - box.top + 14 + 'px';
  });
  svg.addEventListener('pointerleave', () => { tip.hidden = true; });
}
)js";

}  // namespace

std::string html_page(const std::string& title, const std::string& body) {
  std::string page =
      "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline'; img-src data:\">\n"
      "<meta name=viewport content=\"width=device-width, initial-scale=1\">\n<title>";
  page += title;
  page.append("</title>\n<style>").append(kStyle).append("</style>\n</head>\n<body>\n<h1>").append(title);
  page.append("</h1>\n").append(body).append("<script>").append(kScript).append("</script>\n</body>\n</html>\n");
  return page;
}

}  // namespace reluscope
