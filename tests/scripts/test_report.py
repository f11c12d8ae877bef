#!/usr/bin/env python3
"""Loads reports into a real browser: nothing is fetched, nothing is logged, all text can be read, names are only text.

    test_report.py RELUSCOPE SOURCE_DIR      exits with 77 (skipped) where there is no Chromium or no gnuplot
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# Appended to a copy of the page: the contrast of every text node with what is behind it (WCAG 2.1), and what the charts
# show under the pointer.
PROBE = """<script>
const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const parse = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
const ground = element => {
  for (; element; element = element.parentElement) {
    const color = parse(getComputedStyle(element).backgroundColor);
    if (color.length < 4 || color[3] > 0) return color;
  }
  return [255, 255, 255];
};
const low = [];
const opened = () => { for (const details of document.querySelectorAll('details')) details.open = true; };
const seen = [...document.querySelectorAll('.facts, .verdict, .findings li, .next, .first .plot')].filter(element => {
  const box = element.getBoundingClientRect();
  return box.width > 0 && box.top >= 0 && box.bottom <= 800;
}).map(one => one.className + ': ' + one.textContent.slice(0, 400));
const silent = [...document.querySelectorAll('.scroll')].filter(box =>
  box.scrollWidth > box.clientWidth + 1 && !box.classList.contains('more')).length;
const scrolling = document.querySelectorAll('.scroll.more').length;
opened();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let texts = 0;
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const parent = node.parentElement;
  if (!node.textContent.trim() || ['SCRIPT', 'STYLE'].includes(parent.tagName)) continue;
  ++texts;
  const style = getComputedStyle(parent);
  const fill = parent.closest('svg') ? style.fill : style.color;
  const [a, b] = [light(parse(fill)), light(ground(parent))].sort((x, y) => y - x);
  const contrast = (a + 0.05) / (b + 0.05);
  if (contrast < 4.5) low.push(node.textContent.trim().slice(0, 40) + ' ' + contrast.toFixed(2) + ' ' + fill);
}
const svg = document.querySelector('.chart[data-area] svg');
let tip = '';
if (svg) {
  const box = svg.getBoundingClientRect();
  svg.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + box.width / 2, clientY: box.top + box.height / 2}));
  tip = svg.closest('.chart').querySelector('.tip').textContent;
}
const scale = node => { const svg = node.closest('svg'); return svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1; };
const small = [...document.querySelectorAll('.plot svg text')].map(node =>
  parseFloat(getComputedStyle(node).fontSize) * scale(node)).filter(size => size > 0);
const outside = [...document.querySelectorAll('.legend span')].filter(span =>
  span.getBoundingClientRect().right > span.closest('.chart').getBoundingClientRect().right + 1).map(span => span.textContent);
const colours = {};
for (const span of document.querySelectorAll('.legend span')) {
  const patch = span.querySelector('i');
  if (patch) (colours[span.textContent] = colours[span.textContent] || new Set()).add(patch.getAttribute('style'));
}
document.body.dataset.result = JSON.stringify({texts, outside, silent, scrolling, smallest: Math.min(...small),
  colours: Object.fromEntries(Object.entries(colours).map(([name, set]) => [name, set.size])),
  first: seen, low, tip, dark: matchMedia('(prefers-color-scheme: dark)').matches,
  fetched: performance.getEntriesByType('resource').map(one => one.name).filter(name => !name.startsWith('data:')),
  wide: document.documentElement.scrollWidth > innerWidth + 1});
