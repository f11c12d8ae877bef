"""What the pages say works: every command of docs/your-own-table.md, images.md, layers.md, faq.md, recipes.md, exit-codes.md and
census.md is run.

  test_docs.py RELUSCOPE SOURCE_DIR

Page by page, each in a directory laid out like the checkout, its blocks in their order. A block exits with 0, or with N
where it says `# exit N`. What is shown behind it has to be printed: each line without a figure, and most of those with
one, since figures, and with them some verdicts, depend on the CPU. Blocks for tools that are not here are left out, and
named.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
PAGES = ("your-own-table.md", "images.md", "layers.md", "faq.md", "recipes.md", "exit-codes.md", "census.md")
# Of the lines with figures that a page shows of an output, how many have to be in it.
SHARE = 0.8
# A block without its end would hang the test.
SECONDS = 60


def has(python, module):
    return bool(python and shutil.which(python)) and subprocess.run(
        [python, "-c", f"import {module}"], check=False, capture_output=True).returncode == 0


def python_with(module):
    return next((python for python in (sys.executable, "/usr/bin/python3", "python3") if has(python, module)), None)


PANDAS, NUMPY = python_with("pandas"), python_with("numpy")
RUNNERS = {"sh": ["bash", "-c"], "python": [PANDAS, "-c"], "r": ["Rscript", "-e"], "gnuplot": ["gnuplot"]}


def wanting(language, code):
    """The tool that a block needs and that is not here, or None."""
    if language == "python":
        return None if PANDAS else "pandas"
    if language == "sh" and "import numpy" in code:
        return None if NUMPY else "numpy"
    tools = [RUNNERS[language][0]]
    if language == "sh":
        tools += re.findall(r"^(mlr|sqlite3|make)\b", code, flags=re.M)
    return next((tool for tool in tools if not shutil.which(tool)), None)


def blocks_of(page):
    """(language, code, the output shown behind it or None)"""
    found = re.findall(r"^```(\w+)\n(.*?)^```\n", page, flags=re.M | re.S)
    for at, (language, code) in enumerate(found):
        if language in RUNNERS:
            shown = found[at + 1][1] if at + 1 < len(found) and found[at + 1][0] == "text" else None
            yield language, code, shown


def bare(text):
    """Without figures, the widths of columns, and where lines are broken."""
    text = re.sub(r"[-+]?[0-9][0-9.,]*(e[-+]?[0-9]+)?", "#", text)
    return re.sub(r"\s*…\s*", "…", re.sub(r"\s+", " ", text)).strip()


def lines_not_in(output, shown):
    whole = bare(output)
    lines = [line.strip().removesuffix("…") for line in shown.splitlines() if line.strip() not in ("", "…")]
    lost = [line for line in lines if bare(line) not in whole]
    with_figures = [line for line in lines if re.search("[0-9]", line)]
    lost_figures = [line for line in lost if line in with_figures]
    too_many = len(lost_figures) > (1 - SHARE) * len(with_figures)
    return lost if too_many or len(lost) > len(lost_figures) else []


def lay_out(directory):
    for part in ("configs", "data"):  # copies: paths that are printed are then those of a checkout
        shutil.copytree(SOURCE / part, directory / part)
    os.symlink(SOURCE / "scripts", directory / "scripts")
    (directory / "bin").mkdir()
    os.symlink(PROGRAM, directory / "bin" / "reluscope")
    os.symlink(shutil.which(NUMPY or sys.executable), directory / "bin" / "python3")
    return dict(os.environ, PATH=f"{directory / 'bin'}:{os.environ['PATH']}", LC_ALL="C.UTF-8")


def run_block(language, code, directory, environment):
    text = "set -o pipefail\n" + code if language == "sh" else code
    if language == "gnuplot":  # its -e takes no line that goes on in the next
        (directory / "script.gp").write_text(code, encoding="utf-8")
        text = "script.gp"
    return subprocess.run([*RUNNERS[language], text], cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=SECONDS)


def check_page(name):
    """(faults, number of blocks that ran, tools that were wanting)"""
    page = (SOURCE / "docs" / name).read_text(encoding="utf-8")
    faults = [f"docs/{name}: a link leads nowhere: {link}" for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", page)
              if not (SOURCE / "docs" / link).exists()]
    ran, left_out = 0, set()
    with tempfile.TemporaryDirectory() as place:
        directory = pathlib.Path(place)
        environment = lay_out(directory)
        for language, code, shown in blocks_of(page):
            tool = wanting(language, code)
            if tool:
                left_out.add(tool)
                continue
            ran += 1
            ended = run_block(language, code, directory, environment)
            exit_code = re.search(r"# exit (\d+)", code)
            lost = lines_not_in(ended.stdout, shown) if shown else []
            if ended.returncode != (int(exit_code[1]) if exit_code else 0) or lost:
                faults.append(f"docs/{name}: {code}  exited with {ended.returncode}; not printed: {lost}\n"
                              f"{ended.stdout}")
    return faults, ran, left_out


def main():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(check_page, PAGES))
    faults = [fault for result in results for fault in result[0]]
    ran = sum(result[1] for result in results)
    left_out = sorted(set().union(*(result[2] for result in results)))
    print("\n".join(faults))
    if left_out:
        print(f"left out, for want of: {', '.join(left_out)}")
    print(f"{ran - len(faults)} passed, {len(faults)} failed")
    return 1 if faults or ran < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
