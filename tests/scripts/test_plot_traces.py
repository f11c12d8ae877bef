#!/usr/bin/env python3
"""Tests of scripts/plot_traces.py and plot_traces.gp: what they read, what they refuse, and that pictures come out."""

import contextlib
import importlib.util
import io
import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

GNUPLOT = shutil.which("gnuplot")
SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "plot_traces.py"
sys.dont_write_bytecode = True
sys.path.insert(0, str(SCRIPT.parent))  # for plotting.py beside it
spec = importlib.util.spec_from_file_location("plot_traces", SCRIPT)
plot_traces = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plot_traces)

STEPS = "step,epoch,loss,accuracy,lr,grad_norm,grad_noise,param_norm,update_ratio,batch_dead_fraction\n"
LAYERS = ("step,epoch,layer,name,activation,units,batch_dead,batch_dead_fraction,zero_fraction,z_mean,z_std,a_mean,"
          "a_rms,a_max,grad_norm_w,grad_norm_b,grad_max,delta_rms,weight_norm,update_ratio,slope_mean\n")
CENSUS = "step,epoch,layer,name,units,dead,dead_fraction,saturated,dormant,born_dead,died,revived,effective_rank\n"


def layer_row(step, layer, dead="0.25", norm="0.5", activation="relu"):
    return (f"{step},0,{layer},dense_{layer},{activation},64,16,{dead},0.5,0,1,0.3,0.6,2,{norm},0.1,0.3,0.1,3,0.001,\n")


def layers_csv(steps=5, layers=3):
    rows = [layer_row(step, layer) for step in range(steps) for layer in range(1, layers + 1)]
    return LAYERS + "".join(rows)


def steps_csv(steps=5, loss=lambda step: 1.0 / (step + 1), accuracy="0.5"):
    return STEPS + "".join(f"{step},0,{loss(step)},{accuracy},0.1,0.7,,12,0.001,0.1\n" for step in range(steps))


def census_csv(censuses=4, layers=2):
    return CENSUS + "".join(f"{10 * census},{census},{layer},dense_{layer},8,{census},{census / 8},0,0,1,1,0,5.5\n"
                            for census in range(censuses) for layer in range(1, layers + 1))


EVALUATION = "step,epoch,train_loss,train_accuracy,test_loss,test_accuracy\n"


def evaluation_csv(epochs=4, accuracy="0.5"):
    return EVALUATION + "".join(f"{10 * epoch},{epoch},{1 / (epoch + 1)},{accuracy},{1.5 / (epoch + 1)},{accuracy}\n"
                                for epoch in range(epochs))


def joined_csv(text, runs):
    """As `reluscope export --to csv` joins tables: `runs` are (directory, seed, setting)."""
    head, *rows = text.splitlines()
    return f"run,seed,varied,{head}\n" + "".join(f"{','.join(run)},{row}\n" for run in runs for row in rows)


TABLES = {"steps": steps_csv, "evaluation": evaluation_csv, "layers": layers_csv, "census": census_csv}


