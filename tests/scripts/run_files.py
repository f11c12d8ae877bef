"""The files of a run directory, once for the tests that go through all of them."""

# Rows that come while the run goes on, and what is there from its start.
ROWS = ["steps.csv", "layers.csv", "census.csv", "units.csv", "events.jsonl", "evaluation.csv", "histograms.csv"]
START = ["theory.csv", "features.csv", "sites.csv"]
# What the same spec, data and build make again, byte by byte; with the weights, where they are saved.
TRACES = [*ROWS, *START, "summary.json"]
RESULTS = [*TRACES, "weights.safetensors"]
