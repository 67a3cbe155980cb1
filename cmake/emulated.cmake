# SPDX-License-Identifier: AGPL-3.0-or-later
# cmake/emulated.cmake - what the toolchain files of other machines share: Debian's cross compilers.
#
#   /usr/TRIPLET/                libc and libgcc of the machine, from its cross packages
#   .cache/machines/MACHINE/     zstd, cmocka and the like, laid there by scripts/emulate.sh
#
# Included by MACHINE.cmake, which has set machine, triplet and CMAKE_SYSTEM_PROCESSOR.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${triplet}-gcc)
set(CMAKE_CXX_COMPILER ${triplet}-g++)
set(libraries ${CMAKE_CURRENT_LIST_DIR}/../.cache/machines/${machine}/usr)
cmake_path(NORMAL_PATH libraries)
set(CMAKE_C_STANDARD_INCLUDE_DIRECTORIES ${libraries}/include)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-L${libraries}/lib/${triplet}")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-L${libraries}/lib/${triplet}")
set(CMAKE_BUILD_RPATH ${libraries}/lib/${triplet})
set(CMAKE_FIND_ROOT_PATH ${libraries} /usr/${triplet})
set(CMAKE_LIBRARY_ARCHITECTURE ${triplet})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