def read(text):
    """The trace, and what was said on stderr."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        traces = plot_traces.read_traces(io.StringIO(text, newline=""))
    return traces[0], said.getvalue()


def run(*arguments, text=None, environment=None):
    return subprocess.run([sys.executable, "-B", str(SCRIPT), *map(str, arguments)], input=text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                          env={**os.environ, **(environment or {})}, check=False)


class Reading(unittest.TestCase):
    def test_the_columns_tell_which_trace_it_is(self):
        for kind, table in TABLES.items():
            self.assertEqual(read(table())[0].kind, kind)

    def test_other_tables_of_a_run_are_called_by_their_names(self):
        for table, columns in (("units.csv", "layer,name,unit,state,born_dead"), ("theory.csv", "layer,weight_variance"),
                               ("histograms.csv", "layer,name,unit,step,moment,low,high,count"),
                               ("features.csv", "feature,source,mean,std,min,max"),
                               ("sites.csv", "layer,name,kind,role,activation,mortal,units,positions,fan_in,inputs")):
            with self.assertRaisesRegex(plot_traces.NotDrawn, f"this is {table}.*name steps.csv"):
                read(columns + "\n")
        with self.assertRaisesRegex(plot_traces.NotDrawn, "this is events.jsonl"):
            read('{"step":45,"event":"died","layer":1}\n')

    def test_a_joined_table_has_a_trace_for_each_run(self):
        text = joined_csv(steps_csv(3), (("a", "7", "relu"), ("b", "7", "elu")))
        traces = plot_traces.read_traces(io.StringIO(text))
        self.assertEqual([(trace.run, trace.seed, trace.settings, trace.rows) for trace in traces],
                         [("a", "7", ("relu",), 3), ("b", "7", ("elu",), 3)])

    def test_rows_go_to_their_layer(self):
        trace, _ = read(LAYERS + layer_row(0, 2, dead="0.5") + layer_row(0, 1, dead="0.125"))
        self.assertEqual([layer.number for layer in trace.in_depth_order()], [1, 2])
        self.assertEqual(list(trace.layers[2].series("batch_dead_fraction").y), [0.5])
        self.assertEqual(trace.layers[1].label(), "1: dense_1 (relu)")

    def test_an_empty_cell_does_not_apply_and_is_no_point(self):
        trace, _ = read(STEPS + "0,0,1,,0.1,0.7,,12,0.001,\n")
        self.assertIsNone(trace.layers[0].series("accuracy"))
        self.assertEqual(len(trace.layers[0].series("loss").y), 1)

    def test_nan_and_infinities_are_measured_and_not_finite(self):
        trace, _ = read(LAYERS + layer_row(0, 1) + layer_row(1, 1, norm="nan") + layer_row(2, 1, norm="inf") +
                        layer_row(3, 1, norm="-inf"))
        norms = trace.layers[1].series("grad_norm_w")
        self.assertEqual(list(norms.not_finite), [1, 2, 3])
        self.assertEqual(norms.y[0], 0.5)
        self.assertTrue(all(math.isnan(value) for value in norms.y[1:]))

    def test_json_lines_say_the_same_as_csv(self):
        rows = [{"step": 0, "loss": 2.5, "accuracy": None, "grad_norm": None, "not_finite": {"grad_norm": "inf"}},
                {"step": 1, "loss": 1.5, "accuracy": None, "grad_norm": 0.5}]
        trace, _ = read("".join(json.dumps(row) + "\n" for row in rows))
        self.assertEqual(trace.kind, "steps")
        self.assertEqual(list(trace.layers[0].series("loss").y), [2.5, 1.5])
        self.assertIsNone(trace.layers[0].series("accuracy"))
        self.assertEqual(list(trace.layers[0].series("grad_norm").not_finite), [0])

    def test_byte_order_mark_crlf_quotes_and_column_order_do_not_matter(self):
        trace, _ = read('\ufeff"loss",step\r\n"0.5",3\r\n')
        self.assertEqual((list(trace.layers[0].series("loss").x), list(trace.layers[0].series("loss").y)), ([3], [0.5]))

    def test_a_quoted_name_may_hold_a_comma(self):
        trace, _ = read('step,layer,name,dead_fraction\n0,1,"first, wide",0.5\n')
        self.assertEqual(trace.layers[1].name, "first, wide")

    def test_a_last_row_that_was_cut_off_is_left_out_with_a_note(self):
        trace, said = read(steps_csv(3) + "3,0,0.2")
        self.assertEqual(trace.rows, 3)
        self.assertIn("left out", said)
        trace, said = read('{"step":0,"loss":1}\n{"step":1,"lo')
        self.assertEqual(trace.rows, 1)
        self.assertIn("left out", said)

    def test_a_header_that_comes_again_is_no_row(self):
        self.assertEqual(read(steps_csv(3) + STEPS + "3,1,0.1,0.5,0.1,0.7,,12,0.001,0.1\n")[0].rows, 4)

    def test_wrong_input_is_refused_with_the_place(self):
        for text, message in (
                ("", "empty"),
                ("\n \n", "empty"),
                (STEPS, "no rows"),
                ("a,b\n1,2\n", "Columns found: a, b"),
                (STEPS + "0,0,much,0.5,0.1,0.7,,12,0.001,0.1\n", "line 2, column loss"),
                (STEPS + ",0,1,0.5,0.1,0.7,,12,0.001,0.1\n", "line 2, column step"),
                (STEPS + "0,0,1\n1,0,1,0.5,0.1,0.7,,12,0.001,0.1\n", "line 2: 10 cells are needed, found 3"),
                (LAYERS + layer_row(0, "1.5"), "line 2, column layer"),
                (LAYERS + layer_row(0, "inf"), "line 2, column layer"),
                ('step,loss\n0,"1"2\n', "not CSV"),
                ('{"step": 0,\n', "not JSON"),
                ('{"step": 0, "loss": 1}\n[1]\n', "a JSON object"),
                ('{"step": 0, "loss": {"a": 1}}\n', "line 1, column loss"),
        ):
            with self.subTest(text=text), self.assertRaises(plot_traces.InputError) as refused:
                read(text)
            self.assertIn(message, str(refused.exception))


    def test_the_output_is_found_by_its_role_or_else_by_its_activation(self):
        def outputs(text):
            return [layer.number for layer in read(text)[0].in_depth_order() if layer.role == "output"]

        def rows(*activations):
            return LAYERS + "".join(layer_row(0, at + 1, activation=name) for at, name in enumerate(activations))

        self.assertEqual(outputs(rows("relu", "relu")), [])
        self.assertEqual(outputs(rows("sigmoid", "tanh")), [])
        for name in ("identity", "Softmax", "log_softmax", "sigmoid"):
            self.assertEqual(outputs(rows("relu", name)), [2])
        head = "step,layer,activation,batch_dead_fraction,grad_norm_w,role\n"
        self.assertEqual(outputs(head + "0,1,relu,0,1,output\n0,2,sigmoid,0,1,\n"), [1])
        self.assertEqual(outputs(head + "0,1,relu,0,1,\n0,2,sigmoid,0,1,hidden\n"), [])

    def test_a_hidden_layer_can_die_though_it_is_the_last(self):
        trace = read(LAYERS + layer_row(0, 1) + layer_row(0, 2, dead="1", activation="relu"))[0]
        self.assertTrue(plot_traces.can_die(trace.layers[2], "batch_dead_fraction"))
        trace = read(LAYERS + layer_row(0, 1) + layer_row(0, 2, activation="sigmoid"))[0]
        self.assertFalse(plot_traces.can_die(trace.layers[2], "batch_dead_fraction"))


class ThinningOut(unittest.TestCase):
    def test_few_points_stay_as_they_are(self):
        self.assertEqual(plot_traces.downsample([0, 1, 2], [5.0, math.nan, 7.0], 10)[0], [0, 1, 2])

    def test_spikes_both_ends_and_the_order_survive(self):
        y = [1.0] * 10000
        y[1234], y[7777] = 50.0, -50.0
        x, thinned = plot_traces.downsample(list(range(10000)), y, 100)
        self.assertLessEqual(len(x), 200)
        self.assertEqual((x[0], x[-1]), (0, 9999))
        self.assertEqual(x, sorted(set(x)))
        self.assertEqual((thinned[x.index(1234)], thinned[x.index(7777)]), (50.0, -50.0))

    def test_a_long_gap_stays_a_gap(self):
        y = [1.0] * 1000 + [math.nan] * 1000 + [1.0] * 1000
        x, thinned = plot_traces.downsample(list(range(3000)), y, 60)
        inside = [value for place, value in zip(x, thinned) if 1050 < place < 1950]
        self.assertTrue(inside and all(math.isnan(value) for value in inside))

    def test_marks_are_few_and_spread(self):
        marks = plot_traces.thin(list(range(100000)), 50)
        self.assertLessEqual(len(marks), 51)
        self.assertGreater(max(marks) - min(marks), 95000)

    def test_the_running_mean_keeps_gaps_and_is_geometric_for_a_log_axis(self):
        mean = plot_traces.running_mean([1.0, 3.0, math.nan, 3.0, 5.0], 3)
        self.assertEqual((mean[0], mean[1], mean[4]), (1.0, 2.0, 4.0))
        self.assertTrue(math.isnan(mean[2]))
        self.assertAlmostEqual(plot_traces.running_mean([1.0, 1.0, 100.0], 3, log=True)[2], 10.0)


class Naming(unittest.TestCase):
    def names(self, *files, kind="layers"):
        read = [(name, plot_traces.Trace(kind)) for name in files]
        plot_traces.name_runs(read)
        return [trace.label for _, trace in read]

    def test_runs_are_called_by_what_tells_their_paths_apart(self):
        self.assertEqual(self.names("runs/a/layers.csv", "runs/b/layers.csv"), ["a", "b"])
        self.assertEqual(self.names("/x/relu/1/t.csv", "/x/elu/1/t.csv"), ["relu", "elu"])
        self.assertEqual(self.names("/x/a/1/t.csv", "/x/b/2/t.csv"), ["a/1", "b/2"])
        self.assertEqual(self.names("/x/a/t.csv", "/x/a/b/t.csv"), ["a", "b"])
        self.assertEqual(self.names("/x/a/t.csv", "-")[1], "standard input")

    def test_files_in_one_directory_are_runs_where_it_has_a_table_twice(self):
        self.assertEqual(self.names("relu.csv", "elu.csv"), ["relu", "elu"])
        read = [("a/layers.csv", plot_traces.Trace("layers")), ("a/steps.csv", plot_traces.Trace("steps"))]
        plot_traces.name_runs(read)
        self.assertEqual(read[0][1].run, read[1][1].run)

    def joined(self, *runs):
        read = [("t.csv", plot_traces.Trace("steps", run, seed, settings)) for run, seed, settings in runs]
        plot_traces.name_runs(read)
        return [(trace.label, trace.group) for _, trace in read]

    def test_runs_of_a_joined_table_are_called_by_what_varies(self):
        self.assertEqual(self.joined(("k/1", "7", ("relu", "0.1")), ("k/2", "7", ("elu", "0.1"))),
                         [("relu, 0.1", "relu, 0.1"), ("elu, 0.1", "elu, 0.1")])
        self.assertEqual(self.joined(("k/1", "7", ()), ("k/2", "8", ())), [("seed 7", "seed 7"), ("seed 8", "seed 8")])
        self.assertEqual(self.joined(("k/1", "7", ()), ("k/2", "7", ())), [("1", "1"), ("2", "2")])

    def test_seeds_share_a_colour_and_come_in_order(self):
        self.assertEqual(self.joined(("1", "10", ("relu",)), ("2", "7", ("elu",)), ("3", "9", ("relu",))),
                         [("relu, seed 9", "relu"), ("relu, seed 10", "relu"), ("elu", "elu")])

    def test_more_runs_than_colours_differ_in_their_dashes(self):
        traces = [plot_traces.Trace("steps") for _ in range(36)]
        for place, trace in enumerate(traces):
            trace.group = str(place)
        plot_traces.color_runs(traces)
        self.assertEqual(len({(trace.color, trace.dash) for trace in traces}), 36)
        traces.append(plot_traces.Trace("steps"))
        with self.assertRaisesRegex(plot_traces.InputError, "37 runs: at most 36"):
            plot_traces.color_runs(traces)

    def test_names_out_of_files_are_no_formulas(self):
        self.assertEqual(plot_traces.plain("a$b$\n c"), r"a\$b\$ c")
        self.assertEqual(plot_traces.plain("_x"), " _x")
        self.assertEqual(plot_traces.plain("a" * 20 + "b" * 20, 10), "aaaa…bbbbb")


class OverLayers(unittest.TestCase):
    def test_dead_units_are_weighed_by_the_layers_sizes_and_norms_add_up_as_squares(self):
        layers = [plot_traces.Layer(1), plot_traces.Layer(2)]
        layers[0].units, layers[1].units = 30.0, 10.0
        for layer, value in zip(layers, (3.0, 4.0)):
            layer.columns["y"] = plot_traces.Series()
            layer.columns["y"].add(5, value)
        for of, result in (("units", 3.25), ("norm", 5.0), ("sum", 7.0)):
            whole = plot_traces.over_layers(layers, "y", of)
            self.assertEqual((list(whole.x), list(whole.y)), ([5], [result]))
        self.assertIsNone(plot_traces.over_layers(layers, "none", "sum"))


class Drawing(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def draw(self, text, *options, name="picture.png"):
        """In this process, which has read matplotlib already; CommandLine starts the script."""
        out = self.directory / name
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), \
                unittest.mock.patch.object(sys, "argv", [str(SCRIPT), "-", "-o", str(out), *options]), \
                unittest.mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()))):
            self.assertEqual((plot_traces.main(), said.getvalue()), (0, ""))
        self.assertEqual(sorted(path.name for path in self.directory.iterdir()), [name])
        return out.read_bytes()

    def test_the_ending_chooses_the_format(self):
        for name, start in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.PDF", b"%PDF")):
            with self.subTest(name=name):
                self.assertTrue(self.draw(layers_csv(), name=name).startswith(start))
                (self.directory / name).unlink()

    def test_every_trace_is_drawn_with_its_axes_named(self):
        for text, words in ((layers_csv(), ("Units dead on the batch", "Gradient norm of the weights", "1: dense_1")),
                            (census_csv(), ("Units dead on the whole training set", "born dead", "units (count)")),
                            (steps_csv(), ("Loss of the batch", "Accuracy", "Gradient norm, all parameters"))):
            picture = self.draw(text, "--title", "a <title>", name="picture.svg").decode()
            for word in (*words, "step (updates made)", "a &lt;title&gt;"):
                self.assertIn(word, picture)

    def test_units_dead_in_the_file_of_the_weights_are_not_called_born(self):
        text = "step,layer,dead_fraction,born_dead,inherited\n0,1,0.5,0,4\n9,1,0.5,0,4\n"
        picture = self.draw(text, name="picture.svg").decode()
        self.assertIn("dead in the file of its weights", picture)
        self.assertNotIn("born dead", picture)

    def test_columns_in_which_nothing_stands_are_drawn_as_nothing(self):
        for text in (LAYERS + layer_row(0, 1, dead="", norm="") + layer_row(1, 1, dead="", norm=""),
                     "step,layer,dead_fraction,died\n0,1,,\n1,1,,\n"):
            self.assertIn("no layer here has units that can die", self.draw(text, name="picture.svg").decode())

    def test_the_same_trace_gives_the_same_bytes(self):
        for name in ("a.svg", "a.pdf", "a.png"):
            self.assertEqual(self.draw(census_csv(), name=name), self.draw(census_csv(), name=name))
            (self.directory / name).unlink()

    def test_an_output_layer_without_dead_cells_has_gradients_only(self):
        text = LAYERS + "".join(layer_row(step, 1) + layer_row(step, 2, dead="", activation="identity")
                                for step in range(4))
        self.assertIn("2: dense_2 (identity)", self.draw(text, name="a.svg").decode())

    def test_without_hidden_layers_the_panel_says_so(self):
        text = LAYERS + "".join(layer_row(step, 1, dead="", activation="identity") for step in range(4))
        self.assertIn("no layer here has units that can die", self.draw(text, name="a.svg").decode())

    def test_zeros_and_what_is_not_finite_are_marked(self):
        text = LAYERS + layer_row(0, 1) + layer_row(1, 1, norm="0") + layer_row(2, 1, norm="nan") + layer_row(3, 1)
        picture = self.draw(text, name="a.svg").decode()
        self.assertIn("exactly 0", picture)
        self.assertIn("not finite (nan, inf)", picture)
        self.assertNotIn("exactly 0", self.draw(layers_csv(), name="a.svg").decode())

    def test_extreme_traces_are_drawn(self):
        for name, text in {
                "one row": layers_csv(1, 1),
                "all gradients zero": LAYERS + "".join(layer_row(step, 1, norm="0") for step in range(3)),
                "nothing finite": STEPS + "0,0,nan,nan,0.1,inf,,nan,nan,nan\n1,0,nan,nan,0.1,inf,,nan,nan,nan\n",
                "tiny and huge": LAYERS + layer_row(0, 1, norm="5e-324") + layer_row(1, 1, norm="1.7e308"),
                "negative loss": steps_csv(300, loss=lambda step: -step),
                "regression": steps_csv(accuracy=""),
                "thirty layers": layers_csv(3, 30),
                "one census": census_csv(1, 1),
                "many censuses": census_csv(500, 2).replace(",8,", ",800,"),
        }.items():
            with self.subTest(name):
                self.draw(text)

    def test_a_long_trace_makes_a_small_picture(self):
        self.assertLess(len(self.draw(steps_csv(50000), name="a.svg")), 600_000)


class SeveralFiles(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def put(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def runs(self, *names, tables=("layers",), **options):
        return [self.put(f"runs/{name}/{table}.csv", TABLES[table](**options)) for name in names for table in tables]

    def main(self, files, *options, name="a.svg"):
        """Exit code, what was said, and the picture, if there is one."""
        out = self.directory / name
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), \
                unittest.mock.patch.object(sys, "argv", [str(SCRIPT), *map(str, files), "-o", str(out), *options]):
            code = plot_traces.main()
        return code, said.getvalue(), out.read_bytes() if out.exists() else b""

    def drawn(self, files, *options, name="a.svg", said=""):
        code, words, picture = self.main(files, *options, name=name)
        self.assertEqual((code, words), (0, said))
        return picture.decode() if name.endswith(".svg") else picture

    def shows(self, picture, *words):
        self.assertEqual([word for word in words if word not in picture], [])  # a picture in a message is of no use

    def figure(self, files):
        """Laid out, and not drawn yet."""
        read = plot_traces.read_all([str(file) for file in files])
        plot_traces.name_runs(read)
        traces = [trace for _, trace in read]
        plot_traces.color_runs(traces)
        pyplot = plot_traces.import_pyplot("")
        figure = plot_traces.make_figure(plot_traces.Picture(traces), "", None)
        self.addCleanup(pyplot.close, figure)
        return figure

    def test_layers_and_censuses_of_two_runs_stand_beside_each_other_and_are_named(self):
        for table, words in (("layers", "units dead on the batch (%)"), ("census", "whole training set (%)")):
            picture = self.drawn(self.runs("first", "second", tables=(table,)))
            for word in ("first", "second", words):
                self.assertEqual(picture.count(f">{word}<"), 1, word)

    def test_two_runs_have_the_same_axes(self):
        files = [self.put("runs/a/layers.csv", layers_csv()),
                 self.put("runs/b/layers.csv", LAYERS + layer_row(0, 1, "1", "1e-9") + layer_row(9, 1, "0", "1e3"))]
        figure = self.figure(files)
        upper, lower = figure.axes[:2], figure.axes[2:]
        for one, other in (upper, lower):
            self.assertEqual((one.get_xlim(), one.get_ylim()), (other.get_xlim(), other.get_ylim()))
        self.assertEqual(lower[0].get_yscale(), "log")

    def test_steps_and_evaluations_of_runs_are_lines_over_each_other_with_a_key(self):
        for table, words in (("steps", "Loss of the batch"), ("evaluation", "Loss, in evaluation mode")):
            picture = self.drawn(self.runs("first", "second", tables=(table,)))
            for word in ("first", "second", words):
                self.assertEqual(picture.count(f">{word}<"), 1, word)
            for color in plot_traces.COLORS[:2]:
                self.shows(picture, f"stroke: {color}")

    def test_an_evaluation_has_both_parts_in_one_panel_and_of_many_runs_a_panel_each(self):
        picture = self.drawn(self.runs("a", tables=("evaluation",)))
        for word in ("Loss, in evaluation mode", "Accuracy, in evaluation mode", "training set", "test set"):
            self.shows(picture, f">{word}<")
        self.assertNotIn("Accuracy", self.drawn(self.runs("a", tables=("evaluation",), accuracy="")))
        picture = self.drawn(self.runs(*"abcde", tables=("evaluation",)))
        for word in ("Loss, training set", "Loss, test set", "Accuracy, training set", "Accuracy, test set"):
            self.shows(picture, f">{word}<")

    def test_a_regression_without_a_test_part_has_one_line(self):
        text = EVALUATION + "0,0,2,,,\n10,1,1,,,\n"
        picture = self.drawn([self.put("evaluation.csv", text)])
        self.shows(picture, "training set")
        self.assertNotIn("test set", picture)

    def test_all_tables_of_a_run_are_in_one_picture_and_what_cannot_be_drawn_is_left_out(self):
        files = self.runs("a", tables=TABLES) + [self.put("runs/a/units.csv", "layer,name,unit,state\n1,d,0,dead\n"),
                                                 self.put("runs/a/theory.csv", "layer,weight_variance\n1,2\n")]
        said = "plot_traces.py: left out, as no panel shows them: units.csv, theory.csv\n"
        picture = self.drawn(files, "--title", "all of it", said=said)
        for word in ("Loss of the batch", "Loss, in evaluation mode", "Gradient norm of the weights",
                     "Units dead on the whole training set", "all of it"):
            self.assertEqual(picture.count(f">{word}<"), 1, word)

    def test_a_layer_has_one_colour_in_all_tables(self):
        rows = "".join(layer_row(step, layer, activation="relu" if layer < 3 else "identity")
                       for step in range(3) for layer in (1, 2, 3))
        tables = [plot_traces.read_traces(io.StringIO(text))[0] for text in (LAYERS + rows, census_csv())]
        self.assertEqual(len(plot_traces.layer_palette(tables)), 3)
        self.assertNotEqual(plot_traces.layer_palette(tables)[2], plot_traces.layer_palette(tables[1:])[2])

    def test_all_tables_of_several_runs_are_drawn(self):
        picture = self.drawn(self.runs("one", "two", tables=TABLES))
        self.assertEqual(picture.count(">two<"), 3)  # in the key, above the layers, above the census
        picture = self.drawn(self.runs("one", "two", "three", "four", tables=TABLES))
        self.assertEqual(picture.count(">two<"), 1)
        self.shows(picture, "Units dead on the batch, all layers")

    def test_a_trace_without_rows_is_left_out_beside_others(self):
        files = self.runs("a") + [self.put("runs/a/steps.csv", STEPS)]
        code, said, _ = self.main(files)
        self.assertEqual((code, said.count("\n")), (0, 1))
        self.assertIn("steps.csv: the trace has a header and no rows yet: left out", said)

    def test_layers_that_differ_between_runs_are_called_by_what_they_share(self):
        files = [self.put(f"runs/{name}/layers.csv", LAYERS + layer_row(0, 1, activation=name) + layer_row(1, 1))
                 for name in ("relu", "elu")]
        picture = self.drawn(files)
        self.shows(picture, ">1: dense_1<")

    def test_names_of_layers_and_runs_are_shown_as_they_are(self):
        text = layers_csv(3, 1).replace("dense_1", "$x^2$ & `date`")
        picture = self.drawn([self.put("runs/$a$/layers.csv", text), self.put("runs/_b/layers.csv", text)])
        for word in ("1: $x^2$ &amp; `date` (relu)", "$a$", " _b"):
            self.shows(picture, f">{word}<")

    def test_many_runs_and_layers_stay_within_a_screen(self):
        names = [f"a_long_name_of_a_run_{place}" for place in range(36)]
        for files in (self.runs(*"abcdefgh", steps=2, layers=100), self.runs(*"abcdefgh", tables=TABLES),
                      self.runs(*names, tables=("steps",)), self.runs(*names, tables=TABLES)):
            width, height = self.figure(files).get_size_inches() * 150
            self.assertTrue(width <= 2700 and height <= 1600, (width, height))
        self.drawn(self.runs(*"abcde", steps=2, layers=100), name="a.png")
        self.drawn(self.runs("a"), name="a.png")
        self.assertEqual(struct.unpack(">II", (self.directory / "a.png").read_bytes()[16:24]), (1500, 975))

    def test_many_runs_of_layers_and_censuses_are_lines(self):
        for table, words in (("layers", "Gradient norm of the weights, all layers"),
                             ("census", "Deaths since the start")):
            picture = self.drawn(self.runs(*"abcdefghij", tables=(table,)))
            self.shows(picture, words)
            self.shows(picture, ">j<")

    def test_joined_tables_are_drawn_with_a_colour_for_each_setting(self):
        runs = [(f"kept/{place}", str(place // 2), "relu" if place % 2 else "elu") for place in range(10)]
        for table in (steps_csv, census_csv):
            picture = self.drawn([self.put("joined.csv", joined_csv(table(), runs))])
            self.shows(picture, ">relu (5 seeds)<", ">elu (5 seeds)<")
        picture = self.drawn([self.put("joined.csv", joined_csv(layers_csv(), runs[:2]))])
        self.assertEqual((picture.count(">relu<"), picture.count(">elu<")), (1, 1))

    def test_what_cannot_be_in_one_picture_is_refused_in_a_line(self):
        one, two = self.runs("a", "b")
        joined = self.put("joined.csv", joined_csv(layers_csv(), (("a", "1", "relu"),)))
        units = self.put("runs/a/units.csv", "layer,name,unit,state\n1,d,0,dead\n")
        for files, message in (([one, one], "is named twice"),
                               ([one, joined], "is a joined table of several runs"),
                               ([joined, self.put("j/joined.csv", joined.read_text())], "in another file as well"),
                               ([units], "this is units.csv"),
                               ([one, self.put("x.csv", "a,b\n1,2\n")], "x.csv: this is not a trace"),
                               ([one, self.directory / "none.csv"], "cannot read")):
            code, said, picture = self.main(files)
            self.assertEqual((code, said.count("\n"), picture), (2, 1, b""))
            self.assertIn(message, said)
        code, said, _ = self.main([units, self.put("runs/a/theory.csv", "layer,weight_variance\n1,2\n")])
        self.assertEqual(code, 2)
        self.assertIn("none of these files can be drawn", said)


@unittest.skipUnless(GNUPLOT, "gnuplot is missing")
class Gnuplot(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def put(self, text, name="layers.csv"):
        (self.directory / name).write_text(text, encoding="utf-8")
        return name

    def gnuplot(self, *arguments, text=""):
        return subprocess.run([GNUPLOT, "-c", str(SCRIPT.with_suffix(".gp")), *arguments], input=text,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", cwd=self.directory,
                              check=False)

    def drawn(self, *arguments, text=""):
        done = self.gnuplot(*arguments, text=text)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        return (self.directory / arguments[1]).read_bytes()

    def refused(self, *arguments, text="", message, code=2):
        done = self.gnuplot(*arguments, text=text)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (code, 1), done.stderr)
        self.assertTrue(done.stderr.startswith("plot_traces.gp: "), done.stderr)
        self.assertIn(message, done.stderr)
        self.assertEqual([path for path in self.directory.iterdir() if path.suffix in (".png", ".svg")], [])

    def test_a_file_and_a_pipe_give_the_same_picture_with_titles(self):
        table = self.put(layers_csv())
        picture = self.drawn(table, "a.svg").decode()
        for word in ("Units dead on the batch", "Gradient norm of the weights", "1: dense_1 (relu)"):
            self.assertIn(word, picture)
        self.assertEqual(picture, self.drawn("-", "b.svg", text=layers_csv()).decode())
        self.assertTrue(self.drawn(table, "a.png").startswith(b"\x89PNG"))

    def test_names_are_text_to_gnuplot_and_to_the_shell(self):
        text = layers_csv().replace("dense_1", "`touch a` {/Bold x}").replace("dense_2", "a_2^3")
        table = self.put(text, "we'ird `touch b` $(touch c).csv")
        picture = self.drawn(table, "|touch d.svg").decode()
        for word in ("1: `touch a` {/Bold x} (relu)", "2: a_2^3 (relu)"):
            self.assertIn(word, picture)
        self.put(layers_csv(), "<touch e")
        self.drawn("<touch e", "a.png")
        self.assertEqual(len(list(self.directory.iterdir())), 4)

    def test_extreme_traces_are_drawn(self):
        for text in (layers_csv(5, 40),
                     LAYERS + "".join(layer_row(step, 1, norm="0") for step in range(4)),
                     LAYERS + layer_row(0, 1) + layer_row(1, 1, dead="nan", norm="inf") + layer_row(2, 1, norm="0.1"),
                     LAYERS + "".join(layer_row(step, 1, activation="identity") for step in range(4)),
                     "step,layer,grad_norm_w\n0,1,0.5\n1,1,0.25\n"):
            self.drawn("-", "a.png", text=text)

    def test_panels_without_anything_to_show_say_so(self):
        text = LAYERS + "".join(layer_row(step, 1, norm="0", activation="identity") for step in range(4))
        picture = self.drawn("-", "a.svg", text=text).decode()
        self.assertIn("no layer here has units that can die", picture)
        self.assertIn("every gradient is exactly 0", picture)

    def test_what_it_cannot_draw_is_refused_in_words(self):
        for text, message in (
                ("", "is empty"), (LAYERS, "no rows of layers yet"),
                (census_csv(), "is census.csv"), (steps_csv(), "is steps.csv"), (evaluation_csv(), "is evaluation.csv"),
                ("layer,name,unit,state\n1,d,0,dead\n", "is units.csv: this draws layers.csv (step, layer, grad_norm_w)"),
                ("layer,name,unit,step,moment,low,high,count\n", "is histograms.csv"),
                ('{"step":45,"event":"died"}\n', "is JSON"),
                ("a,b\n1,2\n", "has the columns a b"),
                (joined_csv(layers_csv(), (("a", "1", "relu"),)), "several runs in it: scripts/plot_traces.py draws")):
            self.refused("-", "a.png", text=text, message=message)
        self.refused(self.put("", "empty.csv"), "a.png", message="'empty.csv' is empty")

    def test_bad_usage_is_refused_in_words(self):
        table = self.put(layers_csv())
        self.refused(table, message="usage: gnuplot -c")
        self.refused("none.csv", "a.png", message="there is no file 'none.csv'")
        self.refused(".", "a.png", message="is a directory")
        for name in ("a.gif", "png", ".png"):
            self.refused(table, name, message="has to end in .svg, .png or .pdf")
        self.refused(table, "none/a.png", code=1, message="cannot write 'none/a.png'")


class CommandLine(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def refused(self, *arguments, text="", code=2, message=""):
        done = run(*arguments, text=text)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(message, done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_a_file_and_standard_input_give_the_same_picture(self):
        trace = self.directory / "layers.csv"
        trace.write_text(layers_csv(), encoding="utf-8")
        pictures = [self.directory / "a.png", self.directory / "b.png"]
        self.assertEqual(run(trace, "-o", pictures[0]).returncode, 0)
        self.assertEqual(run("-o", pictures[1], text=layers_csv()).returncode, 0)
        self.assertEqual(pictures[0].read_bytes(), pictures[1].read_bytes())

    def test_bad_usage_and_input_are_refused_with_exit_code_2(self):
        out = self.directory / "a.png"
        self.refused("-o", "a.gif", text=layers_csv(), message=".png, .svg, .pdf")
        self.refused("-o", out, "--size", "10", text=layers_csv(), message="like 10x6.5")
        self.refused("-o", out, "--dpi", "0", text=layers_csv(), message="from 20 to 1200")
        self.refused("-o", out, text="", message="the input is empty")
        self.refused("-o", out, text="a,b\n1,2\n", message="not a trace")
        self.refused(self.directory / "none.csv", "-o", out, message="cannot read")
        self.refused(self.directory, "-o", out, message="is a directory")
        self.assertFalse(out.exists())

    def test_bytes_that_are_no_text_are_refused(self):
        noise = self.directory / "noise.bin"
        noise.write_bytes(bytes(range(256)) * 20)
        self.refused(noise, "-o", self.directory / "a.png")

    def test_a_picture_that_cannot_be_written_is_a_failure(self):
        self.refused("-o", self.directory / "none" / "a.png", text=layers_csv(), code=1, message="cannot write")


if __name__ == "__main__":
    unittest.main()
