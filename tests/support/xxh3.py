# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/support/xxh3.py - XXH3 with 64 bits and a seed, in plain Python.

The reader that checks the file format must share no code with the library, its hash included.
XXH3 has five classes of length; the last one is where the bytes are:

    0 | 1..3 | 4..8 | 9..16     one formula each, from one or two words
    17..128 | 129..240          one 128-bit product for every 16 bytes
    241..                       blocks of 16 stripes of 8 lanes; a block ends with a scramble

A long input is hashed lane by lane, not stripe by stripe: within a block a lane is a sum, so that
Python's unbounded integers can be reduced once a block. That gives some 20 MB/s.
Vectors made with the reference implementation are in test_xxh3.py.
"""

from operator import xor
import struct

M32 = 0xFFFFFFFF
M64 = 0xFFFFFFFFFFFFFFFF

P32_1, P32_2, P32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
P64_1, P64_2, P64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P64_4, P64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")

STRIPE_SIZE = 64
STRIPES_PER_BLOCK = (len(SECRET) - STRIPE_SIZE) // 8
BLOCK_SIZE = STRIPE_SIZE * STRIPES_PER_BLOCK
MID_SIZE_MAX = 240
MID_SECRET_OFF = 3          # secret of the 9th and later rounds of a middle length
MID_SECRET_LAST = 136 - 17  # secret of its last 16 bytes
LAST_STRIPE_OFF = len(SECRET) - STRIPE_SIZE - 7
MERGE_OFF = 11


def _u32(data, at):
    return int.from_bytes(data[at:at + 4], "little")


def _u64(data, at):
    return int.from_bytes(data[at:at + 8], "little")


def _swap(word, size):
    return int.from_bytes(word.to_bytes(size, "little"), "big")


def _rotl(word, count):
    return (word << count | word >> (64 - count)) & M64


def _fold(a, b):
    """The two halves of the 128-bit product, xored."""
    product = a * b
    return (product & M64) ^ (product >> 64)


def _avalanche(h):
    h ^= h >> 37
    h = h * 0x165667919E3779F9 & M64
    return h ^ (h >> 32)


def _avalanche_xxh64(h):
    h ^= h >> 33
    h = h * P64_2 & M64
    h ^= h >> 29
    h = h * P64_3 & M64
    return h ^ (h >> 32)


def _hash_0_to_16(data, seed):
    size = len(data)
    if size > 8:
        low = _u64(data, 0) ^ ((_u64(SECRET, 24) ^ _u64(SECRET, 32)) + seed & M64)
        high = _u64(data, size - 8) ^ ((_u64(SECRET, 40) ^ _u64(SECRET, 48)) - seed & M64)
        return _avalanche(size + _swap(low, 8) + high + _fold(low, high) & M64)
    if size >= 4:
        seed ^= _swap(seed & M32, 4) << 32
        flip = (_u64(SECRET, 8) ^ _u64(SECRET, 16)) - seed & M64
        h = (_u32(data, size - 4) | _u32(data, 0) << 32) ^ flip
        h ^= _rotl(h, 49) ^ _rotl(h, 24)
        h = h * 0x9FB21C651E98DF25 & M64
        h ^= (h >> 35) + size
        h = h * 0x9FB21C651E98DF25 & M64
        return h ^ (h >> 28)
    if size:
        word = data[0] << 16 | data[size >> 1] << 24 | data[size - 1] | size << 8
        return _avalanche_xxh64(word ^ ((_u32(SECRET, 0) ^ _u32(SECRET, 4)) + seed & M64))
    return _avalanche_xxh64(seed ^ _u64(SECRET, 56) ^ _u64(SECRET, 64))


def _hash_17_to_240(data, seed):
    size = len(data)

    def mix(at, secret_at):
        return _fold(_u64(data, at) ^ (_u64(SECRET, secret_at) + seed & M64),
                     _u64(data, at + 8) ^ (_u64(SECRET, secret_at + 8) - seed & M64))

    h = size * P64_1
    if size <= 128:
        for i in range((size + 31) // 32):
            h += mix(16 * i, 32 * i) + mix(size - 16 * (i + 1), 32 * i + 16)
        return _avalanche(h & M64)
    h += sum(mix(16 * i, 16 * i) for i in range(8))
    h = _avalanche(h & M64)
    h += sum(mix(16 * i, 16 * (i - 8) + MID_SECRET_OFF) for i in range(8, size // 16))
    return _avalanche(h + mix(size - 16, MID_SECRET_LAST) & M64)


def _accumulate(lanes, words, keys):
    """Adds the stripes in words to the eight lanes; stripe n meets the keys from keys[n] on."""
    for i in range(8):
        own = words[i::8]
        lanes[i ^ 1] += sum(own)
        lanes[i] += sum([(k & M32) * (k >> 32) for k in map(xor, own, keys[i:i + len(own)])])


def _hash_long(data, seed):
    size = len(data)
    secret = b"".join(((low + seed) & M64).to_bytes(8, "little") +
                      ((high - seed) & M64).to_bytes(8, "little")
                      for low, high in struct.iter_unpack("<2Q", SECRET))
    keys = struct.unpack("<24Q", secret)
    lanes = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1]

    block_count = (size - 1) // BLOCK_SIZE
    block = struct.Struct("<%dQ" % (BLOCK_SIZE // 8))
    for i in range(block_count):
        _accumulate(lanes, block.unpack_from(data, i * BLOCK_SIZE), keys)
        for j, key in enumerate(keys[-8:]):
            lane = lanes[j] & M64
            lanes[j] = ((lane ^ lane >> 47) ^ key) * P32_1 & M64

    done = block_count * BLOCK_SIZE
    stripe_count = (size - 1 - done) // STRIPE_SIZE
    _accumulate(lanes, struct.unpack_from("<%dQ" % (8 * stripe_count), data, done), keys)
    _accumulate(lanes, struct.unpack_from("<8Q", data, size - STRIPE_SIZE),
                struct.unpack_from("<8Q", secret, LAST_STRIPE_OFF))

    h = size * P64_1
    merge_keys = struct.unpack_from("<8Q", secret, MERGE_OFF)
    for j in range(0, 8, 2):
        h += _fold(lanes[j] & M64 ^ merge_keys[j], lanes[j + 1] & M64 ^ merge_keys[j + 1])
    return _avalanche(h & M64)


def xxh3(data, seed=0):
    """Returns the XXH3 hash, 64 bits, of data (bytes or a memoryview of bytes)."""
    if len(data) <= 16:
        return _hash_0_to_16(data, seed)
    if len(data) <= MID_SIZE_MAX:
        return _hash_17_to_240(data, seed)
    return _hash_long(data, seed)
