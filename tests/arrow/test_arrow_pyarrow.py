# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/arrow/test_arrow_pyarrow.py - pyarrow and the library hand each other rows of all types.

What pyarrow says of an array (validate(full=True), equality of values, nulls and schema) decides.
Random rows come from a seed that is printed: SEED=<n> repeats a run.
"""
import ctypes
import datetime
import gc
import os
import random
import struct
import threading
import time
import unittest

from arrow_case import ArrowCase, Query

import pyarrow as pa

SEED = int(os.environ.get("SEED", time.time()))
INVALID, NOT_FOUND, TYPE_MISMATCH = 1, 2, 17
FROM, TO, REVERSE = 1, 2, 4

OWN = {"f64": pa.float64(), "f32": pa.float32(), "i64": pa.int64(), "i32": pa.int32(),
       "bool": pa.bool_(), "utf8": pa.string()}
STEP_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
COLUMNS = [(f"{kind}{'_null' * nullable}", kind, nullable)
           for nullable in (0, 1) for kind in OWN]
TEXTS = ["", "a", "Stra\u00dfe", "\u6e29\u5ea6", "\U0001f321", "zero\0inside", "long " * 40]


def random_bits(bits: int):
    """Any pattern, odd ones more often than not."""
    return random.choice([0, 1, 2**bits - 1, 2**(bits - 1), 2**(bits - 1) - 1,
                          random.getrandbits(bits), random.getrandbits(bits)])


def random_value(kind: str):
    if kind == "f64":
        return random.choice([struct.unpack("<d", struct.pack("<Q", random_bits(64)))[0],
                              round(random.uniform(-1e6, 1e6), 3), 0.1 * random.randrange(100)])
    if kind == "f32":
        return struct.unpack("<f", struct.pack("<I", random_bits(32)))[0]
    if kind in ("i64", "i32"):
        bits = int(kind[1:])
        return random_bits(bits) - 2**(bits - 1)
    return random.random() < 0.5 if kind == "bool" else random.choice(TEXTS)


def random_array(kind: str, nullable: bool, count: int, data_type=None) -> pa.Array:
    values = [None if nullable and random.random() < 0.2 else random_value(kind)
              for _ in range(count)]
    return pa.array(values, data_type or OWN[kind])


def field_of(name: str, data_type, nullable: bool) -> pa.Field:
    return pa.field(name, data_type, nullable=bool(nullable))


def times(count: int, unit: str = "ms") -> pa.Array:
    return pa.array(range(10**6, 10**6 + count), pa.timestamp(unit, "UTC"))


def batch_of(time: pa.Array, name: str, *columns) -> pa.RecordBatch:
    """Columns are (name, array, nullable)."""
    fields = [field_of(name, time.type, False)]
    fields += [field_of(column, array.type, nullable) for column, array, nullable in columns]
    return pa.RecordBatch.from_arrays([time] + [array for _, array, _ in columns],
                                      schema=pa.schema(fields))


def random_batch(count: int, unit: str = "ms") -> pa.RecordBatch:
    columns = [(name, random_array(kind, nullable, count), nullable)
               for name, kind, nullable in COLUMNS]
    return batch_of(times(count, unit), f"ts_{unit}", *columns)


class RoundTrip(ArrowCase):
    def setUp(self):
        super().setUp()
        print(f"# SEED={SEED}")
        random.seed(f"{SEED} {self.id()}")

    def expect(self, result, wanted: pa.RecordBatch, unit: str = "ms"):
        """Same schema, same rows, bit for bit."""
        self.assertEqual(result.schema, wanted.schema)
        self.assertEqual(result.num_rows, wanted.num_rows)
        for name in wanted.schema.names:
            got, want = result.column(name), wanted.column(name)
            if isinstance(got, pa.ChunkedArray):
                got = got.combine_chunks()
            if pa.types.is_floating(want.type):
                bits = pa.int64() if want.type == pa.float64() else pa.int32()
                self.assertTrue(got.is_valid().equals(want.is_valid()), name)
                self.assertTrue(got.view(bits).fill_null(0).equals(want.view(bits).fill_null(0)),
                                name)
            else:
                self.assertTrue(got.equals(want), name)

    def test_all_types_come_back_bit_for_bit(self):
        for count in (1, 7, 1000, 1024, 5000, 40000):
            wanted = random_batch(count)
            table = f"t{count}"
            self.db.append(table, wanted, create=True)
            self.expect(self.db.query(table), wanted)
            self.expect(self.db.query_whole(table), wanted)
            self.db.flush()
            self.expect(self.db.query(table), wanted)
            self.expect(self.db.query_whole(table), wanted)

    def test_bulk_comes_back(self):
        wanted = random_batch(200000)
        seq = self.db.append("t", wanted, create=True)
        self.assertEqual(seq, 200000)
        self.expect(self.db.query("t"), wanted)
        self.expect(self.db.query_whole("t"), wanted)

    def test_slices_of_struct_and_children(self):
        whole = random_batch(3000)
        self.db.append("t", whole.slice(0, 0), create=True)
        at = 0
        while at < 3000:
            count = random.randrange(1, 200)
            # The slice of a batch has offsets in its children, that of a struct in itself.
            piece = whole.slice(at, count)
            if random.random() < 0.5:
                inner = pa.StructArray.from_arrays(whole.columns, fields=list(whole.schema))
                piece = OffsetStruct(inner.slice(at, count))
            self.db.append("t", piece)
            at += count
        self.expect(self.db.query("t"), whole)

    def test_bulk_slices(self):
        whole = random_batch(150000)
        for at, end in ((0, 1), (1, 70001), (70001, 150000)):
            self.db.append("t", whole.slice(at, end - at), create=True)
        self.expect(self.db.query("t"), whole)

    def test_units(self):
        for unit in STEP_NS:
            wanted = random_batch(100, unit)
            self.db.append(unit, wanted, create=True)
            self.expect(self.db.query(unit), wanted, unit)
            as_int64 = self.db.query(unit, int64=True)
            self.assertEqual(as_int64.schema.field(0), field_of(f"ts_{unit}", pa.int64(), False))
            self.assertEqual(as_int64.column(0).to_pylist(),
                             wanted.column(0).cast(pa.int64()).to_pylist())

    def test_units_are_converted_exactly(self):
        values = pa.array([1.5], pa.float64())
        for given in STEP_NS:
            for own in STEP_NS:
                table = f"{given}_{own}"
                self.db.create(table, [("v", "f64", False)], own)
                ratio = STEP_NS[given] / STEP_NS[own]
                steps = -7 if ratio >= 1 else -7 * round(1 / ratio)
                time_of = pa.array([steps], pa.timestamp(given, "Europe/Berlin"))
                self.db.append(table, batch_of(time_of, "time", ("v", values, False)))
                got = self.db.query(table, int64=True).column(0).to_pylist()
                self.assertEqual(got, [steps * STEP_NS[given] // STEP_NS[own]])
                if ratio < 1:
                    time_of = pa.array([0, steps + 1], pa.timestamp(given))
                    two = pa.array([1.5, 2.5])
                    self.fails(INVALID, "row 1", self.db.append, table,
                               batch_of(time_of, "time", ("v", two, False)))
                elif ratio > 1:
                    time_of = pa.array([2**62], pa.timestamp(given))
                    self.fails(INVALID, "row 0", self.db.append, table,
                               batch_of(time_of, "time", ("v", values, False)))

    def test_dates(self):
        days = pa.array([datetime.date(2024, 5, 1), datetime.date(1969, 12, 31)], pa.date32())
        values = ("v", pa.array([1.0, 2.0]), False)
        for unit, step in STEP_NS.items():
            self.db.create(unit, [("v", "f64", False)], unit)
            for kind in (pa.date32(), pa.date64()):
                self.db.append(unit, batch_of(days.cast(kind), "time", values))
            day = 86400 * 10**9 // step
            self.assertEqual(self.db.query(unit, int64=True).column(0).to_pylist(),
                             [-day, -day, 19844 * day, 19844 * day])

    def test_int64_times_by_name(self):
        self.db.create("t", [("v", "f64", False)], "ms")
        value = ("v", pa.array([1.0]), False)
        for name, number in (("ts", 1000), ("ts_ms", 1000), ("ts_s", 1), ("ts_us", 10**6),
                             ("ts_ns", 10**9), ("time", 1000), ("timestamp", 1000)):
            self.db.append("t", batch_of(pa.array([number]), name, value))
        self.db.append("t", batch_of(pa.array([1000]), "when", value), time_column="when")
        self.assertEqual(self.db.query("t", int64=True).column(0).to_pylist(), [1000] * 8)
        self.fails(INVALID, "no time column", self.db.append, "t",
                   batch_of(pa.array([1]), "when", value))

    def test_a_value_column_named_time_is_no_time(self):
        self.db.create("t", [("time", "f64", False)])
        self.db.append("t", batch_of(pa.array([5]), "ts", ("time", pa.array([1.5]), False)))
        self.assertEqual(self.db.query("t", int64=True).to_pylist(), [{"ts_ms": 5, "time": 1.5}])
        self.fails(INVALID, "no time column", self.db.append, "t",
                   batch_of(pa.array([5]), "time"))

    def test_columns_in_any_order_and_absent_ones(self):
        self.db.create("t", COLUMNS)
        wanted = random_batch(50)
        names = wanted.schema.names
        random.shuffle(names)
        names = [n for n in names if n != "i32_null"]
        self.db.append("t", wanted.select(names))
        result = self.db.query("t")
        self.assertEqual(result.column("i32_null").null_count, 50)
        self.expect(result.select(names), wanted.select(names))
        self.fails(INVALID, "'utf8'", self.db.append, "t",
                   wanted.select([n for n in names if n != "utf8"]))

    def test_widening(self):
        takes = {"i32": [pa.int8(), pa.uint8(), pa.int16(), pa.uint16()],
                 "i64": [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32()]}
        for kind, types in takes.items():
            for data_type in types:
                bits = data_type.bit_width
                least = 0 if str(data_type)[0] == "u" else -2**(bits - 1)
                values = [least, least + 2**bits - 1, None, 0, 1] * 60
                array = pa.array(values, data_type)
                table = f"{kind}_{data_type}"
                self.db.create(table, [("v", kind, True)])
                self.db.append(table, batch_of(times(300), "ts", ("v", array, True)).slice(1, 290))
                self.assertEqual(self.db.query(table).column("v").to_pylist(), values[1:291])
        floats = [random_value("f32") for _ in range(300)] + [None]
        self.db.create("f", [("v", "f64", True)])
        self.db.append("f", batch_of(times(301), "ts", ("v", pa.array(floats, pa.float32()), True)))
        wanted = pa.array(floats, pa.float32()).cast(pa.float64())
        got = self.db.query("f").column("v").combine_chunks()
        self.assertEqual([str(v) for v in got.to_pylist()], [str(v) for v in wanted.to_pylist()])

    def test_strings_of_every_kind(self):
        values = [None if random.random() < 0.2 else random.choice(TEXTS) for _ in range(500)]
        kinds = [pa.string(), pa.large_string(), pa.string_view()]
        kinds += [pa.dictionary(index, pa.string()) for index in
                  (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(),
                   pa.int64(), pa.uint64())]
        kinds += [pa.dictionary(pa.int32(), pa.large_string())]
        for number, data_type in enumerate(kinds):
            array = pa.array(values, pa.string()).cast(data_type)
            batch = batch_of(times(500), "ts", ("v", array, True))
            for table, piece in ((f"t{number}", batch), (f"s{number}", batch.slice(77, 301))):
                self.db.append(table, piece, create=True)
                got = self.db.query(table)
                self.assertEqual(got.schema.field("v").type, pa.string())
                self.assertEqual(got.column("v").to_pylist(), piece.column("v").to_pylist())

    def test_dictionary_with_a_null_entry(self):
        array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2], pa.int8()),
                                               pa.array(["a", None, "c"]))
        self.db.append("t", batch_of(times(4), "ts", ("v", array, True)), create=True)
        self.assertEqual(self.db.query("t").column("v").to_pylist(), ["a", None, None, "c"])

    def test_null_type(self):
        self.db.create("t", COLUMNS[6:])
        columns = [(name, pa.nulls(9), True) for name, _, _ in COLUMNS[6:]]
        self.db.append("t", batch_of(times(9), "ts", *columns))
        for name, _, _ in COLUMNS[6:]:
            self.assertEqual(self.db.query("t").column(name).null_count, 9)
        self.db.create("u", [("v", "f64", False)])
        self.fails(TYPE_MISMATCH, "null", self.db.append, "u",
                   batch_of(times(9), "ts", ("v", pa.nulls(9), True)))
        self.fails(TYPE_MISMATCH, "null", self.db.append, "w",
                   batch_of(times(9), "ts", ("v", pa.nulls(9), True)), create=True)

    def test_types_that_do_not_fit(self):
        wrong = {"f64": [pa.float16(), pa.int32(), pa.string(), pa.bool_()],
                 "f32": [pa.float64(), pa.float16(), pa.int8()],
                 "i64": [pa.uint64(), pa.float64(), pa.timestamp("ms"), pa.date32()],
                 "i32": [pa.int64(), pa.uint32(), pa.float32(), pa.time32("s")],
                 "bool": [pa.int8(), pa.string()],
                 "utf8": [pa.binary(), pa.int32(), pa.list_(pa.string()),
                          pa.dictionary(pa.int8(), pa.int32()), pa.decimal128(5, 2),
                          pa.struct([("a", pa.string())])]}
        for kind, types in wrong.items():
            self.db.create(kind, [("v", kind, True)])
            for data_type in types:
                array = pa.nulls(3, data_type)
                self.fails(TYPE_MISMATCH, "'v'", self.db.append, kind,
                           batch_of(times(3), "ts", ("v", array, True)))
        for data_type in (pa.string(), pa.int32(), pa.float64(), pa.time64("us"), pa.duration("s")):
            self.fails(TYPE_MISMATCH, "timestamp", self.db.append, "f64",
                       batch_of(pa.array([], data_type), "ts",
                                ("v", pa.array([], pa.float64()), True)))

    def test_refusals_name_their_place(self):
        self.db.create("t", [("v", "f64", False), ("w", "utf8", True)])
        good = ("v", pa.array([1.0, 2.0]), False)
        self.fails(NOT_FOUND, "'extra'", self.db.append, "t",
                   batch_of(times(2), "ts", good, ("extra", pa.array([1, 2]), True)))
        self.fails(NOT_FOUND, "'absent'", self.db.append, "absent", batch_of(times(2), "ts", good))
        self.fails(INVALID, "row 1", self.db.append, "t",
                   batch_of(times(2), "ts", ("v", pa.array([1.0, None]), True)))
        self.fails(INVALID, "row 1", self.db.append, "t",
                   batch_of(pa.array([1, None], pa.timestamp("ms")), "ts", good))
        self.fails(INVALID, "two columns", self.db.append, "t",
                   batch_of(times(2), "ts", good, good))
        struct_array = pa.StructArray.from_arrays(
            [times(2), good[1]], names=["ts", "v"], mask=pa.array([False, True]))
        self.fails(INVALID, "row 1", self.db.append, "t", OffsetStruct(struct_array))
        text = pa.array([b"good", b"\xff"], pa.binary()).view(pa.string())
        self.fails(INVALID, "row 1", self.db.append, "t",
                   batch_of(times(2), "ts", good, ("w", text, True)))
        self.assertEqual(self.db.query("t").num_rows, 0)

    def test_a_refused_array_makes_no_table(self):
        bad = batch_of(pa.array([1, None], pa.timestamp("ms")), "ts",
                       ("v", pa.array([1.0, 2.0]), False))
        self.fails(INVALID, "row 1", self.db.append, "t", bad, create=True)
        bad = batch_of(times(1), "ts", ("v", pa.array([None], pa.float64()), False))
        self.fails(INVALID, "row 0", self.db.append, "t", bad, create=True)
        self.fails(NOT_FOUND, "'t'", self.db.append, "t", random_batch(3))

    def test_streams(self):
        whole = random_batch(10000)
        pieces = [whole.slice(at, 999) for at in range(0, 10000, 999)]
        reader = pa.RecordBatchReader.from_batches(whole.schema, pieces)
        self.assertEqual(self.db.append("t", reader, create=True), 10000)
        self.expect(self.db.query("t"), whole)
        copy = self.db.reader("t")
        self.db.append("copy", copy, create=True)
        self.expect(self.db.query("copy"), whole)

    def test_stream_without_arrays_makes_the_table(self):
        reader = pa.RecordBatchReader.from_batches(random_batch(1).schema, [])
        self.db.append("t", reader, create=True)
        self.assertEqual(self.db.schema("t"), random_batch(1).schema)

    def test_stream_that_fails_keeps_what_came_before(self):
        good = batch_of(times(5), "ts", ("v", pa.array([1.0] * 5), True))
        pieces = [good, good, bad_like(good), good]
        reader = pa.RecordBatchReader.from_batches(good.schema, pieces)
        self.fails(INVALID, "10 rows before are in", self.db.append, "t", reader, create=True)
        self.assertEqual(self.db.query("t").num_rows, 10)

    def test_stream_of_a_python_generator_that_raises(self):
        good = batch_of(times(5), "ts", ("v", pa.array([1.0] * 5), True))

        def batches():
            yield good
            raise OSError("the pump is off")
        reader = pa.RecordBatchReader.from_batches(good.schema, batches())
        self.fails(5, "the pump is off", self.db.append, "t", reader, create=True)
        self.assertEqual(self.db.query("t").num_rows, 5)

    def test_schemas(self):
        self.db.create("t", COLUMNS, "us")
        time_field = field_of("ts_us", pa.timestamp("us", "UTC"), False)
        wanted = pa.schema([time_field] + [field_of(name, OWN[kind], nullable)
                                           for name, kind, nullable in COLUMNS])
        self.assertEqual(self.db.schema("t"), wanted)
        self.assertIsNone(self.db.schema("t").metadata)
        self.assertEqual(self.db.schema("t", int64=True),
                         wanted.set(0, field_of("ts_us", pa.int64(), False)))
        self.assertEqual(self.db.query("t").schema, wanted)
        self.assertEqual(self.db.query_whole("t").schema, wanted)
        self.assertEqual(self.db.query_whole("t").num_rows, 0)

    def test_queries_are_pushed_down(self):
        self.db.append("t", random_batch(5000), create=True)
        names = (ctypes.c_char_p * 2)(b"utf8", b"f64")
        query = Query(ctypes.sizeof(Query), FROM | TO | REVERSE, 10**6 + 100, 10**6 + 4000,
                      names, 2, 3000)
        result = self.db.query("t", query, int64=True)
        self.assertEqual(result.schema.names, ["ts_ms", "utf8", "f64"])
        self.assertEqual(result.column(0).to_pylist(),
                         list(range(10**6 + 4000, 10**6 + 1000, -1)))
        self.assertEqual(self.db.query_whole("t", query).column("utf8").to_pylist(),
                         result.column("utf8").to_pylist())

    def test_arrays_outlive_stream_and_database(self):
        wanted = random_batch(150000)
        self.db.append("t", wanted, create=True)
        reader = self.db.reader("t")
        batches = list(reader)
        self.assertGreater(len(batches), 1)
        reader.close()
        del reader
        gc.collect()
        self.db.close()
        columns = [batch.column(5) for batch in batches]
        rest = pa.Table.from_batches(batches)
        del batches
        rest.validate(full=True)
        self.expect(rest, wanted)
        threads = [threading.Thread(target=columns.clear), threading.Thread(target=gc.collect)]
        del rest
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_table_made_by_many_threads_at_once(self):
        for number in range(20):
            pieces = [batch_of(pa.array([i], pa.timestamp("ms")), "ts",
                               ("v", pa.array([float(i)]), True)) for i in range(4)]
            errors = []

            def run(piece):
                try:
                    self.db.append(f"t{number}", piece, create=True)
                except Exception as error:  # reported by the main thread
                    errors.append(error)
            threads = [threading.Thread(target=run, args=(piece,)) for piece in pieces]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(errors, [])
            self.assertEqual(self.db.query(f"t{number}").column("v").to_pylist(), [0, 1, 2, 3])


def bad_like(good: pa.RecordBatch) -> pa.RecordBatch:
    """The schema of `good`, but its time is null."""
    nulls = pa.array([None] * good.num_rows, good.column(0).type)
    return pa.RecordBatch.from_arrays([nulls, good.column(1)], schema=good.schema)


class OffsetStruct:
    """A struct array handed over as it is: pyarrow would push its offset into the children."""

    def __init__(self, array: pa.StructArray):
        self.array = array

    def _export_to_c(self, array_address: int, schema_address: int) -> None:
        self.array._export_to_c(array_address, schema_address)


if __name__ == "__main__":
    unittest.main()
