/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* format/table_def.c - table definitions <-> bytes, and the rules for names. */
#include "format/table_def.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/forced.h"
#include "util/checksum.h"
#include "util/text.h"

#define DEF_HEADER_SIZE 17u /* up to and with name_size */
#define DEF_COLUMN_SIZE 3u  /* type, flags, name_size */
#define DEF_NAME_SLOTS  (2 * NTS_COLUMNS_MAX)

/* ---- flags and options -------------------------------------------------------------------- */

/* Where 1 + codec is in the flags of nanots.h and in those of the file, and where the tier is
 * beside the rule for duplicates. */
#define PUBLIC_CODEC_SHIFT 8u
#define STORED_CODEC_SHIFT 1u
#define STORED_TIER_SHIFT  4u

/* Whether a column of the type may name this codec; 0: none. */
static bool forced_is_valid(unsigned type, uint32_t forced)
{
    if (forced == 0 || forced > NTS_CODEC_ID_END)
        return forced == 0;
    if (type == NANOTS_TYPE_UTF8)
        return forced == 1 + NTS_CODEC_RAW;
    return nts_forced_serves(nts_chunk_kind_of(type), forced - 1);
}

bool nts_column_flags_store(unsigned type, uint32_t flags, uint8_t *stored_out)
{
    const uint32_t forced = flags >> PUBLIC_CODEC_SHIFT;
    const uint32_t others = flags & ((1u << PUBLIC_CODEC_SHIFT) - 1);

    *stored_out = 0;
    if ((others & ~NTS_COLUMN_NULLABLE) != 0 || !forced_is_valid(type, forced))
        return false;
    *stored_out = (uint8_t)(others | forced << STORED_CODEC_SHIFT);
    return true;
}

bool nts_column_flags_load(unsigned type, uint8_t stored, uint32_t *flags_out)
{
    const uint32_t forced = stored >> STORED_CODEC_SHIFT;

    *flags_out = (stored & NTS_COLUMN_NULLABLE) | forced << PUBLIC_CODEC_SHIFT;
    return forced_is_valid(type, forced);
}

static void column_set_flags(struct nts_column_def *column, uint32_t flags)
{
    column->flags = flags & NTS_COLUMN_NULLABLE;
    column->forced = (uint8_t)(flags >> PUBLIC_CODEC_SHIFT);
}

void nts_table_def_public(const struct nts_table_def *def, struct nanots_column *columns,
                          struct nanots_table_options *options)
{
    *options = (struct nanots_table_options){.struct_size = sizeof *options,
                                             .unit = nts_table_def_unit(def),
                                             .duplicates = (nanots_duplicates)def->duplicates,
                                             .tier = (nanots_tier)def->tier};
    for (uint32_t c = 0; c < def->column_count; c++) {
        const struct nts_column_def *column = &def->columns[c];
        columns[c].name = column->name;
        columns[c].type = (nanots_type)column->type;
        columns[c].flags = column->flags | (uint32_t)column->forced << PUBLIC_CODEC_SHIFT;
    }
}

/* ---- units of time ------------------------------------------------------------------------ */

static uint8_t unit_of_public(nanots_time_unit unit)
{
    static const uint8_t units[] = {[NANOTS_UNIT_MS] = NTS_UNIT_MS,
                                    [NANOTS_UNIT_S] = NTS_UNIT_S,
                                    [NANOTS_UNIT_US] = NTS_UNIT_US,
                                    [NANOTS_UNIT_NS] = NTS_UNIT_NS};
    return units[unit];
}

nanots_time_unit nts_table_def_unit(const struct nts_table_def *def)
{
    static const nanots_time_unit units[] = {[NTS_UNIT_MS] = NANOTS_UNIT_MS,
                                             [NTS_UNIT_S] = NANOTS_UNIT_S,
                                             [NTS_UNIT_US] = NANOTS_UNIT_US,
                                             [NTS_UNIT_NS] = NANOTS_UNIT_NS};
    return units[def->unit];
}

/* Of x / divisor: the next whole number down, or up. */
static int64_t ticks_floor(int64_t x, int64_t divisor)
{
    return x / divisor - (x % divisor < 0);
}

static int64_t ticks_ceil(int64_t x, int64_t divisor)
{
    return x / divisor + (x % divisor > 0);
}

static int64_t ticks_times(int64_t x, int64_t factor)
{
    int64_t product = 0;
    if (!__builtin_mul_overflow(x, factor, &product))
        return product;
    return x < 0 ? INT64_MIN : INT64_MAX;
}

