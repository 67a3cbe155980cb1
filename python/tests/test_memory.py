# SPDX-License-Identifier: AGPL-3.0-or-later
"""python/tests/test_memory.py - large results: memory that is used again, and never while held."""
import threading
import unittest

import numpy as np

from python_case import PythonCase, resident_bytes

ROWS = 600_000  # a column of it is a large block


class Memory(PythonCase):
    def setUp(self):
        super().setUp()
        self.values = np.random.default_rng(1).normal(size=ROWS).round(2)
        self.db.create_table("t", ["a"])
        self.db.append_columns("t", {"ts": np.arange(ROWS), "a": self.values})

    def addresses(self, batch) -> set[int]:
        return {batch._raw.buffers(i)[4].address for i in range(2)}

    def check(self, batch, reverse: bool = False) -> None:
        values = self.values[::-1] if reverse else self.values
        self.assertTrue(np.array_equal(batch.to_numpy()["a"], values))

    def test_is_used_again_and_lies_at_cache_lines(self):
        batch = self.db.query("t").read()
        before = self.addresses(batch)
        self.assertTrue(all(address % 64 == 0 for address in before))
        del batch
        for reverse in (False, True, False):
            batch = self.db.query("t", reverse=reverse).read()
            self.assertEqual(self.addresses(batch), before)
            self.check(batch, reverse)
            del batch

    def test_is_not_while_it_is_held(self):
        held = [self.db.query("t", reverse=bool(i % 2)).read() for i in range(4)]
        self.assertEqual(len(set.union(*map(self.addresses, held))), 8)
        column = held.pop().to_numpy()["a"]
        more = self.db.query("t").read()
        self.check(more)
        self.assertTrue(np.array_equal(column, self.values[::-1]))
        for i, batch in enumerate(held):
            self.check(batch, bool(i % 2))

    def test_outlives_the_database(self):
        batch = self.db.query("t").read()
        self.db.query("t").read()
        self.db.close()
        self.check(batch)
        del batch

    def test_is_bounded_and_given_back(self):
        def results():
            return [self.db.query("t").read() for _ in range(48)]  # of 9.6 MB each

        before = resident_bytes()
        del results()[:]
        kept = resident_bytes() - before
        self.assertLess(kept, 320 << 20)
        self.db.close()
        self.assertLess(resident_bytes() - before, kept // 2 + (64 << 20))

    def test_threads_let_go_at_any_time(self):
        trouble = []

        def work(seed):
            random = np.random.default_rng(seed)
            held = []
            try:
                for _ in range(12):
                    limit = int(random.integers(520_000, ROWS))
                    held.append((limit, self.db.query("t", limit=limit).read()))
                    if len(held) == 3 or random.integers(2):
                        limit, batch = held.pop(int(random.integers(len(held))))
                        values = batch.to_numpy()["a"]
                        assert np.array_equal(values, self.values[:limit])
            except BaseException as error:  # noqa: B036
                trouble.append(error)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(trouble, [])


if __name__ == "__main__":
    unittest.main()
