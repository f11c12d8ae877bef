#!/usr/bin/env python3
"""What `cmake --install` and the Debian package put in place: a program that runs, configs that find their data, the
documents with their links, completions, and the man page where help2man was there to make it.

    test_package.py CMAKE BUILD_DIR
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

CMAKE, BUILD = sys.argv[1], os.path.abspath(sys.argv[2])


def call(*words, cwd=None):
    ended = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise AssertionError(f"{words}: {ended.stdout}{ended.stderr}")
    return ended.stdout


class Package(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.place = pathlib.Path(scratch.name)

    def check_tree(self, usr):
        program = usr / "bin/reluscope"
        self.assertEqual(call(program, "--version"), call(pathlib.Path(BUILD) / "reluscope", "--version"))
        call(program, "run", usr / "share/reluscope/configs/digits-relu.json", "train.epochs=1", "-q", "-o", self.place / "run")
        self.assertTrue((self.place / "run/summary.json").is_file())
        for file in ("bash-completion/completions/reluscope", "zsh/site-functions/_reluscope",
                     "fish/vendor_completions.d/reluscope.fish", "reluscope/scripts/plot_traces.py",
                     "reluscope/scripts/reluscope_capture.py"):
            self.assertTrue((usr / "share" / file).is_file(), file)
        documents = usr / "share/doc/reluscope"
        links = re.findall(r"\]\((docs/[^)#:]*)", (documents / "README.md").read_text(encoding="utf-8"))
        self.assertGreater(len(links), 10)
        for link in links:
            self.assertTrue((documents / link).exists(), link)
        page = usr / "share/man/man1/reluscope.1"
        self.assertEqual(page.is_file(), shutil.which("help2man") is not None)
        if page.is_file():
            text = page.read_text(encoding="utf-8")
            for command in ("run", "diagnose", "prescribe", "compare"):
                self.assertIn(f"\n.TP\n{command}\n", text)

    def test_install(self):
        call(CMAKE, "--install", BUILD, "--prefix", self.place / "usr")
        self.check_tree(self.place / "usr")

    @unittest.skipUnless(shutil.which("dpkg-deb") and shutil.which("dpkg-shlibdeps"), "needs dpkg-dev")
    def test_debian_package(self):
        cpack = pathlib.Path(CMAKE).with_name("cpack")
        call(cpack, "--config", pathlib.Path(BUILD) / "CPackConfig.cmake", "-B", self.place / "made", cwd=self.place)
        (package,) = (self.place / "made").glob("reluscope_*.deb")
        depends = call("dpkg-deb", "--field", package, "Depends")
        self.assertIn("libc6", depends)
        self.assertIn("libstdc++6", depends)
        call("dpkg-deb", "--extract", package, self.place / "root")
        self.check_tree(self.place / "root/usr")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
