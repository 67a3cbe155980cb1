# SPDX-License-Identifier: AGPL-3.0-or-later
# cmake/armhf.cmake - 32 bits, little-endian, strict alignment, char without sign
set(machine armhf)
set(triplet arm-linux-gnueabihf)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
include(${CMAKE_CURRENT_LIST_DIR}/emulated.cmake)
