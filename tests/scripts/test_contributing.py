#!/usr/bin/env python3
"""What CONTRIBUTING.md, docs/architecture.md and docs/release.md say of the tree is so: files and links are there, rooms use
only those before them, an error reads as it is shown; and scripts/regenerate.sh makes what is in the tree, notices what is
not, and mends it.

    test_contributing.py RELUSCOPE SOURCE_DIR
"""
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

RELUSCOPE, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
PAGES = ("CONTRIBUTING.md", "docs/architecture.md", "docs/release.md")
# In docs/architecture.md a header stands without its directory.
ROOTS = (SOURCE, SOURCE / "src")
# Parts of names that stand for any.
ANY = re.compile(r"(?<![A-Z])(ROOM|TABLE|TOPIC|KIND|NAME|TARGET)(?![A-Z])")
GENERATED = ("configs", "data/birds", "docs/config.md", "scripts", "tests/fuzz")


def text_of(page):
    return (SOURCE / page).read_text(encoding="utf-8")


def slug(heading):
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def paths_in(page):
    """What between back quotes is a path, `a.{hpp,cpp}` as two."""
    for quoted in re.findall(r"`([^`\n]+)`", text_of(page)):
        for word in quoted.split():
            if re.fullmatch(r"[\w.*{},-]+(/[\w.*{},-]*)+", word) and not word.startswith(("build/", "DIR/")):
                stem, _, rest = word.partition("{")
                options, _, end = rest.partition("}")
                yield from (ANY.sub("*", stem + one + end) for one in options.split(","))


def regenerate(place, *words):
    return subprocess.run([place / "scripts/regenerate.sh", *words, RELUSCOPE], capture_output=True, text=True, check=False)


class Pages(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for page in PAGES:
            for path, anchor in re.findall(r"\]\(([^)#:]*)#?([^)]*)\)", text_of(page)):
                with self.subTest(page=page, link=f"{path}#{anchor}"):
                    target = (SOURCE / page).parent / path if path else SOURCE / page
                    self.assertTrue(target.exists())
                    if anchor:
                        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
                        self.assertIn(anchor, [slug(one) for one in headings])

    def test_files_are_there(self):
        for page in PAGES:
            paths = list(paths_in(page))
            self.assertGreater(len(paths), 5)
            for path in paths:
                with self.subTest(page=page, path=path):
                    self.assertTrue(any(any(root.glob(path.rstrip("/"))) for root in ROOTS))

    def test_names_in_files_are_there(self):
        """`make_table` of `src/nn/activation.cpp`, and the like."""
        for file, names in {"src/nn/activation.cpp": ("make_table", "negative_slope_square"),
                            "src/nn/activation.hpp": ("dead_below", "lipschitz"),
                            "src/trace/column.hpp": ("kSchemaVersion",), "src/trace/checkpoint.hpp": ("kCheckpointVersion",),
                            "src/optim/update_rule.cpp": ("decay_shrink", "kOwnPace", "make_table"),
                            "src/trials/remedies.cpp": ("make_table",), "src/diagnose/rules.cpp": ("needs_drawn_weights",),
                            "src/data/sources.cpp": ("all_sources",), "src/diagnose/rate_rules.cpp": ("own_rule(",),
                            "tests/nn/activation_test.cpp": ("oracle()",), "tests/nn/gaussian_moments_test.cpp": ("cases()",),
                            "tests/optim/optimizer_test.cpp": ("formulas()",), "tests/optim/coasting_test.cpp": ("variants()",),
                            "tests/data/generator_formulas_test.cpp": ("kDefinitions",),
                            "scripts/fingerprint.py": ("ACTIVATIONS", "OPTIMIZERS")}.items():
            for name in names:
                with self.subTest(file=file, name=name):
                    self.assertIn(name, text_of(file))

    def test_rooms_use_only_those_before_them(self):
        rooms = re.findall(r"^\| `(\w+)` \|", text_of("CONTRIBUTING.md").split("## Rooms")[1].split("\n## ")[0], re.MULTILINE)
        self.assertEqual(sorted(rooms), sorted(one.name for one in (SOURCE / "src").iterdir() if one.is_dir()))
        self.assertIn(" → ".join(rooms), text_of("docs/architecture.md"))
        for room, file in itertools.chain.from_iterable(
                ((room, file) for file in (SOURCE / "src" / room).rglob("*.?pp")) for room in rooms):
            for used in re.findall(r'^#include "(\w+)/', file.read_text(encoding="utf-8"), re.MULTILINE):
                with self.subTest(file=file):
                    self.assertLessEqual(rooms.index(used), rooms.index(room))

    def test_the_error_reads_as_shown(self):
        shown = re.search(r"```text\n(reluscope: .*?)```", text_of("CONTRIBUTING.md"), re.DOTALL)[1]
        with tempfile.TemporaryDirectory() as place:
            line = re.search(r"^  4 \| (.*)$", shown, re.MULTILINE)[1]
            (pathlib.Path(place) / "moons.json").write_text(
                '{\n  "data": {"kind": "moons"},\n  "network": {"layers": [{"units": 8}, {"units": 2}]},\n' + line + "\n}\n",
                encoding="utf-8")
            ended = subprocess.run([RELUSCOPE, "validate", "moons.json"], cwd=place, capture_output=True, text=True, check=False)
        self.assertEqual((ended.returncode, ended.stderr), (2, shown))


class Regenerate(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.place = pathlib.Path(scratch.name)
        for part in GENERATED:
            target = self.place / part
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (SOURCE / part).is_dir() else shutil.copy)(SOURCE / part, target)

    def test_the_tree_has_what_is_made(self):
        ended = regenerate(SOURCE, "--check")
        self.assertEqual((ended.stdout, ended.returncode), ("", 0), ended.stderr)

    def test_what_is_not_as_made_is_named_and_mended(self):
        regenerate(self.place)
        faults = {"docs/config.md": b"# Config reference\n", "configs/experiment.schema.json": b"{}\n",
                  "data/birds/birds.csv": b"id\n", "tests/fuzz/corpus/traces/seed-steps": b"\0step,epoch\n0,0\n",
                  "tests/fuzz/corpus/idx/seed-images": None, "tests/fuzz/dictionaries/traces.dict": b'# Columns.\n"step"\n'}
        for file, text in faults.items():
            path = self.place / file
            path.unlink()
            if text is not None:
                path.write_bytes(text)
        told = regenerate(self.place, "--check")
        self.assertEqual(told.returncode, 1)
        self.assertEqual(told.stdout, "".join(f"would change {file}\n" for file in sorted(faults)))
        mended = regenerate(self.place)
        self.assertEqual((mended.stdout.replace("changed", "would change"), mended.returncode), (told.stdout, 0), mended.stderr)
        again = regenerate(self.place, "--check")
        self.assertEqual((again.stdout, again.returncode), ("", 0))

    def test_another_run_of_the_same_form_is_no_change(self):
        regenerate(self.place)
        for name in ("steps", "layers", "units"):
            path = self.place / "tests/fuzz/corpus/traces" / f"seed-{name}"
            path.write_bytes(path.read_bytes().rsplit(b"\n", 2)[0] + b"\n")  # a row less
        self.assertEqual(regenerate(self.place, "--check").stdout, "")

    def test_bad_usage(self):
        for words in (["--chek"], [RELUSCOPE], ["/nowhere/at/all"]):
            with self.subTest(words=words):
                self.assertEqual(regenerate(self.place, *words).returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
