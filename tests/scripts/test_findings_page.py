#!/usr/bin/env python3
"""Runs every example of docs/findings.md, and holds the page against the table of rules: one section a rule, thresholds
and remedies as `explain` prints them, the finding in the sick run and not in the healthy one. Figures may differ from
machine to machine; which rule finds something, and how grave it is, may not.

    test_findings_page.py RELUSCOPE SOURCE_DIR
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

RELUSCOPE, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
PAGE = (SOURCE / "docs" / "findings.md").read_text(encoding="utf-8")
HEAD = re.compile(r"^(critical|warning|info): ([a-z-]+):", re.MULTILINE)


def ask(*words):
    """What it prints, each entry on one line."""
    text = subprocess.run([RELUSCOPE, *words], capture_output=True, text=True, check=True).stdout
    return re.sub(r"\n {6}", " ", text)


def sections():
    """Rule and text of each."""
    parts = re.split(r"^### ([a-z-]+)$", PAGE, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2]))


def block(text, language):
    return re.search(rf"```{language}\n(.*?)```", text, re.DOTALL).group(1)


def halves(text):
    """What is said of the sick run, and of the healthy one."""
    return re.split(r"^runs/[a-z-]+-well:$", text, flags=re.MULTILINE)


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        place = pathlib.Path(cls.scratch.name)
        (place / "bin").mkdir()
        (place / "bin" / "reluscope").symlink_to(RELUSCOPE)
        for name in ("configs", "data"):
            shutil.copytree(SOURCE / name, place / name)
        cls.place = place
        cls.environment = dict(os.environ, PATH=f"{place / 'bin'}:{os.environ['PATH']}")

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def run_all(self, commands):
        """What the last of them, the diagnosis, prints."""
        text = commands.replace("reluscope run", "reluscope run -q > /dev/null")
        return subprocess.run(["bash", "-ec", text], cwd=self.place, env=self.environment, capture_output=True,
                              text=True, check=True).stdout

    def test_every_rule_has_a_section_with_its_thresholds_and_remedies(self):
        rules = re.findall(r"^\| \[([a-z-]+)\]", PAGE, re.MULTILINE)
        self.assertEqual(list(sections()), rules)
        for rule, text in sections().items():
            with self.subTest(rule):
                said = ask("explain", rule)
                own = said[said.index(f"rule {rule}: "):]
                doc = own.split("\n")[0].split(": ", 1)[1]
                self.assertIn(f"| [{rule}](#{rule}) | {doc} |", PAGE)
                facts = " ".join(text[text.rindex("\n- Severity:"):].split())
                for name, value in re.findall(r"^  (\w+) = (\S+):", own, re.MULTILINE):
                    self.assertIn(f"`{name}` {value}", facts)
                remedies = re.findall(r"^  may help: (\w+):", own, re.MULTILINE)
                self.assertIn(", ".join(f"`{name}`" for name in remedies), facts)

    def test_each_example_finds_what_the_page_says(self):
        for rule, text in sections().items():
            with self.subTest(rule):
                sick, well = halves(self.run_all(block(text, "sh")))
                told_sick, told_well = halves(block(text, "text"))
                self.assertIn(rule, [name for _, name in HEAD.findall(sick)])
                self.assertNotIn(rule, [name for _, name in HEAD.findall(well)])
                for told, said in ((told_sick, sick), (told_well, well)):
                    for finding in HEAD.findall(told):
                        self.assertIn(finding, HEAD.findall(said))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
