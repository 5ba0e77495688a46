"""Each rule finds the breach it exists for, and leaves a good tree alone."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import repository_rules

GOOD = {
    "engine/base/include/weir/status.hpp": "#pragma once\n/// Status.\n#include <string>\n",
    "engine/base/status.cpp": "#include <weir/status.hpp>\n#include <xxhash.h>\n",
    "state/include/weir/state.hpp": "#pragma once\n/// State.\n#include <boost/pfr.hpp>\n#include <weir/status.hpp>\n",
    "state/store.hpp": "#pragma once\n",
    "state/store.cpp": '#include "state/store.hpp"\n#include <rocksdb/db.h>\n#include <weir/state.hpp>\n',
    "state/checkpoint_store.hpp": "#pragma once\n#include <weir/state.hpp>\n",
    "models/include/weir/model.hpp": "#pragma once\n/// Models.\n#include <weir/status.hpp>\n",
    "models/model.cpp": "#include <expat.h>\n#include <weir/model.hpp>\n",
    "engine/include/weir/pipeline.hpp": "#pragma once\n/// Pipelines.\n#include <weir/state.hpp>\n",
    "engine/runtime/task.hpp": "#pragma once\n// PMML is for others\n",
    "engine/runtime/task.cpp": '#include "task.hpp"\n#include "state/checkpoint_store.hpp"\n#include <weir/pipeline.hpp>\n',
    "operators/include/weir/serving.hpp": "#pragma once\n/// Serving.\n#include <weir/model.hpp>\n#include <weir/pipeline.hpp>\n",
    "examples/quickstart/main.cpp": '#include <weir/serving.hpp>\n#include "wine.hpp"\n',
    "examples/quickstart/wine.hpp": "#pragma once\n",
    "bench/bench_engine.cpp": "#include <weir/pipeline.hpp>\n",
    "tests/engine/task_test.cpp": '#include "engine/runtime/task.hpp"\n#include "support/clock.hpp"\n#include <gtest/gtest.h>\n',
    "tests/examples/quickstart/wine_test.cpp": '#include "wine.hpp"\n',
    "tests/support/clock.hpp": "#pragma once\n",
    "docs/notes.md": "Data go to .weir/data; see docs/work/plan and $HOME/work/x.\n",
}


def breaches_of(changes):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {**GOOD, **changes}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return repository_rules.breaches(root)


class Rules(unittest.TestCase):
    def assert_only_breach(self, changes, expected):
        found = breaches_of(changes)
        self.assertEqual(len(found), 1, found)
        self.assertIn(expected, found[0])

    def test_a_good_tree_has_no_breaches(self):
        self.assertEqual(breaches_of({}), [])

    def test_layering(self):
        for name, text, expected in (
            ("engine/base/hash.cpp", "#include <weir/state.hpp>\n", "base may not use state"),
            ("state/a.cpp", "#include <weir/model.hpp>\n", "state may not use models"),
            ("state/a.cpp", "#include <weir/pipeline.hpp>\n", "state may not use engine"),
            ("models/a.cpp", "#include <weir/state.hpp>\n", "models may not use state"),
            ("engine/runtime/a.cpp", "#include <weir/model.hpp>\n", "engine may not use models"),
            ("engine/runtime/a.cpp", "#include <weir/serving.hpp>\n", "engine may not use operators"),
            ("engine/runtime/a.cpp", '#include "state/store.hpp"\n', "a private header of state"),
            ("operators/map.cpp", '#include "state/checkpoint_store.hpp"\n', "a private header of state"),
            ("operators/map.cpp", '#include "engine/runtime/task.hpp"\n', "a private header of engine"),
            ("operators/map.cpp", '  #  include "../engine/runtime/task.hpp"\n', "no file of the repository"),
            ("operators/map.cpp", "#include <weir/nothing.hpp>\n", "no file of the repository"),
            ("operators/map.cpp", '#include "tests/support/clock.hpp"\n', "a component uses components only"),
            ("engine/include/weir/job.hpp", '#pragma once\n/// Job.\n#include "engine/runtime/task.hpp"\n', "private"),
            ("examples/a/main.cpp", '#include "engine/runtime/task.hpp"\n', "see <weir/...> only"),
            ("bench/a.cpp", '#include "state/store.hpp"\n', "see <weir/...> only"),
            ("bench/limits/a.cpp", "#include <weir/pipeline.hpp>\n", "uses nothing of weir"),
            ("bench/a.cpp", '#include "examples/quickstart/wine.hpp"\n', "a file of another folder"),
            ("tests/integration/a.cpp", '#include "state/store.hpp"\n', "see <weir/...> only"),
            ("tests/operators/a.cpp", '#include "wine.hpp"\n', "no file of the repository"),
            ("tests/operators/a.cpp", '#include "engine/runtime/task.hpp"\n', "internals of operators only"),
        ):
            with self.subTest(name=name, text=text):
                if name.startswith("engine/include"):
                    self.assertTrue(any(expected in breach for breach in breaches_of({name: text})))
                else:
                    self.assert_only_breach({name: text}, expected)

    def test_generated_protobuf_belongs_to_proto(self):
        include = "#include <weir/model_descriptor.pb.h>\n"
        self.assertEqual(breaches_of({"operators/a.cpp": include}), [])
        self.assert_only_breach({"engine/base/a.cpp": include}, "base may not use proto")
        self.assert_only_breach({"examples/a/main.cpp": include}, "see <weir/...> only")

    def test_leak(self):
        start = "#pragma once\n/// Text.\n"
        for library in ("rocksdb/db.h", "boost/asio.hpp", "boost/beast/core.hpp", "boost/lockfree/spsc_queue.hpp", "expat.h",
                        "spdlog/spdlog.h", "fmt/format.h", "re2/re2.h", "openssl/sha.h", "xxhash.h", "boost/json.hpp",
                        "sys/socket.h", "google/protobuf/message.h"):
            with self.subTest(library=library):
                header = {"operators/include/weir/sink.hpp": f"{start}#include <{library}>\n"}
                self.assert_only_breach(header, f"leaks {library}")

    def test_leak_of_an_internal_interface(self):
        self.assert_only_breach({"state/checkpoint_store.hpp": "#include <rocksdb/db.h>\n"}, "leaks rocksdb/db.h")

    def test_protobuf_shows_in_its_own_header_only(self):
        opt_in = {"operators/include/weir/protobuf.hpp": "#pragma once\n/// Text.\n#include <google/protobuf/message.h>\n"}
        self.assertEqual(breaches_of(opt_in), [])
        user = {"operators/include/weir/sink.hpp": "#pragma once\n/// Text.\n#include <weir/protobuf.hpp>\n"}
        self.assert_only_breach({**opt_in, **user}, "for users of Protobuf only")

    def test_words(self):
        self.assert_only_breach({"engine/runtime/a.cpp": "int load_pmml();\n"}, "engine names pmml")
        self.assert_only_breach({"engine/runtime/a.cpp": "/* x\n*/\nRocksDb db;\n"}, "a.cpp:3: engine names RocksDb")
        self.assert_only_breach({"state/a.cpp": "using OnnxModel = int;\n"}, "state names Onnx")

    def test_headers(self):
        name = "engine/include/weir/job.hpp"
        self.assert_only_breach({name: "#include <string>\n"}, "starts with #pragma once")
        self.assert_only_breach({name: "#pragma once\n#include <string>\n"}, "/// comment")
        self.assert_only_breach({name: ""}, "starts with #pragma once")

    def test_excerpts(self):
        page = "<!-- from examples/quickstart/main.cpp -->\n```cpp\n  #include \"wine.hpp\"\n```\n"
        self.assertEqual(breaches_of({"README.md": page}), [])
        self.assert_only_breach({"README.md": page.replace("wine.hpp", "beer.hpp")}, "README.md:1: examples/quickstart/main.cpp has changed")
        self.assert_only_breach({"README.md": page.replace("main.cpp", "gone.cpp")}, "gone.cpp, which does not exist")

    def test_links(self):
        self.assertEqual(breaches_of({"README.md": "[a](docs/notes.md#x) [b](#here) [c](https://example.org/x)\n"}), [])
        self.assert_only_breach({"docs/a.md": "[a](docs/notes.md)\n"}, "docs/a.md: links to docs/notes.md")

    def test_named_tests(self):
        test = {"tests/base/time_test.cpp": "TEST(Time, Passes) {}\nTEST_F(TimeFixture,\n       IsUp) {}\n"}
        self.assertEqual(breaches_of({**test, "docs/faults.md": "`Time.Passes`, `TimeFixture.IsUp`\n"}), [])
        self.assert_only_breach({**test, "docs/faults.md": "`Time.StandsStill`\n"}, "names the test Time.StandsStill")

    def test_places(self):
        slash = "/"  # this file is checked, too
        for text in (f"{slash}work/main", f"see ({slash}home/me/x)", f'"{slash}root/data"', "https://files.python" "hosted.org/x",
                     "http://deb.debian" ".org/debian", "europe-python.pkg" ".dev/x"):
            with self.subTest(text=text):
                self.assert_only_breach({"docs/a.md": text + "\n"}, "names a place")

    def test_the_command_fails_on_a_breach_and_on_an_empty_tree(self):
        script = repository_rules.__file__
        with tempfile.TemporaryDirectory() as folder:
            empty = subprocess.run([sys.executable, script, folder], capture_output=True, text=True)
            self.assertEqual(empty.returncode, 1)
            header = pathlib.Path(folder) / "state/include/weir/state.hpp"
            header.parent.mkdir(parents=True)
            header.write_text("#pragma once\n/// State.\n")
            good = subprocess.run([sys.executable, script, folder], capture_output=True, text=True)
            self.assertEqual(good.returncode, 0, good.stdout)
            header.write_text("#pragma once\n/// State.\n#include <rocksdb/db.h>\n")
            bad = subprocess.run([sys.executable, script, folder], capture_output=True, text=True)
            self.assertEqual(bad.returncode, 1)
            self.assertIn("state.hpp:3: leaks rocksdb/db.h", bad.stdout)


if __name__ == "__main__":
    unittest.main()
