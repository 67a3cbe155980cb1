# SPDX-License-Identifier: AGPL-3.0-or-later
"""python/tests/test_package.py - the package as others get it: sdist, wheel, a fresh environment.

    copy of the tree --> sdist --> its sources alone --> wheel --> fresh venv --> test_classic.py

The build tools are those of .venv; nothing is fetched.
"""
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = """if True:
    import sys
    from scikit_build_core import build
    print(getattr(build, sys.argv[1])(sys.argv[2]))"""


def run(*command, folder: Path, **environment) -> str:
    """Standard output of a command that has to succeed."""
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True,
                          text=True, env=os.environ | environment)
    if done.returncode != 0:
        raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.copy_tree(cls.folder / "clone")
        cls.sdist = cls.build(cls.folder / "clone/python", "build_sdist")
        with tarfile.open(cls.sdist) as tar:
            cls.sdist_names = tar.getnames()
            tar.extractall(cls.folder / "unpacked")
        shutil.rmtree(cls.folder / "clone")
        cls.wheel = cls.build(next((cls.folder / "unpacked").iterdir()), "build_wheel")
        cls.python = cls.fresh_environment(cls.folder / "venv")

    @classmethod
    def copy_tree(cls, clone: Path) -> None:
        skip = shutil.ignore_patterns("build", "dist", "kernel", "__pycache__")
        for name in ("python", "src", "include", "tools"):
            shutil.copytree(ROOT / name, clone / name, ignore=skip)
        shutil.copy(ROOT / "VERSION", clone)

    @classmethod
    def build(cls, source: Path, hook: str) -> Path:
        """What a frontend does, without a network: calls the hook of the backend."""
        name = run(sys.executable, "-c", BUILD, hook, cls.folder, folder=source).split()[-1]
        return cls.folder / name

    @classmethod
    def fresh_environment(cls, folder: Path) -> Path:
        run(sys.executable, "-m", "venv", folder, folder=cls.folder)
        python = folder / "bin/python"
        run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", cls.wheel,
            folder=cls.folder)
        return python

    def test_sdist_has_the_kernel_and_no_more_than_it_needs(self):
        names = {name.partition("/")[2] for name in self.sdist_names}
        for name in ("kernel/nanots.c", "kernel/nanots.h", "kernel/nanots_arrow.h",
                     "pyproject.toml", "CMakeLists.txt", "README.md", "nanots/py.typed"):
            self.assertIn(name, names)
        self.assertFalse([name for name in names if name.startswith(("build", "dist"))])

    def test_wheel_is_one_for_all_pythons(self):
        self.assertRegex(self.wheel.name, r"^nanots-[\d.]+-cp311-abi3-\w+\.whl$")
        with zipfile.ZipFile(self.wheel) as wheel:
            names = wheel.namelist()
        self.assertIn("nanots/_core.abi3.so", names)
        self.assertIn("nanots/_core.pyi", names)
        self.assertIn("nanots/py.typed", names)
        extra = [name for name in names if not name.startswith(("nanots/", "nanots-"))]
        self.assertEqual(extra, [])

    def test_version_is_that_of_the_tree(self):
        version = (ROOT / "VERSION").read_text().strip()
        self.assertIn(f"nanots-{version}-", self.wheel.name)
        program = "import nanots; print(nanots.__version__)"
        self.assertEqual(run(self.python, "-c", program, folder=self.folder).strip(), version)

    def test_module_exports_its_entry_and_needs_the_c_library_only(self):
        library = next((self.folder / "venv").rglob("_core.abi3.so"))
        symbols = run("nm", "-D", "--defined-only", library, folder=self.folder)
        self.assertEqual([line.split()[-1] for line in symbols.splitlines()], ["PyInit__core"])
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]",
                            run("readelf", "-d", library, folder=self.folder))
        self.assertLessEqual(set(needed), {"libc.so.6", "libm.so.6", "libpthread.so.0"})

    def test_module_uses_the_stable_abi_only(self):
        """Each symbol of Python's is one of the stable ABI, as Python's own list has it."""
        library = next((self.folder / "venv").rglob("_core.abi3.so"))
        symbols = run("nm", "-D", "--undefined-only", library, folder=self.folder)
        used = set(re.findall(r"\b_?Py\w+", symbols))
        self.assertIn("PyModuleDef_Init", used)
        private = {name for name in used if name.startswith("_Py")}
        self.assertLessEqual(private, {"_Py_NoneStruct", "_Py_TrueStruct", "_Py_FalseStruct",
                                       "_Py_Dealloc", "_Py_IncRef", "_Py_DecRef",
                                       "_PyArg_ParseTupleAndKeywords_SizeT",
                                       "_PyArg_ParseTuple_SizeT", "_Py_BuildValue_SizeT",
                                       "_PyObject_CallMethod_SizeT"})

    def test_classic_interface_in_a_fresh_environment(self):
        """Without the tree, NumPy and the others."""
        tests = self.folder / "tests"
        tests.mkdir()
        for name in ("python_case.py", "test_classic.py"):
            shutil.copy(ROOT / "python/tests" / name, tests)
        output = run(self.python, "-m", "unittest", "-v", "test_classic", folder=tests)
        self.assertNotIn("skipped", output)


if __name__ == "__main__":
    unittest.main()
