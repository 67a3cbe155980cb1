# SPDX-License-Identifier: AGPL-3.0-or-later
# nanots-config.cmake - find_package(nanots [VERSION] [REQUIRED] [COMPONENTS ...]) ends here.
#
#   component   target
#   shared      nanots::shared   libnanots.so
#   static      nanots::static   libnanots.a, and the threads that it needs
#   cli         nanots::cli      the command line tool, for COMMAND of a rule
#               nanots::nanots   the shared one where both are found at once, else the first found
#
# Without COMPONENTS, all that is installed. A version fits if its first two numbers are the same.
include(CMakeFindDependencyMacro)

set(_nanots_known shared static cli)
set(_nanots_wanted ${nanots_FIND_COMPONENTS})
if(NOT _nanots_wanted)
    foreach(_nanots_component ${_nanots_known})
        if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/nanots-${_nanots_component}.cmake)
            list(APPEND _nanots_wanted ${_nanots_component})
        endif()
    endforeach()
endif()

set(_nanots_trouble "")
foreach(_nanots_component ${_nanots_wanted})
    set(nanots_${_nanots_component}_FOUND FALSE)
    if(NOT _nanots_component IN_LIST _nanots_known)
        string(CONCAT _nanots_sentence "nanots has no component `${_nanots_component}`: "
               "it has shared, static and cli.")
    elseif(NOT EXISTS ${CMAKE_CURRENT_LIST_DIR}/nanots-${_nanots_component}.cmake)
        string(CONCAT _nanots_sentence "The component `${_nanots_component}` of nanots is not "
               "installed in ${CMAKE_CURRENT_LIST_DIR}.")
    else()
        if(_nanots_component STREQUAL "static")
            find_dependency(Threads)
        endif()
        include(${CMAKE_CURRENT_LIST_DIR}/nanots-${_nanots_component}.cmake)
        set(nanots_${_nanots_component}_FOUND TRUE)
        continue()
    endif()
    if(nanots_FIND_REQUIRED_${_nanots_component})
        string(APPEND _nanots_trouble "${_nanots_sentence}\n")
    endif()
endforeach()

if(_nanots_trouble)
    set(nanots_FOUND FALSE)
    set(nanots_NOT_FOUND_MESSAGE "${_nanots_trouble}")
elseif(NOT TARGET nanots::nanots)
    foreach(_nanots_component shared static)
        if(TARGET nanots::${_nanots_component})
            add_library(nanots::nanots INTERFACE IMPORTED)
            target_link_libraries(nanots::nanots INTERFACE nanots::${_nanots_component})
            break()
        endif()
    endforeach()
endif()
