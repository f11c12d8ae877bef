"""`reluscope try` on tables as people have them: the right label and task, or an error whose help line works.

  test_own_tables.py RELUSCOPE SOURCE_DIR

The tables are made here, from a seed: types mixed, cells missing, row numbers, dates, the label anywhere, all delimiters,
line ends and encodings. A help line is followed to the letter: a setting is put behind the command, a command is run and
its file tried. Tables of one's own are tried too where RELUSCOPE_TABLES names a directory of them.
"""
import gzip
import json
import os
import pathlib
import random
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
MOST_STEPS = 5
CITIES = ["Bern", "Zürich", "Genf", "St. Gallen"]


def number(low, high, digits=2):
    return lambda chance, row: f"{chance.uniform(low, high):.{digits}f}"


def whole(low, high):
    return lambda chance, row: str(chance.randint(low, high))


def word(*words):
    return lambda chance, row: chance.choice(words)


def row_number(first=1):
    return lambda chance, row: str(row + first)


def code(chance, row):
    return f"K-{row * 7919 % 10007:05d}"


def day(chance, row):
    return f"20{chance.randint(10, 20)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"


def prose(chance, row):
    return f"row {row}, as it was ({chance.random():.9f})"


def constant(chance, row):
    return "7"


def gaps(make, share=0.1, mark="NA"):
    return lambda chance, row: mark if chance.random() < share else make(chance, row)


def comma(make):
    return lambda chance, row: make(chance, row).replace(".", ",")


def thousands(chance, row):
    value = chance.randint(1000, 9_999_999)
    return f"{value:,}.{chance.randint(0, 99):02d}"


def table(columns, rows=60, delimiter=",", header=True, end="\n", seed=1):
    chance = random.Random(seed)

    def cell(text):
        needs_quotes = delimiter in text or '"' in text or (delimiter == " " and text == "")
        return '"' + text.replace('"', '""') + '"' if needs_quotes else text

    lines = [delimiter.join(cell(name) for name, _ in columns)] if header else []
    for row in range(rows):
        lines.append(delimiter.join(cell(make(chance, row)) for _, make in columns))
    return end.join(lines) + end


X, Z = ("width", number(0, 9)), ("height", number(100, 200, 1))
SPECIES = ("species", word("setosa", "virginica", "versicolor"))


def tables():
    """Name, content, label as the manifest has it (None: any of them), task, and columns that have to be left out."""
    yield "label-last.csv", table([X, Z, SPECIES]), "species", "classification", []
    yield "label-first.csv", table([("label", whole(0, 3)), X, Z]), "label", "classification", []
    yield "label-middle.csv", table([X, ("target", number(0, 1, 4)), Z]), "target", "regression", []
    yield "row-number.csv", table([("", row_number(0)), X, Z, ("y", whole(0, 1))]), "y", "classification", ["0"]
    yield "ids.csv", table([("customer_id", code), X, ("city", word(*CITIES)), ("churn", word("yes", "no"))]), \
        "churn", "classification", ["customer_id"]
    yield "gaps.csv", table([("id", row_number()), ("a", gaps(number(0, 1))), ("t", gaps(word("x", "y"), mark="")),
                             ("class", word("p", "q"))]), "class", "classification", ["id"]
    yield "many-gaps.csv", table([X, Z, ("rare", gaps(number(0, 1), 0.8, "")), ("y", number(0, 5, 3))]), \
        "y", "regression", ["rare"]
    yield "label-gaps.csv", table([X, Z, ("y", gaps(word("a", "b"), 0.2, ""))]), "y", "classification", []
    yield "dates.csv", table([("date", day), X, Z, ("price", number(10, 999))]), "price", "regression", ["date"]
    yield "prose.csv", table([X, ("note", prose), Z, ("outcome", word("good", "bad"))]), \
        "outcome", "classification", ["note"]
    yield "constant.csv", table([X, ("same", constant), Z, ("y", whole(0, 2))]), "y", "classification", ["same"]
    yield "booleans.csv", table([X, ("flag", word("True", "False")), ("y", word("True", "False"))]), \
        "y", "classification", []
    yield "semicolon.csv", table([X, Z, SPECIES], delimiter=";", end="\r\n"), "species", "classification", []
    yield "tabs.tsv", table([X, ("city", word("a", "b")), ("y", number(0, 1))], delimiter="\t"), "y", "regression", []
    yield "bars.txt", table([X, Z, ("y", whole(0, 1))], delimiter="|"), "y", "classification", []
    yield "blanks.data", table([X, Z, ("", whole(0, 1))], delimiter=" ", header=False), "2", "classification", []
    yield "macintosh.csv", table([X, Z, ("y", whole(0, 1))], end="\r"), "y", "classification", []
    yield "headerless.csv", table([X, ("", word("a", "b")), Z, ("", word("<=50K", ">50K"))], header=False), \
        "3", "classification", []
    yield "comments.csv", "# exported 2020\n# by somebody, somewhere\n" + table([X, Z, ("y", whole(0, 1))]), \
        "y", "classification", []
    yield "savetxt.txt", "# width height y\n" + table([X, Z, ("y", whole(0, 1))], delimiter=" ", header=False), \
        "y", "classification", []
    yield "bom.csv", "\ufeff" + table([X, Z, SPECIES]), "species", "classification", []
    yield "utf16.csv", table([X, Z, SPECIES]).encode("utf-16"), "species", "classification", []
    yield "latin1.csv", table([X, ("stadt", word("Köln", "Graz")), ("y", whole(0, 1))]).encode("latin-1"), \
        "y", "classification", []
    yield "packed.csv.gz", gzip.compress(table([X, Z, SPECIES]).encode(), mtime=0), "species", "classification", []
    yield "comma.csv", table([("a", comma(X[1])), ("y", comma(Z[1]))], delimiter=";"), "y", "regression", []
    yield "thousands.csv", table([X, ("income", thousands), ("y", whole(0, 1))]), None, "classification", []
    yield "either.csv", table([("a", lambda chance, row: f"{chance.randint(1, 9)},{chance.randint(100, 999)}"), X,
                               ("y", whole(0, 1))], delimiter="\t"), "y", "classification", []
    yield "ambiguous.csv", table([X, ("town", word(*CITIES)), ("size", word("S", "L")), ("age", whole(1, 99))]), \
        None, None, []
    yield "all-text.csv", table([("colour", word("red", "blue")), ("kind", word("x", "y", "z"))]), None, \
        "classification", []
    yield "trailing.csv", table([X, Z, ("y", whole(0, 1)), ("", lambda chance, row: "")]), "y", "classification", []
    yield "quoted-names.csv", table([("width, in mm", X[1]), ("the \"real\" height", Z[1]), SPECIES]), \
        "species", "classification", []
    yield "weka.arff", "@relation r\n@attribute a numeric\n@data\n" + table([X, Z, ("", whole(0, 1))], header=False), \
        None, "classification", []
    yield "sparse.libsvm", "".join(f"{'+1' if row % 3 else '-1'} 1:{row % 7} {2 + row % 4}:0.5\n" for row in range(40)), \
        None, "classification", []
    yield "wide.csv", table([(f"f{column}", number(0, 1)) for column in range(300)] + [("y", whole(0, 1))], rows=30), \
        "y", "classification", []
    yield "tiny.csv", "a,b,y\n1,2,0\n2,3,1\n1,5,0\n4,2,1\n", "y", "classification", []
    yield "excel.csv", '"a b;""c"";""quality"""\n' + table([X, Z, ("", whole(3, 8))], delimiter=";", header=False), \
        "quality", "classification", []


