# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/package/test_dist.py - the same commit gives the same tarball, and that is the commit."""
import subprocess
import tarfile
import unittest
from pathlib import Path

from package_case import ROOT, PackageCase


def git(*words: str) -> str | None:
    """What git says of this tree, None where it is no repository of its own."""
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


@unittest.skipUnless((ROOT / ".git").exists() and git("rev-parse", "HEAD"), "no git repository")
class Dist(PackageCase):
    def dist(self, name: str, **environment) -> Path:
        said = self.run_command(ROOT / "scripts/dist.sh", self.folder / name, **environment)
        return Path(said.strip())

    def test_same_commit_gives_the_same_bytes(self):
        first = self.dist("first")
        second = self.dist("second", TZ="Asia/Tokyo", LC_ALL="C")
        self.assertEqual(first.name, second.name)
        self.assertEqual(first.read_bytes(), second.read_bytes())
        self.assertEqual(first.read_bytes()[3:8], bytes(5))  # gzip: no name, no time

    def test_content_is_the_commit(self):
        archive = self.dist("content")
        prefix = archive.name.removesuffix(".tar.gz")
        with tarfile.open(archive) as tar:
            members = [member for member in tar.getmembers() if member.isfile()]
            version = tar.extractfile(f"{prefix}/VERSION").read().decode().strip()
        self.assertEqual(prefix, f"nanots-{version}")
        self.assertEqual({member.name.removeprefix(f"{prefix}/") for member in members},
                         set(git("ls-tree", "-r", "--name-only", "HEAD").splitlines()))
        self.assertEqual({member.mtime for member in members},
                         {int(git("log", "-1", "--format=%ct"))})
        self.assertLessEqual({member.mode for member in members}, {0o644, 0o755})


if __name__ == "__main__":
    unittest.main()