</script>"""


def shell(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


def load(page, place, dark=False, width=1200):
    """What the probe found, and what the browser logged."""
    probed = os.path.join(place, "probed.html")
    with open(page, encoding="utf-8") as file:
        text = file.read()
    with open(probed, "w", encoding="utf-8") as file:
        file.write(text.replace("</body>", PROBE + "</body>"))
    done = shell(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=3000",
                 f"--blink-settings=preferredColorScheme={0 if dark else 1}", f"--window-size={width},900",
                 f"--user-data-dir={Report.profile}", "--dump-dom", "file://" + probed, timeout=1800)
    found = re.search(r'data-result="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    logged = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(found.group(1).replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")), logged


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.profile = tempfile.mkdtemp()  # the browser's: one for all pages, since it takes a while to make
        cls.addClassCleanup(shutil.rmtree, cls.profile)

    def setUp(self):
        self.place = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.place)

    def run_it(self, config, *changes, out="run"):
        out = os.path.join(self.place, out)
        done = shell(PROGRAM, "run", os.path.join(SOURCE, "configs", config), *changes, "-o", out, "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        return out

    def report(self, *runs):
        page = os.path.join(self.place, "report.html")
        done = shell(PROGRAM, "report", *runs, "-o", page, "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        return page

    def test_a_page_is_quiet_and_readable_in_light_and_dark(self):
        page = self.report(self.run_it("dying-relu.json", "train.epochs=6"))
        for dark in (False, True):
            found, logged = load(page, self.place, dark)
            self.assertEqual(logged, [])
            self.assertEqual(found["fetched"], [])
            self.assertEqual(found["dark"], dark)
            self.assertEqual(found["low"], [])
            self.assertGreater(found["texts"], 200)
            self.assertRegex(found["tip"], r"step: \d+\ndense1: ")

    def test_it_fits_a_phone(self):
        found, _ = load(self.report(self.run_it("moons.json")), self.place, width=500)
        self.assertFalse(found["wide"])
        self.assertGreaterEqual(found["smallest"], 11)
        self.assertEqual(found["silent"], 0)
        self.assertGreaterEqual(found["scrolling"], 1)  # the last census
        self.assertEqual(found["outside"], [])

    def test_the_first_screen_says_what_when_why_and_what_to_do_beside_a_chart(self):
        found, _ = load(self.report(self.run_it("dying-relu.json")), self.place, width=1280)
        first = "\n".join(found["first"])
        for part in ("facts: digits · 64-64-64-10 relu · adam 0.1 · seed 7 · 900 steps", "hidden units are dead", "by step 45",
                     "pushed by their own weights", "next: What to do: try train.optimizer.lr=0.01", "plot: "):
            self.assertIn(part, first)
        self.assertEqual(found["outside"], [])
        for layer in ("dense1", "dense2", "dense3"):
            self.assertEqual(found["colours"][layer], 1, "a layer has one colour in all charts")

    def test_the_page_of_a_comparison_is_quiet_readable_and_fits_a_phone(self):
        page = os.path.join(self.place, "compared.html")
        done = shell(PROGRAM, "compare", os.path.join(SOURCE, "configs/dying-relu.json"), "train.epochs=3", "--seeds", "3",
                     "--lr", "0.3,0.1,0.03,0.01", "--report", page, "-o", os.path.join(self.place, "rows.csv"), "-q")
        self.assertEqual(done.returncode, 0, done.stderr)
        for dark, width in ((False, 1280), (True, 500)):
            found, logged = load(page, self.place, dark, width)
            self.assertEqual(logged, [])
            self.assertEqual(found["fetched"], [])
            self.assertEqual(found["low"], [])
            self.assertFalse(found["wide"])
            self.assertRegex(found["tip"], r"lr: [\d.]+\nrelu: ")
        with open(page, encoding="utf-8") as file:
            ids = re.findall(r'\bid="([^"]+)"', file.read())
        self.assertEqual(len(ids), len(set(ids)))

    def test_several_runs_share_a_page(self):
        page = self.report(self.run_it("dying-relu.json", "train.epochs=4", out="a"),
                           self.run_it("dying-relu.json", "train.epochs=4", "seed=8", out="b"),
                           self.run_it("dying-leaky.json", "train.epochs=4", out="c"))
        found, logged = load(page, self.place)
        self.assertEqual(logged, [])
        self.assertEqual(found["low"], [])
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("dying-relu (2 seeds)", text)
        ids = re.findall(r'\bid="([^"]+)"', text)
        self.assertEqual(len(ids), len(set(ids)))

    def test_what_a_trace_says_is_text_and_nothing_else(self):
        evil = "<script>document.title='broken'</script><img src=x onerror=alert(1)>'\"&"
        run = self.run_it("moons.json", "train.epochs=2")
        for name in ("manifest.json", "summary.json"):
            path = os.path.join(run, name)
            with open(path, encoding="utf-8") as file:
                document = json.load(file)
            document["name"] = document["verdict"] = evil
            with open(path, "w", encoding="utf-8") as file:
                json.dump(document, file)
        for name in ("layers.csv", "census.csv"):
            path = os.path.join(run, name)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace("dense1", '"' + evil.replace('"', '""') + '"'))
        page = self.report(run)
        found, logged = load(page, self.place)
        self.assertEqual(logged, [])
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.assertNotIn("<script>document.title", text)
        self.assertIn("&lt;script&gt;document.title", text)
        self.assertEqual(text.count("<script>"), 1)

    def test_a_deep_and_long_run_stays_small(self):
        run = self.run_it("digits-relu.json", "network.layers.0.repeat=100", "network.layers.0.units=8",
                          "network.layers.0.activation=elu", "train.steps=4000", "record.every=1", "record.census=100",
                          "train.optimizer.lr=0.001")
        page = self.report(run)
        self.assertLess(os.path.getsize(page), 5e6)
        found, logged = load(page, self.place)
        self.assertEqual(logged, [])
        self.assertGreater(found["texts"], 1000)

    def test_a_run_without_a_census_and_a_lone_directory_still_make_a_page(self):
        page = self.report(self.run_it("moons.json", "record.census=off"))
        found, logged = load(page, self.place)
        self.assertEqual(logged, [])
        self.assertGreater(found["texts"], 50)

    def test_a_run_whose_gradients_are_all_0_says_why_it_has_no_curve_of_them(self):
        page = self.report(self.run_it("moons.json", "train.epochs=2", "network.layers.*.init.weights=zeros"))
        found, logged = load(page, self.place)
        self.assertEqual(logged, [])
        self.assertEqual(found["low"], [])
        with open(page, encoding="utf-8") as file:
            self.assertRegex(file.read(), r"<p class=absent>No curve\. Of \d+ values \d+ are 0 or below")

    def test_nothing_else_than_a_run_is_taken(self):
        done = shell(PROGRAM, "report", self.place)
        self.assertEqual(done.returncode, 2)
        self.assertIn("nothing to diagnose", done.stderr)


if __name__ == "__main__":
    if not BROWSER or not shutil.which("gnuplot"):
        print("skipped: needs chromium and gnuplot")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