def first_help(message):
    """The first thing that the last help line proposes."""
    lines = re.findall(r"^  help: (.*)$", message, flags=re.M)
    if not lines:
        return None
    return re.split(r", or |, if | if ", lines[-1])[0] if not lines[-1].startswith(("awk", "sed", "iconv")) else lines[-1]


class OwnTables(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)

    def run_try(self, words):
        return subprocess.run([PROGRAM, "try", *words, "train.epochs=2"], cwd=self.place, capture_output=True,
                              text=True, check=False)

    def follow(self, name):
        """Tries the table, and follows what help there is. Returns the data section of the manifest, and the messages."""
        words, said = [name], []
        for _ in range(MOST_STEPS):
            ended = self.run_try(words)
            said.append(ended.stderr)
            if ended.returncode == 0:
                manifests = sorted(self.place.glob("runs/*/manifest.json"), key=os.path.getmtime)
                return json.loads(manifests[-1].read_text())["data"], said
            self.assertEqual(ended.returncode, 2, ended.stderr)
            help_text = first_help(ended.stderr)
            self.assertIsNotNone(help_text, ended.stderr)
            if help_text.startswith(("data.", "--", "'")):
                words += shlex.split(help_text)
            else:
                subprocess.run(["sh", "-c", help_text], cwd=self.place, check=True)
                words[0] = shlex.split(help_text)[-1]
        self.fail("no help helped:\n" + "\n".join(said))

    def test_every_table_trains_with_the_right_label_or_its_help_works(self):
        count = 0
        for name, content, label, task, left_out in tables():
            with self.subTest(name):
                count += 1
                (self.place / name).write_bytes(content if isinstance(content, bytes) else content.encode())
                data, said = self.follow(name)
                if label is not None:
                    self.assertEqual(data["table"]["labels"], [label], said)
                if task is not None:
                    self.assertEqual(data["task"], task, said)
                self.assertLessEqual(set(left_out), {one["column"] for one in data["table"]["left_out"]})
        self.assertGreaterEqual(count, 30)

    def test_tables_that_need_no_help_get_none(self):
        asked = {"utf16.csv", "either.csv", "ambiguous.csv", "all-text.csv", "weka.arff", "sparse.libsvm"}
        for name, content, *_ in tables():
            with self.subTest(name):
                (self.place / name).write_bytes(content if isinstance(content, bytes) else content.encode())
                code = subprocess.run([PROGRAM, "init", "-", "--data", name, "-q"], cwd=self.place, capture_output=True,
                                      check=False).returncode
                self.assertEqual(code, 2 if name in asked else 0)

    def test_the_right_label_of_an_ambiguous_table_is_among_those_proposed(self):
        name, content = next((name, content) for name, content, *_ in tables() if name == "ambiguous.csv")
        (self.place / name).write_text(content, encoding="utf-8")
        message = self.run_try([name]).stderr
        for candidate in ("town", "size", "age"):
            self.assertIn(f"--label={candidate}", message)

    @unittest.skipUnless(os.environ.get("RELUSCOPE_TABLES"), "RELUSCOPE_TABLES names no directory of tables")
    def test_tables_from_elsewhere(self):
        for file in sorted(pathlib.Path(os.environ["RELUSCOPE_TABLES"]).iterdir()):
            with self.subTest(file.name):
                (self.place / file.name).write_bytes(file.read_bytes())
        for file in sorted(self.place.iterdir()):
            if file.is_file() and file.name not in ("y.npy", "ids.npy"):
                with self.subTest(file.name):
                    self.follow(file.name)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
