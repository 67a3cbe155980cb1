#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/bench/test_bench_codecs.py - `nanots-bench codecs`: what it reads, refuses and prints.

No figure of speed is judged. Peers that are not installed here are skipped; in most cases they are
hidden on purpose, which is also faster.
"""
import json
import math
import os
import random
import re
import struct
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("NANOTS_BUILD_DIR", ROOT / "build"))
BENCH = BUILD / "bin" / "nanots-bench"

CODECS = "hot packed memcpy zstd3 lz4 bytezstd3 gorilla pco0 pco4 pco8".split()
OURS = ("hot", "packed", "memcpy", "gorilla")  # need nothing that may be missing
FIGURES = ("bits_per_value", "encode_gbps", "decode_gbps")

SPECIALS = [0x7FF8000000000001, 0xFFF0000000000123, 0x7FF0000000000000, 0xFFF0000000000000,
            0x8000000000000000, 0, 1, 0x000FFFFFFFFFFFFF, 0x7FF4DEADBEEF0000, 0xFFFFFFFFFFFFFFFF]
EXTREMES = [-2**63, 2**63 - 1, 0, -1, 2**53 + 1]


def doubles(values):
    return struct.pack(f"<{len(values)}d", *values)


def integers(values):
    return struct.pack(f"<{len(values)}q", *values)


def is_sanitized():
    cache = (BUILD / "CMakeCache.txt").read_text()
    return re.search(r"^NANOTS_SANITIZE:\w+=(.+)$", cache, re.M) is not None


class CodecsCase(unittest.TestCase):
    """A folder of series, and the benchmark to run on it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def bench(self, *arguments, code=0, peers=False, **environment):
        """Returns both outputs; peers=True: those that are installed take part."""
        hidden = {} if peers else {"NANOTS_BENCH_DUCKDB": "/nowhere/duckdb.so",
                                   "NANOTS_BENCH_PYTHON": "/nowhere/python"}
        done = subprocess.run([BENCH, *map(str, arguments)], capture_output=True, text=True,
                              timeout=120, env={**os.environ, **hidden, **environment})
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout, done.stderr

    def codecs(self, *options, **how):
        return self.bench("codecs", self.folder, "--quick", *options, **how)

    def report(self, **how):
        """The JSON, its schema checked."""
        report = json.loads(self.codecs("--json", **how)[0], parse_constant=self.fail)
        for series in report["series"]:
            self.assertIsInstance(series["name"], str)
            self.assertIsInstance(series["count"], int)
            self.check_figures(series["codecs"], are_there=series["count"] > 0)
        self.check_figures(report["geomean"],
                           are_there=any(series["count"] for series in report["series"]))
        return report

    def check_figures(self, codecs, are_there):
        for key in CODECS:
            figures = [codecs[key][name] for name in FIGURES]
            if are_there and key in OURS or figures[0] is not None:
                for figure in figures:
                    self.assertIsInstance(figure, (int, float), key)
                    self.assertGreater(figure, 0, key)
            else:
                self.assertEqual(figures, [None] * len(FIGURES), key)
            if not are_there:
                self.assertEqual(figures, [None] * len(FIGURES), key)
            for counted in codecs[key]["instructions_per_value"].values():
                self.assertIsInstance(counted, (int, float, type(None)))

    def error(self, *options, **how):
        out, error = self.codecs(*options, code=1, **how)
        self.assertNotIn('"geomean"', out)
        return error

    def write_all(self):
        rng = random.Random(1)
        self.write("a.f64", doubles([round(20 + rng.gauss(0, 1), 1) for _ in range(3000)]))
        self.write("b.ts", integers(range(0, 1000 * 1000, 1000)))
        self.write("c.csv", "level\r\n1.5\r\nNA\r\n\r\n\"2.5\"\r\n-0\r\nnan\r\n1e300\r\n")
        self.write("empty.f64", b"")
        self.write("extremes.ts", integers(EXTREMES * 300))
        self.write("noise.f64", rng.randbytes(8 * 2049))
        self.write("one.f64", doubles([21.7]))
        self.write("specials.f64", struct.pack("<10Q", *SPECIALS) * 130)