int64_t nts_table_def_ticks(const struct nts_table_def *def, int64_t ms)
{
    switch ((enum nts_unit)def->unit) {
    case NTS_UNIT_S:
        return ticks_ceil(ms, 1000);
    case NTS_UNIT_US:
        return ticks_times(ms, 1000);
    case NTS_UNIT_NS:
        return ticks_times(ms, 1000000);
    default:
        return ms;
    }
}

int64_t nts_table_def_ms(const struct nts_table_def *def, int64_t ticks)
{
    switch ((enum nts_unit)def->unit) {
    case NTS_UNIT_S:
        return ticks_times(ticks, 1000);
    case NTS_UNIT_US:
        return ticks_floor(ticks, 1000);
    case NTS_UNIT_NS:
        return ticks_floor(ticks, 1000000);
    default:
        return ticks;
    }
}

const char *nts_table_def_ts_name(const struct nts_table_def *def)
{
    static const char *const names[] = {[NTS_UNIT_S] = "ts_s",
                                        [NTS_UNIT_MS] = "ts_ms",
                                        [NTS_UNIT_US] = "ts_us",
                                        [NTS_UNIT_NS] = "ts_ns"};
    return names[def->unit];
}

const char *nts_table_def_column_name(const struct nts_table_def *def, uint32_t column)
{
    return column == 0 ? nts_table_def_ts_name(def) : def->columns[column - 1].name;
}

/* ---- definitions -------------------------------------------------------------------------- */

/* What follows from the columns and is asked at every append. */
static void table_def_summarize(struct nts_table_def *def)
{
    def->nullable_count = 0;
    def->is_plain = true;
    for (uint32_t i = 0; i < def->column_count; i++) {
        def->columns[i].nullable_index = def->nullable_count;
        def->nullable_count =
            (uint16_t)(def->nullable_count + nts_column_is_nullable(&def->columns[i]));
        def->is_plain &= def->columns[i].type == NANOTS_TYPE_F64;
    }
    def->is_plain &= def->nullable_count == 0;
}

/* One block: the struct, its columns, then the names, each ended by 0. */
static struct nts_table_def *table_def_alloc(const struct nanots_allocator *alloc,
                                             size_t column_count, size_t names_size,
                                             char **names_out)
{
    const size_t head = sizeof(struct nts_table_def) + column_count * sizeof(struct nts_column_def);
    struct nts_table_def *def = nts_alloc_zeroed(alloc, head + names_size);
    if (def != NULL)
        *names_out = (char *)def + head;
    return def;
}

static const char *table_def_put_name(char **names, const void *name, size_t name_len)
{
    char *place = *names;
    memcpy(place, name, name_len);
    place[name_len] = '\0';
    *names += name_len + 1;
    return place;
}

struct nts_table_def *nts_table_def_new(const struct nanots_allocator *alloc, uint32_t table_id,
                                        uint64_t created_seq, const char *name,
                                        const struct nanots_column *columns, size_t column_count,
                                        const struct nanots_table_options *options)
{
    size_t names_size = strlen(name) + 1;
    char *names = NULL;
    for (size_t i = 0; i < column_count; i++)
        names_size += strlen(columns[i].name) + 1;
    struct nts_table_def *def = table_def_alloc(alloc, column_count, names_size, &names);
    if (def == NULL)
        return NULL;
    def->table_id = table_id;
    def->unit = unit_of_public(options == NULL ? NANOTS_UNIT_MS : options->unit);
    def->duplicates = (uint8_t)(options == NULL ? NANOTS_DUPLICATES_KEEP_ALL : options->duplicates);
    def->tier = (uint8_t)(options == NULL ? NANOTS_TIER_AUTO : options->tier);
    def->column_count = (uint16_t)column_count;
    def->created_seq = created_seq;
    def->name = table_def_put_name(&names, name, strlen(name));
    for (size_t i = 0; i < column_count; i++) {
        def->columns[i].name = table_def_put_name(&names, columns[i].name, strlen(columns[i].name));
        def->columns[i].type = (uint8_t)columns[i].type;
        column_set_flags(&def->columns[i], columns[i].flags);
    }
    table_def_summarize(def);
    return def;
}

size_t nts_table_def_encoded_size(const struct nts_table_def *def)
{
    size_t size = DEF_HEADER_SIZE + strlen(def->name);
    for (size_t i = 0; i < def->column_count; i++)
        size += DEF_COLUMN_SIZE + strlen(def->columns[i].name);
    return size;
}

