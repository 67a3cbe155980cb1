# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/package/test_cmake_package.py - find_package(nanots) on an installed and moved copy.

Each case is a small project that knows CMAKE_PREFIX_PATH and nothing else of where the copy is.
"""
import re
import shutil
import unittest
from pathlib import Path

from package_case import (README_OUTPUT, ROOT, VERSION, InstalledCase, build_flags, cached,
                          readme_program)


class CMakePackage(InstalledCase):
    def configure(self, name: str, find: str, *lines: str, languages: str = "C", code: int = 0,
                  prefix: Path | None = None) -> str:
        """Configures a project `name` that asks for nanots in the words of `find`."""
        source = self.folder / name
        source.mkdir()
        (source / "quick.c").write_text(readme_program())
        (source / "CMakeLists.txt").write_text("\n".join([
            "cmake_minimum_required(VERSION 3.16)", f"project({name} LANGUAGES {languages})",
            f"find_package(nanots {find})", *lines, ""]))
        return self.run_command("cmake", "-S", source, "-B", source / "build", "-G", "Ninja",
                                f"-DCMAKE_PREFIX_PATH={prefix or self.prefix}",
                                f"-DCMAKE_C_COMPILER={cached('CMAKE_C_COMPILER', 'cc')}",
                                f"-DCMAKE_C_FLAGS={' '.join(build_flags())}", code=code)

    def build_and_run(self, name: str, find: str, target: str, *lines: str) -> Path:
        self.configure(name, find, *lines, "add_executable(quick quick.c)",
                       f"target_link_libraries(quick PRIVATE {target})")
        build = self.folder / name / "build"
        self.run_command("cmake", "--build", build)
        (self.folder / "plant.ntt").unlink(missing_ok=True)
        self.assertEqual(self.run_command(build / "quick"), README_OUTPUT)
        return build

    def needs_library(self, program: Path) -> bool:
        return any("nanots" in name for name in self.dynamic_names(program, "NEEDED"))

    def test_shared_and_tool(self):
        build = self.build_and_run(
            "with_shared", f"{VERSION} REQUIRED COMPONENTS shared cli", "nanots::shared",
            "add_custom_command(OUTPUT said.txt VERBATIM\n"
            "    COMMAND nanots::cli --version > said.txt)",
            "add_custom_target(say ALL DEPENDS said.txt)",
            "if(TARGET nanots::static)\n    message(FATAL_ERROR \"not asked for\")\nendif()")
        self.assertTrue(self.needs_library(build / "quick"))
        self.assertEqual((build / "said.txt").read_text(), f"nanots {VERSION}\n")

    def test_readme_lines_link_statically(self):
        lines = re.search(r"```cmake\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
        find, target = re.fullmatch(r"find_package\(nanots (.*)\)\n"
                                    r"target_link_libraries\(quick PRIVATE (.*)\)\n",
                                    lines).groups()
        build = self.build_and_run("with_static", find, target)
        self.assertFalse(self.needs_library(build / "quick"))

    def test_default_target_follows_the_components(self):
        build = self.build_and_run("with_all", "REQUIRED", "nanots::nanots",
                                   "add_executable(other quick.c)",
                                   "target_link_libraries(other PRIVATE nanots::static)")
        self.assertTrue(self.needs_library(build / "quick"))
        self.assertFalse(self.needs_library(build / "other"))
        build = self.build_and_run("with_one", "REQUIRED COMPONENTS static", "nanots::nanots")
        self.assertFalse(self.needs_library(build / "quick"))

    def test_unknown_component_is_named(self):
        said = self.configure("with_unknown", "REQUIRED COMPONENTS shared sharde",
                              languages="NONE", code=1)
        self.assertIn("nanots has no component `sharde`: it has shared, static and cli.",
                      " ".join(said.split()))

    def test_unknown_optional_component_is_no_failure(self):
        self.configure("with_optional", "REQUIRED COMPONENTS shared OPTIONAL_COMPONENTS sharde",
                       "if(nanots_sharde_FOUND OR NOT nanots_shared_FOUND)",
                       "    message(FATAL_ERROR \"wrong components\")", "endif()",
                       languages="NONE")

    def test_component_that_is_not_installed_is_named(self):
        package = self.folder / "part/lib/cmake/nanots"
        shutil.copytree(self.library_folder / "cmake/nanots", package)
        (package / "nanots-static.cmake").unlink()
        said = self.configure("with_part", "REQUIRED COMPONENTS static", languages="NONE", code=1,
                              prefix=self.folder / "part")
        self.assertIn("The component `static` of nanots is not installed", " ".join(said.split()))

    def test_version_fits_by_its_first_two_numbers(self):
        major, minor, _ = map(int, VERSION.split("."))
        fitting, *others = f"{major}.{minor}", f"{major}.{minor + 1}", f"{major + 1}.0"
        self.configure("with_version", f"{fitting} REQUIRED COMPONENTS cli", languages="NONE")
        for number, other in enumerate(others):
            said = self.configure(f"with_version_{number}", f"{other} REQUIRED COMPONENTS cli",
                                  languages="NONE", code=1)
            self.assertIn(f'compatible with requested version "{other}"', " ".join(said.split()))


if __name__ == "__main__":
    unittest.main()
