"""What the pages say works: every command of docs/your-own-table.md, faq.md, recipes.md and exit-codes.md is run.

  test_docs.py RELUSCOPE SOURCE_DIR

In a directory laid out like the checkout, page by page. A command exits with 0, or with N where its line says `# exit N`. Of the
output that is shown behind it most lines have to be printed, numbers apart: they depend on the CPU. Snippets for tools that are
not here (Miller, R, pandas) are left out, and named.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
PAGES = ("your-own-table.md", "faq.md", "recipes.md", "exit-codes.md")
# Of the lines that a page shows of an output, how many have to be in it.
SHARE = 0.7


def has_pandas(python):
    return shutil.which(python) and subprocess.run([python, "-c", "import pandas"], check=False,
                                                   capture_output=True).returncode == 0


PANDAS = next((python for python in (sys.executable, "/usr/bin/python3", "python3") if has_pandas(python)), None)
RUNNERS = {"sh": ["bash", "-c"], "python": PANDAS and [PANDAS, "-c"], "r": shutil.which("Rscript") and ["Rscript", "-e"],
           "gnuplot": shutil.which("gnuplot") and ["gnuplot"]}


def blocks_of(page):
    """(language, code, the output shown behind it or None)"""
    found = re.findall(r"^```(\w+)\n(.*?)^```\n", page, flags=re.M | re.S)
    for at, (language, code) in enumerate(found):
        if language in RUNNERS:
            shown = found[at + 1][1] if at + 1 < len(found) and found[at + 1][0] == "text" else None
            yield language, code, shown


def bare(line):
    """Without numbers and the widths of columns."""
    return re.sub(r"\s+", " ", re.sub(r"[0-9][0-9.,e+-]*", "#", line)).strip()


def missing_lines(shown, output):
    printed = {bare(line) for line in output.splitlines()}
    lines = [bare(line) for line in shown.splitlines() if line.strip() and line.strip() != "…"]
    lost = [line for line in lines if line not in printed]
    return lost if len(lost) > (1 - SHARE) * len(lines) else []


def main():
    failed = ran = 0
    left_out = set()
    for name in PAGES:
        with tempfile.TemporaryDirectory() as place:
            directory = pathlib.Path(place)
            for part in ("configs", "scripts", "data"):
                os.symlink(SOURCE / part, directory / part)
            (directory / "bin").mkdir()
            os.symlink(PROGRAM, directory / "bin" / "reluscope")
            environment = dict(os.environ, PATH=f"{directory / 'bin'}:{os.environ['PATH']}")
            for language, code, shown in blocks_of((SOURCE / "docs" / name).read_text(encoding="utf-8")):
                tool = code.split()[0]
                is_tool = language == "sh" and tool in ("mlr", "sqlite3")
                if RUNNERS[language] is None or (is_tool and not shutil.which(tool)):
                    left_out.add(tool if language == "sh" else language)
                    continue
                ran += 1
                text = "set -o pipefail\n" + code if language == "sh" else code
                if language == "gnuplot":  # its -e takes no line that goes on in the next
                    (directory / "script.gp").write_text(code, encoding="utf-8")
                    text = "script.gp"
                ended = subprocess.run([*RUNNERS[language], text], cwd=directory, env=environment, capture_output=True,
                                       text=True, check=False)
                wanted = re.search(r"# exit (\d+)", code)
                lost = missing_lines(shown, ended.stdout + ended.stderr) if shown else []
                if ended.returncode != (int(wanted[1]) if wanted else 0) or lost:
                    failed += 1
                    print(f"docs/{name}: {code}  exited with {ended.returncode}; not printed: {lost}\n{ended.stderr}")
    wanting = f"; left out, for want of: {', '.join(sorted(left_out))}" if left_out else ""
    print(f"{ran - failed} passed, {failed} failed{wanting}")
    return 1 if failed or ran < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