class FiguresTest(CodecsCase):
    def test_every_series_and_codec_is_there(self):
        self.write_all()
        self.write("README.md", "not a series")
        report = self.report()
        self.assertEqual([(s["name"], s["count"]) for s in report["series"]],
                         [("a.f64", 3000), ("b.ts", 1000), ("c.csv", 6), ("empty.f64", 0),
                          ("extremes.ts", 1500), ("noise.f64", 2049), ("one.f64", 1),
                          ("specials.f64", 1300)])
        for series in report["series"]:
            self.assertEqual(list(series["codecs"]), CODECS)
        self.assertEqual(report["geomean"]["series_count"], 7)

    def test_sizes_that_are_known(self):
        self.write("equal.f64", doubles([1.0] * 3))
        self.write("steps.ts", integers(range(0, 1000 * 1000, 1000)))
        for series in self.report()["series"]:
            codecs, count = series["codecs"], series["count"]
            self.assertEqual(codecs["memcpy"]["bits_per_value"], 64)
            # Gorilla: 2 + 11 + 10 + 1 + 1 bits; 1 + 4 + 12 + 998 * 1 bits, to whole bytes
            size = {3: 4, 1000: 127}[count]
            self.assertAlmostEqual(codecs["gorilla"]["bits_per_value"], size * 8 / count, 6)
            self.assertLess(codecs["hot"]["bits_per_value"], 64)

    def test_vectors_that_a_segment_derives_cost_what_its_index_does(self):
        self.write("equal.f64", doubles([21.5] * 100000))
        self.write("falling.ts", integers(range(5000, 0, -1)))
        self.write("steps.ts", integers(range(0, 100000 * 1000, 1000)))
        bits = {series["name"]: series["codecs"]["packed"]["bits_per_value"] * series["count"]
                for series in self.report()["series"]}
        self.assertLess(bits["equal.f64"], 8 * 40)
        self.assertLess(bits["steps.ts"], 8 * 60)
        self.assertLess(bits["falling.ts"], 8 * 120)  # no series of time: five vectors of its own

    def test_more_rows_than_a_segment_has(self):
        rows = 2**20 + 1025
        self.write("walk.f64", doubles([i * i % 100 / 8 for i in range(rows)]))
        self.write("walk.ts", integers([1000 * i + i * i % 7 for i in range(rows)]))
        for series in self.report()["series"]:
            self.assertEqual(series["count"], rows)

    def test_geomean_is_that_of_the_series(self):
        self.write_all()
        report = self.report()
        for key in OURS:
            for name in FIGURES:
                values = [series["codecs"][key][name] for series in report["series"]
                          if series["count"]]
                mean = math.exp(sum(map(math.log, values)) / len(values))
                self.assertAlmostEqual(report["geomean"][key][name] / mean, 1, 6)

    def test_only_empty_series_have_no_means(self):
        self.write("empty.ts", b"")
        self.assertIsNone(self.report()["geomean"]["hot"]["bits_per_value"])

    def test_table_names_series_codecs_and_means(self):
        self.write_all()
        out = self.codecs()[0]
        self.assertIn("\na.f64, 3000 values\n", out)
        self.assertIn("\nGeometric means over 5 series of float64\n", out)
        self.assertIn("\nGeometric means over 7 series\n", out)
        self.assertRegex(out, r"(?m)^  memcpy +64\.000 +[0-9.]+ +[0-9.]+ ")
        self.assertNotIn("pcodec", out)

    def test_a_name_is_escaped(self):
        self.write('a"b\\\n.f64', doubles([1.0]))
        self.assertEqual(self.report()["series"][0]["name"], 'a"b\\\n.f64')


class ReadingTest(CodecsCase):
    def test_csv_holds_the_same_values_as_raw(self):
        values = [i / 8 for i in range(500)]
        self.write("a.f64", doubles(values))
        self.write("b.csv", "\ufeffx\n" + "".join(f"{value}\n" for value in values))
        raw, csv = self.report()["series"]
        self.assertEqual(csv["count"], raw["count"])
        for key in OURS:
            self.assertEqual(csv["codecs"][key]["bits_per_value"],
                             raw["codecs"][key]["bits_per_value"])

    def test_csv_of_two_columns_is_left_out_with_a_note(self):
        self.write("a.csv", "time,value\n1,2\n")
        self.write("b.csv", '"load, mean"\n1\n2')
        out, error = self.codecs("--json")
        self.assertEqual([s["name"] for s in json.loads(out)["series"]], ["b.csv"])
        self.assertIn("without", error)
        self.assertIn("a.csv: it has 2 columns, not one", error)

    def test_text_in_a_csv_is_named_with_its_line(self):
        self.write("a.csv", "x\n1\n\n12 apples\n")
        self.assertIn("a.csv, line 4: '12 apples' is not a number", self.error())

    def test_surplus_column_in_a_csv_is_named_with_its_line(self):
        self.write("a.csv", "1\n2,3\n")
        self.assertIn("a.csv, line 2: 2 columns, expected one", self.error())

    def test_number_beyond_float64_is_refused(self):
        self.write("a.csv", "1\n1e999\n")
        self.assertIn("a.csv, line 2: '1e999' is not a number", self.error())

    def test_half_a_value_is_refused(self):
        self.write("a.f64", bytes(12))
        self.assertIn("a.f64: 12 bytes, expected a multiple of 8", self.error())

    def test_folder_without_series_is_refused(self):
        self.assertIn("has no NAME.f64, NAME.ts or NAME.csv", self.error())

    def test_missing_folder_is_refused(self):
        error = self.bench("codecs", self.folder / "nowhere", code=1)[1]
        self.assertIn("cannot read the folder", error)

    def test_wrong_usage_is_refused(self):
        for arguments, text in ((["codecs"], "a folder is missing"),
                                (["codecs", self.folder, "more"], "not also 'more'"),
                                (["codecs", self.folder, "--plot", "a.png"], ".svg"),
                                (["size", "--plot", "a.svg"], "no picture")):
            self.assertIn(text, self.bench(*arguments, code=2)[1])