void nts_table_def_encode(const struct nts_table_def *def, uint8_t *bytes)
{
    const size_t name_len = strlen(def->name);
    nts_store_u32(bytes, def->table_id);
    bytes[4] = def->unit;
    bytes[5] = (uint8_t)(def->duplicates | def->tier << STORED_TIER_SHIFT);
    nts_store_u16(bytes + 6, def->column_count);
    nts_store_u64(bytes + 8, def->created_seq);
    bytes[16] = (uint8_t)name_len;
    memcpy(bytes + DEF_HEADER_SIZE, def->name, name_len);
    bytes += DEF_HEADER_SIZE + name_len;
    for (size_t i = 0; i < def->column_count; i++) {
        const struct nts_column_def *column = &def->columns[i];
        const size_t len = strlen(column->name);
        bytes[0] = column->type;
        bytes[1] = (uint8_t)(column->flags | column->forced << STORED_CODEC_SHIFT);
        bytes[2] = (uint8_t)len;
        memcpy(bytes + DEF_COLUMN_SIZE, column->name, len);
        bytes += DEF_COLUMN_SIZE + len;
    }
}

/* Names that the timestamp column may have, now or in a later version. */
static bool name_is_of_time(const char *name)
{
    static const char *const reserved[] = {"ts", "ts_s", "ts_ms", "ts_us", "ts_ns"};
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strcmp(name, reserved[i]) == 0)
            return true;
    return false;
}

nanots_status nts_name_check(const char *what, const char *name, struct nanots_error *error)
{
    if (name == NULL || name[0] == '\0')
        return nts_fail(error, NANOTS_INVALID, "%s name is empty", what);
    const size_t len = strlen(name);
    if (len > NTS_NAME_SIZE_MAX)
        return nts_fail(error, NANOTS_INVALID, "%s name '%.40s...' has %zu bytes; at most %u fit",
                        what, name, len, NTS_NAME_SIZE_MAX);
    const size_t valid = nts_utf8_valid_prefix(name, len);
    if (valid != len)
        return nts_fail(error, NANOTS_INVALID, "%s name is not UTF-8: byte 0x%02x at offset %zu",
                        what, (unsigned char)name[valid], valid);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return nts_fail(error, NANOTS_INVALID,
                            "%s name has the control character 0x%02x at offset %zu", what,
                            (unsigned char)name[i], i);
    const bool is_table = strcmp(what, "table") == 0;
    if (is_table ? strncmp(name, "nanots_", 7) == 0 : name_is_of_time(name))
        return nts_fail(error, NANOTS_INVALID, "%s name '%s' is reserved", what, name);
    return NANOTS_OK;
}

/* The name that two columns have, or NULL. Hashed: a thousand columns are usual, a loop in a loop
 * over them would show at every opening. */
static const char *table_def_repeated_name(const struct nts_table_def *def)
{
    uint16_t slots[DEF_NAME_SLOTS] = {0}; /* column + 1, 0 is free */
    for (uint16_t i = 0; i < def->column_count; i++) {
        const char *name = def->columns[i].name;
        size_t at = (size_t)(nts_checksum(name, strlen(name)) % DEF_NAME_SLOTS);
        for (; slots[at] != 0; at = (at + 1) % DEF_NAME_SLOTS)
            if (strcmp(def->columns[slots[at] - 1].name, name) == 0)
                return name;
        slots[at] = (uint16_t)(i + 1);
    }
    return NULL;
}

nanots_status nts_table_def_check(const struct nts_table_def *def, struct nanots_error *error)
{
    struct nanots_error detail;
    NTS_TRY(nts_name_check("table", def->name, error));
    for (size_t i = 0; i < def->column_count; i++)
        if (nts_name_check("column", def->columns[i].name, &detail) != NANOTS_OK)
            return nts_fail(error, NANOTS_INVALID, "table '%.80s': %s", def->name, detail.message);
    const char *repeated = table_def_repeated_name(def);
    if (repeated != NULL)
        return nts_fail(error, NANOTS_INVALID, "table '%.80s': column '%.80s' is given twice",
                        def->name, repeated);
    return NANOTS_OK;
}

static bool name_bytes_are_valid(const uint8_t *name, size_t name_len)
{
    return name_len != 0 && memchr(name, 0, name_len) == NULL &&
           nts_utf8_valid_prefix((const char *)name, name_len) == name_len;
}

