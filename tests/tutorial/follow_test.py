"""The follower of the tutorial notices what is not printed, and the page has what it looks for."""

import pathlib
import sys
import unittest

import follow

PAGE = pathlib.Path(sys.argv[1])


class Follow(unittest.TestCase):
    def test_takes_commands_with_the_lines_they_print(self):
        page = "```sh\na\nb\n```\ntext\n```text\n1\n…2\n```\n```python\nx\n```\n```sh\nc\n```\n"
        self.assertEqual(follow.steps(page), [("a\nb\n", ["1", "…2"]), ("c\n", [])])

    def test_an_ellipsis_is_anything_and_the_rest_is_not(self):
        self.assertTrue(follow.matches("a…c", "abbc"))
        self.assertTrue(follow.matches("a…", "a"))
        self.assertFalse(follow.matches("a.c", "abc"))
        self.assertFalse(follow.matches("a", "ab"))

    def test_lines_must_come_in_their_order(self):
        self.assertIsNone(follow.first_missing(["1", "3"], ["1", "2", "3"]))
        self.assertEqual(follow.first_missing(["3", "1"], ["1", "2", "3"]), "1")
        self.assertEqual(follow.first_missing(["4"], []), "4")

    def test_the_page_tells_what_its_steps_print(self):
        steps = follow.steps(PAGE.read_text())
        self.assertGreater(len(steps), 10)
        self.assertGreater(sum(bool(expected) for _, expected in steps), 10)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
