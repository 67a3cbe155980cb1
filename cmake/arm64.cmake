# SPDX-License-Identifier: AGPL-3.0-or-later
# cmake/arm64.cmake - 64 bits, little-endian, NEON, char without sign
set(machine arm64)
set(triplet aarch64-linux-gnu)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/emulated.cmake)