/* Walks the encoded columns; returns the size of all, or 0 if they do not fit or are not valid. */
static size_t columns_measure(const uint8_t *bytes, size_t size, size_t column_count,
                              size_t *names_size_out)
{
    size_t at = 0;
    uint32_t flags;
    for (size_t i = 0; i < column_count; i++) {
        if (size - at < DEF_COLUMN_SIZE)
            return 0;
        const size_t len = bytes[at + 2];
        if (bytes[at] < NANOTS_TYPE_F64 || bytes[at] > NANOTS_TYPE_UTF8 ||
            !nts_column_flags_load(bytes[at], bytes[at + 1], &flags) ||
            size - at - DEF_COLUMN_SIZE < len ||
            !name_bytes_are_valid(bytes + at + DEF_COLUMN_SIZE, len))
            return 0;
        *names_size_out += len + 1;
        at += DEF_COLUMN_SIZE + len;
    }
    return at;
}

bool nts_table_def_peek(const uint8_t *bytes, size_t size, uint32_t *table_id_out,
                        size_t *column_count_out)
{
    if (size < DEF_HEADER_SIZE)
        return false;
    *table_id_out = nts_load_u32(bytes);
    *column_count_out = nts_load_u16(bytes + 6);
    return true;
}

nanots_status nts_table_def_decode(const struct nanots_allocator *alloc, const uint8_t *bytes,
                                   size_t size, struct nts_table_def **def_out, size_t *used_out,
                                   struct nanots_error *error)
{
    *def_out = NULL;
    if (size < DEF_HEADER_SIZE || size - DEF_HEADER_SIZE < bytes[16])
        return nts_fail(error, NANOTS_CORRUPT, "table definition: cut short");
    const size_t name_len = bytes[16];
    const size_t column_count = nts_load_u16(bytes + 6);
    const uint8_t *columns = bytes + DEF_HEADER_SIZE + name_len;
    size_t names_size = name_len + 1;
    const uint8_t duplicates = bytes[5] & ((1u << STORED_TIER_SHIFT) - 1);
    const uint8_t tier = bytes[5] >> STORED_TIER_SHIFT;
    if (bytes[4] >= NTS_UNIT_END || duplicates >= NTS_DUPLICATES_END || tier >= NTS_DEF_TIER_END)
        return nts_fail(error, NANOTS_CORRUPT, "table definition: unknown time unit or option");
    if (column_count == 0 || column_count > NTS_COLUMNS_MAX ||
        !name_bytes_are_valid(bytes + DEF_HEADER_SIZE, name_len))
        return nts_fail(error, NANOTS_CORRUPT, "table definition: impossible name or column count");
    const size_t columns_size =
        columns_measure(columns, size - DEF_HEADER_SIZE - name_len, column_count, &names_size);
    if (columns_size == 0)
        return nts_fail(error, NANOTS_CORRUPT, "table definition: impossible columns");

    char *names = NULL;
    struct nts_table_def *def = table_def_alloc(alloc, column_count, names_size, &names);
    if (def == NULL)
        return nts_fail_memory(error, names_size);
    def->table_id = nts_load_u32(bytes);
    def->unit = bytes[4];
    def->duplicates = duplicates;
    def->tier = tier;
    def->column_count = (uint16_t)column_count;
    def->created_seq = nts_load_u64(bytes + 8);
    def->name = table_def_put_name(&names, bytes + DEF_HEADER_SIZE, name_len);
    for (size_t i = 0; i < column_count; i++) {
        const size_t len = columns[2];
        uint32_t flags;
        if (!nts_column_flags_load(columns[0], columns[1], &flags))
            flags = 0; /* columns_measure has refused it */
        def->columns[i].type = columns[0];
        column_set_flags(&def->columns[i], flags);
        def->columns[i].name = table_def_put_name(&names, columns + DEF_COLUMN_SIZE, len);
        columns += DEF_COLUMN_SIZE + len;
    }
    table_def_summarize(def);
    struct nanots_error detail;
    if (nts_table_def_check(def, &detail) != NANOTS_OK) {
        nts_free(def);
        return nts_fail(error, NANOTS_CORRUPT, "table definition: %s", detail.message);
    }
    *def_out = def;
    if (used_out != NULL)
        *used_out = DEF_HEADER_SIZE + name_len + columns_size;
    return NANOTS_OK;
}
