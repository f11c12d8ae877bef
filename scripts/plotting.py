"""What the plot_*.py scripts share: matplotlib, or a message that says how to get it; input; the way out; colours."""

import io
import os
import sys

SYSTEM_PYTHON = "/usr/bin/python3"
DPI = 130  # of pictures made of dots
CHANGED_OVER = "RELUSCOPE_PLOT_PYTHON"  # set once the system's Python has been tried
# Blue, vermillion, green, pink, brown, sky, olive, violet, grey: near the hues of Okabe and Ito (2008), found by a search.
# Any two are at least 20 apart (CIE 1976 ΔE), the first four 41, for eyes without green cones as well; each has a contrast
# of 3:1 with the light and with the dark cards of the report, which has the same nine. tests/scripts/test_plotting.py
# measures all of that.
COLORS = ("#036dbe", "#e1670d", "#007c3f", "#c274b1", "#8f6300", "#4e94cf", "#7b984a", "#6a5ae9", "#71706f")


def note(text):
    print(f"{os.path.basename(sys.argv[0])}: {text}", file=sys.stderr)


def fail(text, code=2):
    note(text)
    sys.exit(code)


def import_pyplot(instead):
    """matplotlib.pyplot, drawing into files alone. Where this Python has none, the system's is tried, from the start of
    the script: so call it before anything is read. `instead`: what draws, or shows, the same without it."""
    try:
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot
        return matplotlib.pyplot
    except ImportError as error:
        reason = error
    if os.access(SYSTEM_PYTHON, os.X_OK) and not os.environ.get(CHANGED_OVER):
        os.environ[CHANGED_OVER] = SYSTEM_PYTHON  # once only
        os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, os.path.abspath(sys.argv[0]), *sys.argv[1:]])
    fail(f"python3-matplotlib is missing ({sys.executable}: {reason}): apt install python3-matplotlib, or pip install "
         f"matplotlib; without it: {instead}")


def open_input(name):
    """A file, or standard input for "-", as text that is not empty; ends with a message where there is none."""
    if name == "-":
        if sys.stdin is None or sys.stdin.isatty():
            fail("no input: name a file or pipe one in; see --help")
        text = sys.stdin.buffer.read().decode("utf-8-sig", errors="replace")
    else:
        try:
            with open(name, encoding="utf-8-sig", errors="replace", newline="") as file:
                text = file.read()
        except OSError as error:
            fail(f"cannot read '{name}': {error.strerror}")
    if not text.strip():
        fail("the input is empty: did the program before the pipe fail?" if name == "-" else f"'{name}' is empty")
    return io.StringIO(text, newline="")


def save(figure, path):
    """Text of an SVG stays text, and the same data give the same bytes."""
    import matplotlib

    ending = os.path.splitext(path)[1].lower()
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(ending)
    try:
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "reluscope"}):
            figure.savefig(path, dpi=DPI, metadata=undated)
    except (OSError, ValueError) as error:
        fail(f"{path}: {error}", code=1)
