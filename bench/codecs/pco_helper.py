#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""bench/codecs/pco_helper.py - pcodec at work for nanots-bench, which speaks to it through a pipe.

    usage: pco_helper.py FOLDER      where bench/setup_peers.sh put pcodec and numpy

    we say at first         ready VERSION            or: missing REASON
    we are asked            values f64|i64 COUNT     and COUNT values of 8 bytes follow
                            run LEVEL SECONDS
    we answer a run         SIZE ENCODE_S DECODE_S   or: error REASON

Times are those of the fastest call of the library, in memory, one thread; the values came back bit
by bit, or the answer is an error. A call from Python costs about a microsecond more than from C.
"""
import sys
import time

BATCH_SECONDS = 25e-6


def fastest(call, seconds: float) -> float:
    """Seconds of the fastest call, or batch of short ones, as codec_table.c takes them."""
    def batch(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            call()
        return time.perf_counter() - start

    count, total, best = 1, 0.0, float("inf")
    while batch(count) < BATCH_SECONDS:
        count *= 2
    while total < seconds:
        spent = batch(count)
        total += spent
        best = min(best, spent)
    return best / count


def run(values, level: int, seconds: float) -> str:
    config = ChunkConfig(compression_level=level)
    encoded = standalone.simple_compress(values, config)
    decoded = numpy.empty_like(values)
    standalone.simple_decompress_into(encoded, decoded)
    if decoded.tobytes() != values.tobytes():
        return "error values did not come back bit by bit"
    encode_s = fastest(lambda: standalone.simple_compress(values, config), seconds)
    decode_s = fastest(lambda: standalone.simple_decompress_into(encoded, decoded), seconds)
    return f"{len(encoded)} {encode_s:.9g} {decode_s:.9g}"


def answer_all(commands) -> None:
    values = None
    while line := commands.readline():
        words = line.decode().split()
        if words[0] == "values":
            kind = numpy.dtype("<f8" if words[1] == "f64" else "<i8")
            values = numpy.frombuffer(commands.read(8 * int(words[2])), kind)
        else:
            print(run(values, int(words[1]), float(words[2])), flush=True)


sys.path.insert(0, sys.argv[1])
try:
    import numpy
    import pcodec
    from pcodec import ChunkConfig, standalone
except ImportError as reason:
    print(f"missing {reason}", flush=True)
    sys.exit(0)
print(f"ready {pcodec.__version__}", flush=True)
answer_all(sys.stdin.buffer)