class PlotTest(CodecsCase):
    def test_picture_has_a_dot_for_each_codec_that_ran(self):
        self.write("a.f64", doubles([i % 100 / 10 for i in range(2000)]))
        path = self.folder / "picture.svg"
        report = json.loads(self.codecs("--json", "--plot", path)[0])
        root = xml.etree.ElementTree.parse(path).getroot()
        ran = [key for key, codec in report["geomean"].items()
               if key in CODECS and codec["bits_per_value"]]
        self.assertEqual(len(root.findall("{*}circle")), len(ran))
        shown = [text.text for text in root.findall("{*}text")]
        self.assertIn("NanoTS hot", shown)
        self.assertIn("memcpy", shown)

    def test_picture_that_cannot_be_written_is_an_error(self):
        self.write("a.f64", doubles([1.0]))
        error = self.bench("codecs", self.folder, "--quick", "--plot", "/nowhere/a.svg", code=1)[1]
        self.assertIn("cannot write /nowhere/a.svg", error)

    def test_nothing_measured_is_no_picture(self):
        self.write("a.f64", b"")
        error = self.bench("codecs", self.folder, "--plot", self.folder / "a.svg", code=1)[1]
        self.assertIn("nothing was measured", error)


class PeersTest(CodecsCase):
    def test_hidden_peers_are_null_and_noted(self):
        self.write("a.f64", doubles([1.5, 2.5]))
        out, error = self.codecs("--json")
        report = json.loads(out)
        for key in ("pco0", "pco4", "pco8"):
            self.assertIsNone(report["series"][0]["codecs"][key]["bits_per_value"])
        self.assertIsNone(report["series"][0]["duckdb_bits_per_value"])
        self.assertIn("without pcodec 8: not installed; run bench/setup_peers.sh", error)
        self.assertIn("without DuckDB:", error)

    def helper(self, *lines):
        """A program in the place of Python that speaks like the helper of pcodec."""
        path = self.write("helper", "#!/bin/sh\n" + "\n".join(lines) + "\n")
        path.chmod(0o755)
        return path

    def test_peer_that_loses_bits_fails_the_run(self):
        self.write("a.f64", doubles([1.5]))
        helper = self.helper("echo ready 0", "cat >/dev/null &", "echo error bits differ", "wait")
        error = self.codecs(code=1, NANOTS_BENCH_PYTHON=str(helper))[1]
        self.assertIn("pcodec 0, a.f64: error bits differ", error)

    def test_peer_that_dies_fails_the_run(self):
        self.write("a.f64", doubles([1.5]))
        error = self.codecs(code=1, NANOTS_BENCH_PYTHON=str(self.helper("echo ready 0")))[1]
        self.assertIn("pcodec 0, a.f64: it has died", error)

    @unittest.skipIf(is_sanitized(), "the peers' libraries are not built with a sanitizer")
    def test_installed_peers_give_every_bit_back(self):
        self.write_all()
        report = self.report(peers=True)
        for key in ("pco0", "pco4", "pco8"):
            is_missing = {series["codecs"][key]["bits_per_value"] is None
                          for series in report["series"] if series["count"]}
            self.assertEqual(len(is_missing), 1, key)
        if report["duckdb_bits_per_value"] is not None:
            self.assertGreater(report["series"][0]["duckdb_bits_per_value"], 0)
            self.assertIsNone(report["series"][3]["duckdb_bits_per_value"])


if __name__ == "__main__":
    unittest.main()
