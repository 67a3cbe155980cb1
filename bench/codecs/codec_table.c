/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench/codecs/codec_table.c - the table of codecs, and how one of them is timed. */
#include "codecs/codec_table.h"

#include "measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A clock call costs about 25 ns: batches of this length make that a thousandth. */
#define BATCH_SECONDS 25e-6
/* Instructions are counted over this many values or more, so that the two calls that read the
 * counter do not show. */
#define COUNTED_VALUES (1u << 16)

#define ZSTD_MISSING "install libzstd-dev and run cmake again"
#define LZ4_MISSING  "install liblz4-dev and run cmake again"

static size_t memcpy_encode(uint8_t *dst, size_t dst_size, const struct series *series);
static void memcpy_decode(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                          size_t src_size);

const struct codec codec_list[CODEC_COUNT] = {
    {.key = "hot", .name = "NanoTS hot", .encode = chunks_encode_hot, .decode = chunks_decode},
    {.key = "packed",
     .name = "NanoTS packed",
     .encode = chunks_encode_packed,
     .decode = chunks_decode},
    {.key = "memcpy", .name = "memcpy", .encode = memcpy_encode, .decode = memcpy_decode},
#ifdef BENCH_WITH_ZSTD
    {.key = "zstd3",
     .name = "zstd 3",
     .version = zstd_version,
     .encode = zstd_encode,
     .decode = zstd_decode},
#else
    {.key = "zstd3", .name = "zstd 3", .missing = ZSTD_MISSING},
#endif
#ifdef BENCH_WITH_LZ4
    {.key = "lz4",
     .name = "lz4",
     .version = lz4_version,
     .encode = lz4_encode,
     .decode = lz4_decode},
#else
    {.key = "lz4", .name = "lz4", .missing = LZ4_MISSING},
#endif
#ifdef BENCH_WITH_ZSTD
    {.key = "bytezstd3",
     .name = "bytes + zstd 3",
     .encode = bytezstd_encode,
     .decode = bytezstd_decode},
#else
    {.key = "bytezstd3", .name = "bytes + zstd 3", .missing = ZSTD_MISSING},
#endif
    {.key = "gorilla", .name = "Gorilla", .encode = gorilla_encode, .decode = gorilla_decode},
    {.key = "pco0",
     .name = "pcodec 0",
     .version = pco_version,
     .probe = pco_probe,
     .measure = pco_measure},
    {.key = "pco4", .name = "pcodec 4", .level = 4, .probe = pco_probe, .measure = pco_measure},
    {.key = "pco8", .name = "pcodec 8", .level = 8, .probe = pco_probe, .measure = pco_measure},
};

/* One codec at work on one series. */
struct codec_job {
    const struct codec *codec;
    const struct series *series;
    uint8_t *encoded;
    size_t encoded_capacity;
    size_t encoded_size;
    uint64_t *decoded;
};

/* Memory of the largest series so far; kept, so that no run pays for its pages again. */
static struct {
    size_t value_capacity;
    uint8_t *encoded;
    size_t encoded_capacity;
    uint64_t *decoded;
} codec_memory;

const char *codec_missing(const struct codec *codec)
{
    if (codec->missing != NULL || codec->probe == NULL)
        return codec->missing;
    return codec->probe();
}

static size_t memcpy_encode(uint8_t *dst, size_t dst_size, const struct series *series)
{
    size_t size = series->count * sizeof *series->values;

    if (size > dst_size)
        die("memcpy: no room");
    memcpy(dst, series->values, size);
    return size;
}

static void memcpy_decode(uint64_t *dst, enum series_kind kind, size_t count, const uint8_t *src,
                          size_t src_size)
{
    (void)kind;
    (void)count;
    memcpy(dst, src, src_size);
}

/* The widest is Gorilla, with 77 bits for one value; what blocks cost beside is far below 64 KiB in
 * a series that is not compressed by anything. */
static size_t codec_bound(size_t count)
{
    return count * 10 + (1u << 16);
}

static void codec_reserve(size_t count)
{
    if (codec_memory.encoded != NULL && count <= codec_memory.value_capacity)
        return;
    free(codec_memory.encoded);
    free(codec_memory.decoded);
    codec_memory.value_capacity = count;
    codec_memory.encoded_capacity = codec_bound(count);
    codec_memory.encoded = malloc(codec_memory.encoded_capacity + CODEC_SLACK_BYTES);
    codec_memory.decoded = malloc((count + CODEC_SLACK_VALUES) * sizeof *codec_memory.decoded);
    if (codec_memory.encoded == NULL || codec_memory.decoded == NULL)
        die("no memory for %zu values", count);
    memset(codec_memory.encoded, 0, codec_memory.encoded_capacity + CODEC_SLACK_BYTES);
}

static void codec_encode(struct codec_job *job)
{
    job->encoded_size = job->codec->encode(job->encoded, job->encoded_capacity, job->series);
}

static void codec_decode(struct codec_job *job)
{
    job->codec->decode(job->decoded, job->series->kind, job->series->count, job->encoded,
                       job->encoded_size);
}

/* Dies if a value differs in any bit. */
static void codec_prove(struct codec_job *job)
{
    const struct series *series = job->series;

    memset(job->decoded, 0xA5, series->count * sizeof *job->decoded);
    codec_encode(job);
    codec_decode(job);
    for (size_t i = 0; i < series->count; i++) {
        if (job->decoded[i] != series->values[i])
            die("%s: value %zu of %s came back as %016llx, expected %016llx", job->codec->name, i,
                series->name, (unsigned long long)job->decoded[i],
                (unsigned long long)series->values[i]);
    }
}

static double codec_time_batch(void (*call)(struct codec_job *), struct codec_job *job,
                               size_t call_count)
{
    double start = measure_now_s();

    for (size_t i = 0; i < call_count; i++)
        call(job);
    return measure_now_s() - start;
}

/* Seconds of the fastest call, or of the fastest batch of short ones. */
static double codec_time(void (*call)(struct codec_job *), struct codec_job *job, double seconds)
{
    double total = 0.0;
    double best = (double)INFINITY;
    size_t call_count = 1;

    while (codec_time_batch(call, job, call_count) < BATCH_SECONDS)
        call_count *= 2;
    while (total < seconds) {
        double batch = codec_time_batch(call, job, call_count);

        total += batch;
        best = batch < best ? batch : best;
    }
    return best / (double)call_count;
}

static double codec_count(void (*call)(struct codec_job *), struct codec_job *job)
{
    size_t call_count = COUNTED_VALUES / job->series->count + 1;

    if (!measure_instructions_start())
        return (double)NAN;
    for (size_t i = 0; i < call_count; i++)
        call(job);
    return measure_instructions_stop() / (double)call_count;
}

void codec_measure(const struct codec *codec, const struct series *series, double seconds,
                   struct codec_run *run_out)
{
    struct codec_job job = {.codec = codec, .series = series};

    if (codec->measure != NULL) {
        codec->measure(codec, series, seconds, run_out);
        return;
    }
    codec_reserve(series->count);
    job.encoded = codec_memory.encoded;
    job.encoded_capacity = codec_memory.encoded_capacity;
    job.decoded = codec_memory.decoded;
    codec_prove(&job);
    run_out->size_bytes = (double)job.encoded_size;
    run_out->encode_s = codec_time(codec_encode, &job, seconds);
    run_out->decode_s = codec_time(codec_decode, &job, seconds);
    run_out->encode_instructions = codec_count(codec_encode, &job);
    run_out->decode_instructions = codec_count(codec_decode, &job);
}
