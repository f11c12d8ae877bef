"""Every `reluscope …` line in the README's shell blocks works as written, in a directory laid out like the checkout.

  test_readme.py RELUSCOPE SOURCE_DIR
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

binary, source = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
blocks = re.findall(r"^```sh\n(.*?)^```", (source / "README.md").read_text(), flags=re.M | re.S)
lines = [line for block in blocks for line in block.splitlines() if line.startswith("reluscope ")]
passed = failed = 0
with tempfile.TemporaryDirectory() as directory:
    for name in ("configs", "scripts", "data"):
        os.symlink(source / name, pathlib.Path(directory) / name)
    tools = pathlib.Path(directory) / "bin"
    tools.mkdir()
    os.symlink(binary, tools / "reluscope")
    os.symlink(sys.executable, tools / "python3")  # the one that has matplotlib
    environment = dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}")
    pipes = [line for line in lines if " | " in line]
    for line in lines + pipes[:1]:  # what a reader tries first also works a second time
        elsewhere = re.search(r"data\.directory=(/\S+)", line)
        if elsewhere and not pathlib.Path(elsewhere[1]).exists():  # data that does not ship
            continue
        run = subprocess.run(["bash", "-c", "set -o pipefail\n" + line], cwd=directory, env=environment,
                             capture_output=True, text=True, check=False)
        if run.returncode == 0:
            passed += 1
        else:
            failed += 1
            print(f"{line}\n  exited with {run.returncode}\n{run.stderr}")
        picture = re.search(r"-o (\S+\.png)", line)
        if picture and not (pathlib.Path(directory) / picture[1]).read_bytes().startswith(b"\x89PNG"):
            failed += 1
            print(f"{line}\n  drew no picture")
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or passed == 0 else 0)
