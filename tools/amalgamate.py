#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/amalgamate.py - writes the kernel as one source file and its public headers.

    tools/amalgamate.py build/amalgamation
    cc -O3 -c nanots.c                          with gcc or clang; nothing else is needed

                +-- feature macros, system headers of all files, nanots_arrow.h
    nanots.c ---+-- src/base/*.c, src/util/*.c, ... in the order of src/LAYERS, each behind the
                |   headers that it needs and that did not come before
                +-- xxhash.h and uthash.h of this machine, where they are first included

The same tree and the same two headers give the same bytes. tools/tidy.py sees to it that names of
one file are not those of another (rule `unique`).
"""
import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SYSTEM_FOLDERS = ("/usr/local/include", "/usr/include")
PUBLIC_HEADERS = ("nanots.h", "nanots_arrow.h")
INLINED = ("xxhash.h", "uthash.h")

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
FEATURE_MACRO = re.compile(r"\s*#\s*define\s+_[A-Z]\w*")
CONDITION = re.compile(r"\s*#\s*(if|ifdef|ifndef|endif)\b")

TOP = """\
/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* nanots.c - NanoTS {version}, an embeddable time-series storage kernel, as one file.
 *
 * Made by tools/amalgamate.py of the source tree; changes belong there. Compile it with gcc or
 * clang as C11 or later and link with -lpthread where that is a library of its own; -O3 makes the
 * loops over values vector code. The interface is nanots.h and nanots_arrow.h beside it. With
 * NANOTS_STATIC defined here and where they are included, a shared library that holds this file
 * exports none of it.
 * With NANOTS_ZSTD defined it compresses text, and needs zstd.h and -lzstd.
 *
 * Parts keep their own licence notices: xxhash.h is BSD-2-Clause, uthash.h is BSD-1-Clause, all
 * others are AGPL-3.0-or-later.
 *
 *   line  part
{contents} */
"""

BEGIN = """\
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#ifndef _TIME_BITS
#define _TIME_BITS 64
#endif

/* gcc and clang fuse a multiplication and an addition unasked; the bytes of a file would then
 * depend on the machine. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

{includes}
/* What nanots.h does not export is hidden, with and without -fvisibility=hidden. */
#pragma GCC visibility push(hidden)
#include "nanots_arrow.h"
"""
END = "\n#pragma GCC visibility pop\n"


def banner(path: str) -> str:
    return f"\n/* {'=' * 20} {path} {'=' * max(4, 72 - len(path))} */\n"


class Amalgamation:
    """Parts in order; a part is a path and its text."""

    def __init__(self, root: Path, system_folders: list[Path]):
        self.root = root
        self.system_folders = system_folders
        self.parts = []
        self.done = set()
        self.system_headers = set()

    def add(self, path: str) -> None:
        """Adds one file of src/ behind the headers that it includes."""
        if path in self.done:
            return
        self.done.add(path)
        kept, depth, macro = [], 0, None
        for number, line in enumerate((self.root / path).read_text().splitlines(True), 1):
            condition, include = CONDITION.match(line), INCLUDE.match(line)
            if condition:
                depth += -1 if condition[1] == "endif" else 1
            if include:
                is_conditional = depth > (1 if path.endswith(".h") else 0)  # headers have a guard
                if include[1] == '"' and (is_conditional or macro):
                    sys.exit(f"{path}:{number}: {include[2]} cannot be moved out of its "
                             f"{'condition' if is_conditional else f'place behind {macro}'}")
                kept.append(self.include(include[1], include[2], is_conditional))
            elif not FEATURE_MACRO.match(line):
                define = re.match(r"\s*#\s*define\s+(\w+)", line)
                if define and path.endswith(".c"):
                    macro = define[1]
                kept.append(line)
        text = re.sub(r"\n{3,}", "\n\n", "".join(kept))
        self.parts.append((path, banner(path) + text))

    def include(self, kind: str, name: str, is_conditional: bool) -> str:
        """What stands in the place of one #include."""
        if kind == '"':
            if name not in PUBLIC_HEADERS:
                self.add(f"src/{name}")
            return ""
        if name not in INLINED and not is_conditional:
            self.system_headers.add(name)
            return ""
        if name in self.done:
            return ""
        if name in INLINED:
            self.done.add(name)
            text = banner(name) + self.read_system(name) + banner(f"end of {name}")
        else:
            text = f"#include <{name}>\n"
        # What it declares is exported by a library of the system; hidden, it could not be linked.
        return f"#pragma GCC visibility pop\n{text}#pragma GCC visibility push(hidden)\n"

    def read_system(self, name: str) -> str:
        for folder in self.system_folders:
            if (folder / name).is_file():
                text = (folder / name).read_text("utf-8")
                return text if text.endswith("\n") else f"{text}\n"
        sys.exit(f"{name} is in none of {' '.join(map(str, self.system_folders))}")

    def text(self) -> str:
        includes = "".join(f"#include <{name}>\n" for name in sorted(self.system_headers))
        body = BEGIN.format(includes=includes) + "".join(text for _, text in self.parts) + END
        marks = [(number, mark[1]) for number, line in enumerate(body.splitlines(), 1)
                 if (mark := re.fullmatch(r"/\* ={20} (?!end of )(\S+) =+ \*/", line))]
        version = (self.root / "VERSION").read_text().strip()
        # The table itself moves what it lists.
        offset = TOP.count("\n") - 1 + len(marks)
        contents = "".join(f" *  {offset + number + 1:>5}  {path}\n" for number, path in marks)
        return TOP.format(version=version, contents=contents) + body


def folders_of(layers: str) -> list[str]:
    """Folders of src/, lowest first."""
    rows = [line.split() for line in layers.splitlines()
            if line.strip() and not line.startswith("#")]
    return [row[0] for row in sorted(rows, key=lambda row: int(row[1]))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder for nanots.c and the public headers")
    parser.add_argument("--system", type=Path, action="append", metavar="FOLDER",
                        help=f"where {' and '.join(INLINED)} are")
    options = parser.parse_args()

    system_folders = options.system or [Path(folder) for folder in SYSTEM_FOLDERS]
    amalgamation = Amalgamation(ROOT, system_folders)
    for folder in folders_of((ROOT / "src/LAYERS").read_text()):
        for source in sorted((ROOT / "src" / folder).rglob("*.c")):
            amalgamation.add(source.relative_to(ROOT).as_posix())
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "nanots.c").write_text(amalgamation.text(), "utf-8")
    for name in PUBLIC_HEADERS:
        (options.output / name).write_text((ROOT / "include" / name).read_text(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
