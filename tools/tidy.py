#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/tidy.py - checks what compilers do not: layers, names, budgets, homes of dangerous calls.

Every check is one function that yields `Problem`s; its docstring is the rule it enforces, and
`tidy.py --help` lists them. Known excess is in tools/tidy_exceptions.txt and may only shrink.
The standard library is enough, and a run takes about a second; --tools adds clang-format and
shellcheck where they are installed. --tap prints one test case for each rule.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Iterator, NamedTuple

FILE_LINES_MAX = 799
HEADER_LINES_MAX = 299
FUNCTION_LINES_MAX = 69
COLUMNS_MAX = 100
DRAWING_COLUMNS_MAX = 112  # lines of a drawing in a comment

C_SUFFIXES = (".c", ".h", ".cpp")
SOURCE_SUFFIXES = C_SUFFIXES + (".py", ".pyi", ".sh", ".cmake")
TEXT_SUFFIXES = SOURCE_SUFFIXES + (".md", ".txt", ".json", ".in", ".1")
SKIPPED_FOLDERS = re.compile(r"^(build.*|kernel|\.\w+|__pycache__|corpus)$")

PUBLIC_HEADERS = ("nanots.h", "nanots_arrow.h")

# Folders whose C files see the public header and themselves only.
CLIENTS = ("cli", "bench", "examples", "python", "ext")
# Of these, who may include which headers of src/.
INSIDERS = {"bench/codecs/chunks.c": ("codec/chunk.h",)}

# Calls refused everywhere: each has a bounded or checked twin.
BANNED = "strcpy strcat sprintf vsprintf gets atoi atol atof strtok rand srand alloca".split()

# Calls and headers that have one home inside src/: pattern -> (where it may be, what to use).
HOMES = {
    r"(?<![\w.>])(malloc|calloc|realloc|free|strdup|strndup)\s*\(":
        (r"src/util/alloc\.c", "use util/alloc.h"),
    r"(?<![\w.>])(abort|exit|_exit|printf|fprintf|perror|fopen)\s*\(":
        (r"$^", "a library returns a status"),
    r"(?<![\w.>])(time|gettimeofday|clock_gettime)\s*\(":
        (r"src/os/.*", "use os/clock.h"),
    r"#\s*include\s*<(fcntl|unistd|pthread|dirent|threads|sys/\w+|linux/\w+)\.h>":
        (r"src/os/.*", "only os/ calls the operating system"),
    r"\b__(clang__|GNUC__|clang_major__)\b":
        (r"src/base/compiler\.h", "use base/compiler.h"),
    r"\btypedef\s+(struct|union)\b":
        (r"$^", "structs keep their tag"),
}

FUNCTION_NAME = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


class Problem(NamedTuple):
    path: str
    line: int
    text: str


class Function(NamedTuple):
    path: str
    line: int
    line_count: int
    name: str
    is_static: bool


class File:
    """One file of the tree; `code` is the text with comments and literals blanked."""

    def __init__(self, root: Path, path: str):
        self.path = path
        self.bytes = (root / path).read_bytes()
        self.text = self.bytes.decode("utf-8", "replace")
        self.lines = self.text.splitlines()
        self.folders = path.split("/")[:-1]
        self.name = path.split("/")[-1]
        self.is_c = path.endswith(C_SUFFIXES)
        self.code = NOT_CODE.sub(blank, self.text) if self.is_c else self.text
        self.functions = list(find_functions(self)) if self.is_c else []

    def includes(self) -> Iterator[tuple[int, str]]:
        for match in INCLUDE.finditer(self.text):
            yield line_at(self.text, match.start(1)), match.group(1)


class Tree:
    def __init__(self, root: Path):
        self.root = root
        self.files = {path: File(root, path) for path in sorted(walk(root))}
        self.exceptions = read_exceptions(self.files.get("tools/tidy_exceptions.txt"))

    def c_files(self, *folders: str) -> list[File]:
        """C files, of these top folders if any are given."""
        return [f for f in self.files.values()
                if f.is_c and (not folders or f.folders[:1] and f.folders[0] in folders)]

    def text(self, path: str) -> str:
        return self.files[path].text if path in self.files else ""


def walk(root: Path) -> Iterator[str]:
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [s for s in subfolders if not SKIPPED_FOLDERS.match(s)]
        for name in names:
            if name.endswith(TEXT_SUFFIXES) or name in ("LAYERS", "VERSION", "Makefile"):
                yield (Path(folder) / name).relative_to(root).as_posix()


