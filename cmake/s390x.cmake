# SPDX-License-Identifier: AGPL-3.0-or-later
# cmake/s390x.cmake - 64 bits, big-endian, char without sign
set(machine s390x)
set(triplet s390x-linux-gnu)
set(CMAKE_SYSTEM_PROCESSOR s390x)
include(${CMAKE_CURRENT_LIST_DIR}/emulated.cmake)