def blank(match: re.Match) -> str:
    """Spaces instead of a comment or literal; newlines stay, so that places do."""
    return re.sub(r"[^\n]", " ", match.group())


def line_at(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def find_functions(file: File) -> Iterator[Function]:
    """Definitions in our brace style: `{` and `}` alone in column 0."""
    lines = file.code.splitlines()
    start = None
    for index, line in enumerate(lines):
        if line == "{":
            start = index
            while start > 0 and re.match(r"[\w\s*]", lines[start - 1]) and lines[start - 1].strip():
                start -= 1
        elif line == "}" and start is not None:
            head = " ".join(lines[start:index + 1]).split("{")[0]
            name = FUNCTION_NAME.search(re.sub(r"__attribute__\s*\(\(.*?\)\)", " ", head))
            if name:
                is_static = re.match(r"\s*(static|NTS_ALWAYS_INLINE)\b", head) is not None
                yield Function(file.path, start + 1, index - start + 1, name.group(1), is_static)
            start = None


def read_exceptions(file: File | None) -> dict[tuple[str, str], str]:
    """Lines `kind subject value`: lines PATH N, function PATH:NAME N, untested PATH REASON."""
    result = {}
    for line in file.lines if file else []:
        if line.strip() and not line.startswith("#"):
            kind, subject, value = line.split(None, 2)
            result[kind, subject] = value
    return result


# ---- the rules ----------------------------------------------------------------------------------


def check_layers(tree: Tree) -> Iterator[Problem]:
    """a folder of src/ includes only itself and the folders that src/LAYERS grants it"""
    ranks, grants = {}, {}
    for line in tree.text("src/LAYERS").splitlines():
        if line.strip() and not line.startswith("#"):
            folder, rank, rest = line.split(None, 2)
            words = re.split(r"\s{2,}", rest)[0].split()
            ranks[folder] = int(rank)
            grants[folder] = [] if words == ["-"] else words
    for folder, names in grants.items():
        if names == ["*"]:
            grants[folder] = names = [n for n in ranks if ranks[n] < ranks[folder]]
        for name in names:
            if ranks.get(name, 99) >= ranks[folder]:
                yield Problem("src/LAYERS", 1, f"{folder} may not be granted {name}: not below it")
    for file in tree.c_files("src"):
        folder = file.folders[-1]
        if folder not in ranks or len(file.folders) != 2:
            yield Problem(file.path, 1, f"folder {folder} is not in src/LAYERS")
            continue
        for line, include in file.includes():
            if include in PUBLIC_HEADERS:
                continue
            target = include.split("/")[0]
            if "/" not in include:
                yield Problem(file.path, line, f'"{include}" lacks its folder')
            elif target != folder and target not in grants[folder]:
                yield Problem(file.path, line, f"{folder} may not include {target}")
            elif target != folder and include.endswith("_internal.h"):
                yield Problem(file.path, line, f"{include} is internal to {target}")


def check_clients(tree: Tree) -> Iterator[Problem]:
    """cli, bench, examples, python and ext include nanots.h and their own headers only, but for
    the one file that measures the codecs by themselves"""
    for file in tree.c_files(*CLIENTS):
        for line, include in file.includes():
            if include in INSIDERS.get(file.path, ()):
                continue
            own = [f"{file.folders[0]}/{include}", "/".join(file.folders + [include]), include]
            own = [path for path in own if path.split("/")[0] == file.folders[0]]
            if include not in PUBLIC_HEADERS and not any(
                    path in tree.files for path in own):
                yield Problem(file.path, line, f'"{include}" is not public')


def check_budgets(tree: Tree) -> Iterator[Problem]:
    """files stay under 800 lines, headers under 300, functions under 70"""
    for file in tree.c_files():
        limit = HEADER_LINES_MAX if file.name.endswith(".h") else FILE_LINES_MAX
        if file.path != "include/nanots.h":
            yield from over_budget(tree, "lines", file.path, file.path, 1, len(file.lines), limit)
        for function in file.functions:
            yield from over_budget(tree, "function", f"{file.path}:{function.name}", file.path,
                                   function.line, function.line_count, FUNCTION_LINES_MAX)


def over_budget(tree: Tree, kind: str, subject: str, path: str, line: int, size: int,
                limit: int) -> Iterator[Problem]:
    allowed = tree.exceptions.get((kind, subject))
    if allowed is None and size > limit:
        yield Problem(path, line, f"{kind} {subject}: {size} lines, at most {limit}")
    elif allowed is not None and size > int(allowed):
        yield Problem(path, line, f"{kind} {subject}: grew from {allowed} to {size} lines")
    elif allowed is not None and size < int(allowed):
        yield Problem("tools/tidy_exceptions.txt", 1, f"{kind} {subject}: lower it to {size}")


def check_banned(tree: Tree) -> Iterator[Problem]:
    """unbounded string calls are nowhere; malloc, files, clocks and exits stay in their homes"""
    banned = re.compile(rf"(?<![\w.>])({'|'.join(BANNED)})\s*\(")
    for file in tree.c_files():
        for match in banned.finditer(file.code):
            yield Problem(file.path, line_at(file.code, match.start()), f"{match[1]} is banned")
        if file.folders[0] != "src":
            continue
        for pattern, (home, advice) in HOMES.items():
            if re.fullmatch(home, file.path):
                continue
            for match in re.finditer(pattern, file.code):
                yield Problem(file.path, line_at(file.code, match.start()),
                              f"{match[0].rstrip(' (')} does not belong here: {advice}")


def is_drawing(line: str) -> bool:
    """whether a comment line draws bytes or states"""
    return line.startswith(" *") and re.search(r"\|.*\||--|==|->|[+]-", line) is not None


def check_text(tree: Tree) -> Iterator[Problem]:
    """no tabs, no trailing blanks, one final newline; sources: ASCII, 100 columns"""
    for file in tree.files.values():
        if file.bytes and (not file.bytes.endswith(b"\n") or file.bytes.endswith(b"\n\n")):
            yield Problem(file.path, len(file.lines), "needs exactly one final newline")
        is_source = file.path.endswith(SOURCE_SUFFIXES)
        for number, line in enumerate(file.lines, 1):
            if line != line.rstrip():
                yield Problem(file.path, number, "trailing blank")
            if "\t" in line and file.name != "Makefile":
                yield Problem(file.path, number, "tab")
            if is_source and not line.isascii():
                yield Problem(file.path, number, "not ASCII")
            most = DRAWING_COLUMNS_MAX if is_drawing(line) else COLUMNS_MAX
            if is_source and len(line) > most:
                yield Problem(file.path, number, f"{len(line)} columns, at most {most}")


def check_todo(tree: Tree) -> Iterator[Problem]:
    """an open end names the number of its issue"""
    mark = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b(?!\(#\d+\))")
    for file in tree.files.values():
        if file.path.endswith(SOURCE_SUFFIXES):
            for number, line in enumerate(file.lines, 1):
                if mark.search(line):
                    yield Problem(file.path, number, "names no issue")


def check_names(tree: Tree) -> Iterator[Problem]:
    """C file names are unique; a function of src/ that leaves its file begins with nts_"""
    places = defaultdict(list)
    for file in tree.c_files():
        places[file.name].append(file.path)
    for paths in places.values():
        if len(paths) > 1:
            yield Problem(paths[1], 1, f"same file name as {paths[0]}")
    for file in tree.c_files("src"):
        for function in file.functions:
            is_local = function.is_static and not file.name.endswith(".h")
            if not is_local and not re.match(r"nts_|nanots_", function.name):
                yield Problem(file.path, function.line, f"{function.name} lacks the prefix nts_")


def find_definitions(file: File) -> Iterator[tuple[int, str]]:
    """Line and name of what a file defines at file scope, but for feature macros (_GNU_SOURCE)."""
    for function in file.functions:
        yield function.line, function.name
    tag = r"^(?:static |const |typedef )*(?:struct|union|enum)\s+(\w+)\s*\{"
    for match in re.finditer(tag, file.code, re.M):  # a name space of their own in C
        yield line_at(file.code, match.start(1)), f"struct {match[1]}"
    for pattern in (r"^#\s*define\s+([A-Za-z]\w*)",
                    r"^(?:typedef\b[^;{]*|\}\s*)\b(\w+)\s*;",
                    r"^static\b[^;={()]*?\b(\w+)\s*(?:\[[^\]]*\]\s*)*[=;]"):
        for match in re.finditer(pattern, file.code, re.M):
            yield line_at(file.code, match.start(1)), match[1]
    for body in re.finditer(r"^(?:typedef )?enum\b[^{;]*\{([^}]*)\}", file.code, re.M):
        for match in re.finditer(r"(?:^|,)\s*(\w+)", body[1]):
            yield line_at(file.code, body.start(1) + match.start(1)), match[1]


def check_unique(tree: Tree) -> Iterator[Problem]:
    """a static function, variable, struct, macro or constant of src/ has its name for itself"""
    homes = {}
    for file in tree.c_files("src"):
        for line, name in find_definitions(file):
            home = homes.setdefault(name, file.path)
            if home != file.path:
                yield Problem(file.path, line, f"{name} is defined in {home} too")


def check_heads(tree: Tree) -> Iterator[Problem]:
    """each source begins with its SPDX line; each C file then says `path - one-line duty`"""
    for file in tree.files.values():
        if file.path.endswith(SOURCE_SUFFIXES) and file.text:
            if not any("SPDX-License-Identifier: AGPL-3.0-or-later" in x for x in file.lines[:2]):
                yield Problem(file.path, 1, "no SPDX line")
            elif file.is_c:
                head = re.match(r"/\* (\S+) - \S", "".join(file.lines[1:2]))
                if not head or not f"/{file.path}".endswith(f"/{head[1]}"):
                    yield Problem(file.path, 2, f"should begin `/* {file.path} - ...`")


def check_tested(tree: Tree) -> Iterator[Problem]:
    """each src/x/y.c has tests/unit/test_y.c, or a reason in the exceptions"""
    for file in tree.c_files("src"):
        if file.name.endswith(".c"):
            has_test = f"tests/unit/test_{file.name}" in tree.files
            is_excused = ("untested", file.path) in tree.exceptions
            if not has_test and not is_excused:
                yield Problem(file.path, 1, f"no tests/unit/test_{file.name}")
            elif has_test and is_excused:
                yield Problem("tools/tidy_exceptions.txt", 1, f"{file.path} has its test now")
    for kind, subject in tree.exceptions:
        if subject.split(":")[0] not in tree.files:
            yield Problem("tools/tidy_exceptions.txt", 1, f"{kind} {subject}: no such file")


def check_errors(tree: Tree) -> Iterator[Problem]:
    """each status code of nanots.h is explained in docs/errors.md, and no other is"""
    listed = set(re.findall(r"^\s*X\((\w+), \d+,", tree.text("include/nanots.h"), re.M))
    explained = set(re.findall(r"^\| `NANOTS_(\w+)` \|", tree.text("docs/errors.md"), re.M))
    for name in sorted(listed - explained):
        yield Problem("docs/errors.md", 1, f"NANOTS_{name} is not explained")
    for name in sorted(explained - listed):
        yield Problem("docs/errors.md", 1, f"NANOTS_{name} is no status code")


def check_fuzzed(tree: Tree) -> Iterator[Problem]:
    """a fuzz target calls each nts_*_decode of codec/ and format/; each target has a corpus"""
    targets = [f for f in tree.c_files("tests") if re.match(r"tests/fuzz/fuzz_\w+\.c$", f.path)]
    called = set(re.findall(r"\b(nts_\w+)\s*\(", "\n".join(f.code for f in targets)))
    for file in tree.c_files("src"):
        if file.folders[-1] in ("codec", "format") and file.name.endswith(".h"):
            for match in re.finditer(r"\b(nts_\w+_decode)\s*\(", file.code):
                if match[1] not in called:
                    yield Problem(file.path, line_at(file.code, match.start()),
                                  f"{match[1]} is called by no fuzz target")
    corpus = tree.root / "tests/fuzz/corpus"
    folders = {p.name for p in corpus.iterdir() if any(p.iterdir())} if corpus.is_dir() else set()
    names = {f.name.removesuffix(".c") for f in targets}
    for name in sorted(names ^ folders):
        yield Problem(f"tests/fuzz/{name}.c", 1, f"target or corpus/{name}/ is missing")


def check_dead(tree: Tree) -> Iterator[Problem]:
    """each C file is found by the build, each header is included by another file"""
    built = re.compile(r"src/\w+/\w+\.c|cli/\w+\.c|examples/\w+\.c|(bench|python|ext)/.*\.c"
                       r"|tests/(unit|api|model|fault|crash|golden)/test_\w+\.c"
                       r"|tests/support/\w+\.c|tests/golden/(make_golden|write_images)\.c"
                       r"|tests/fuzz/(fuzz_\w+|mutate_\w+|replay)\.c"
                       r"|tests/api/header_c(pp)?\.c(pp)?")
    included = {include.split("/")[-1] for f in tree.c_files() for _, include in f.includes()}
    for file in tree.c_files():
        if file.name.endswith(".h"):
            if file.name not in included:
                yield Problem(file.path, 1, "included nowhere")
        elif not built.fullmatch(file.path):
            yield Problem(file.path, 1, "not part of the build")


def check_version(tree: Tree) -> Iterator[Problem]:
    """VERSION is NANOTS_VERSION"""
    macro = re.search(r'#define NANOTS_VERSION +"([^"]+)"', tree.text("include/nanots.h"))
    if not macro or macro[1] != tree.text("VERSION").strip():
        yield Problem("VERSION", 1, "differs from NANOTS_VERSION in include/nanots.h")


def check_links(tree: Tree) -> Iterator[Problem]:
    """relative links of the documents lead to files"""
    for file in tree.files.values():
        if file.path.endswith(".md"):
            for match in re.finditer(r"\]\(([^)#:\s]+)(#[^)]*)?\)", file.text):
                if not (tree.root / file.path).parent.joinpath(match[1]).exists():
                    yield Problem(file.path, line_at(file.text, match.start()),
                                  f"dead link {match[1]}")


def check_format(tree: Tree) -> Iterator[Problem]:
    """clang-format 14 has nothing to change (make format)"""
    venv = tree.root / ".venv/bin/clang-format"
    command = str(venv) if venv.exists() else shutil.which("clang-format-14")
    if command:
        places = defaultdict(list)
        for problem in run_tool(tree, [command, "--dry-run", "--Werror"],
                                [f.path for f in tree.c_files()]):
            places[problem.path].append(problem.line)
        for path, lines in places.items():
            yield Problem(path, min(lines), f"{len(lines)} places differ from `make format`")


def check_shell(tree: Tree) -> Iterator[Problem]:
    """shellcheck has nothing to say about the scripts"""
    if shutil.which("shellcheck"):
        paths = [f.path for f in tree.files.values() if f.path.endswith(".sh")]
        yield from run_tool(tree, ["shellcheck", "--format=gcc"],
                            paths + [p for p in (".ci/run",) if (tree.root / p).exists()])


def run_tool(tree: Tree, command: list[str], paths: list[str]) -> Iterator[Problem]:
    """Turns the `path:line:column: text` lines of a tool into problems."""
    if paths:
        run = subprocess.run(command + paths, cwd=tree.root, capture_output=True, text=True)
        for line in (run.stdout + run.stderr).splitlines():
            match = re.match(r"(\S+?):(\d+):\d+: (.*)", line)
            if match:
                yield Problem(match[1], int(match[2]), match[3])


RULES = [check_layers, check_clients, check_budgets, check_banned, check_text, check_todo,
         check_names, check_unique, check_heads, check_tested, check_errors, check_fuzzed,
         check_dead, check_version, check_links]
TOOL_RULES = [check_format, check_shell]


def main() -> int:
    rules = "\n".join(f"  {r.__name__[6:]:<9} {r.__doc__}" for r in RULES + TOOL_RULES)
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0],
                                     epilog=f"rules:\n{rules}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--tools", action="store_true", help="clang-format and shellcheck too")
    parser.add_argument("--tap", action="store_true", help="print one test case for each rule")
    options = parser.parse_args()

    tree = Tree(options.root)
    selected = RULES + (TOOL_RULES if options.tools else [])
    problem_count = 0
    for number, rule in enumerate(selected, 1):
        problems = sorted(set(rule(tree)))
        problem_count += len(problems)
        for problem in problems:
            print(f"{problem.path}:{problem.line}: {problem.text}")
        if options.tap:
            print(f"{'not ok' if problems else 'ok'} {number} - tidy_{rule.__name__[6:]}")
    if options.tap:
        print(f"1..{len(selected)}")
    elif not problem_count:
        print("tidy")
    return 1 if problem_count else 0


if __name__ == "__main__":
    sys.exit(main())
