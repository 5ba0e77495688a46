"""./dev in a copy of the project with made-up apt, CMake and ctest: what it calls, when, and how it ends."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = ("setup", "build", "test", "demo", "runtimes", "bench", "fuzz", "lint", "format", "clean")

# Every tool appends its name and arguments to $CALLS. Packages in $MISSING are not installed; those in $UNKNOWN are in no
# list until `apt-get update` ran; `apt-get install` fails as many times as $FAILURES has lines.
TOOLS = {
    "dpkg-query": 'if [ ! -f "$STATE/installed" ] && echo " $MISSING " | grep -q " ${!#} "; then exit 1; fi; printf installed',
    "apt-cache": '[ -f "$STATE/updated" ] || ! echo " $UNKNOWN " | grep -q " $2 "',
    "apt-get": '''echo "apt-get $*" >>"$CALLS"
case $1 in
  update) touch "$STATE/updated" ;;
  install)
    left=$(cat "$STATE/failures" 2>/dev/null || echo 0)
    if [ "$left" -gt 0 ]; then echo $((left - 1)) >"$STATE/failures"; exit 100; fi
    touch "$STATE/installed" ;;
esac''',
    "sudo": 'exec "$@"',
    "cmake": '''echo "cmake $*" >>"$CALLS"
case $1 in --preset) mkdir -p "build/$2" && touch "build/$2/build.ninja" ;; --build) echo built; exit "${BUILD_RESULT:-0}" ;; esac''',
    "ctest": 'echo "ctest $*" >>"$CALLS"; echo "the closing line"; exit "${TEST_RESULT:-0}"',
}


class Dev(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        base = pathlib.Path(self.folder.name)
        self.project = base / "a project"  # a blank, as people have them
        self.tools = base / "tools"
        self.state = base / "state"
        for folder in (self.project, self.tools, self.state):
            folder.mkdir()
        for name in ("dev", "packages.txt", "CMakePresets.json"):
            shutil.copy(ROOT / name, self.project)
        os.utime(self.project / "CMakePresets.json", (0, 0))
        for name, script in TOOLS.items():
            tool = self.tools / name
            tool.write_text("#!/bin/bash\n" + script + "\n")
            tool.chmod(0o755)

    def dev(self, *arguments, **environment):
        environment = {"PATH": f"{self.tools}:/usr/bin:/bin", "CALLS": str(self.state / "calls"), "STATE": str(self.state),
                       **environment}
        return subprocess.run([self.project / "dev", *arguments], env=environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, cwd=self.state)

    def calls(self):
        file = self.state / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def write(self, name, text):
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def test_every_command_explains_itself(self):
        texts = set()
        for command in COMMANDS:
            for option in ("--help", "-h"):
                result = self.dev(command, option)
                self.assertEqual(result.returncode, 0)
                self.assertTrue(result.stdout.startswith(f"usage: ./dev {command}"), result.stdout)
            texts.add(result.stdout)
        self.assertEqual(len(texts), len(COMMANDS))
        overview = self.dev("--help")
        self.assertEqual(overview.returncode, 0)
        for command in COMMANDS:
            self.assertIn(f"\n  {command} ", overview.stdout)
        self.assertEqual(self.calls(), [])

    def test_what_it_does_not_know_is_refused(self):
        for arguments in (("deploy",), (), ("setup", "--fast"), ("runtimes", "caffe"), ("build", "--fast"), ("build", "--preset", "fast"),
                          ("test", "--sanitizer", "memory"), ("bench", "nothing"), ("clean", "--fast"), ("lint", "--fast")):
            with self.subTest(arguments=arguments):
                self.assertNotEqual(self.dev(*arguments).returncode, 0)
        self.assertEqual(self.calls(), [])

    def test_setup_does_nothing_when_all_is_installed(self):
        result = self.dev("setup")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(self.calls(), [])

    def test_setup_installs_what_is_missing_only(self):
        result = self.dev("setup", MISSING="cmake unzip clang-tidy")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.calls(), ["apt-get install --yes --quiet --no-install-recommends cmake unzip"])
        self.assertIn("installing 2 packages: cmake unzip", result.stderr)

    def test_setup_installs_the_lint_tools_when_asked(self):
        self.assertEqual(self.dev("setup", "--lint", MISSING="cmake clang-tidy").returncode, 0)
        self.assertTrue(self.calls()[0].endswith(" cmake clang-tidy"))

    def test_setup_updates_the_lists_when_a_package_is_not_in_them(self):
        self.assertEqual(self.dev("setup", MISSING="cmake", UNKNOWN="cmake").returncode, 0)
        self.assertEqual([call.split()[1] for call in self.calls()], ["update", "install"])

    def test_setup_updates_stale_lists_once(self):
        (self.state / "failures").write_text("1")
        self.assertEqual(self.dev("setup", MISSING="cmake").returncode, 0)
        self.assertEqual([call.split()[1] for call in self.calls()], ["install", "update", "install"])

    def test_setup_fails_when_packages_cannot_be_installed(self):
        (self.state / "failures").write_text("9")
        result = self.dev("setup", MISSING="cmake")
        self.assertEqual(result.returncode, 1)
        self.assertEqual([call.split()[1] for call in self.calls()], ["install", "update", "install"])
        self.assertIn("could not install", result.stderr)

    def test_setup_fetches_the_data(self):
        self.write("examples/flights/fetch.sh", 'mkdir -p "$1" && echo data >"$1/flights.csv"\n')
        self.assertEqual(self.dev("setup").returncode, 0)
        self.assertTrue((self.project / ".weir/data/flights/flights.csv").exists())
        self.write("examples/flights/fetch.sh", "exit 7\n")
        result = self.dev("setup")
        self.assertEqual(result.returncode, 1)
        self.assertIn("fetching the flights failed", result.stderr)
        self.assertEqual(self.dev("setup", "--no-data").returncode, 0)

    def test_runtimes_are_fetched_and_their_plugins_built(self):
        self.write("models/fetch_runtimes.sh", 'echo "fetch $*" >>"$CALLS"; mkdir -p "$2/onnxruntime"; touch "$2/onnxruntime/VERSION"\n')
        directory = self.project / ".weir/runtimes"
        build = [f"cmake --build {self.project}/build/release --target weir_plugins"]
        self.assertEqual(self.dev("runtimes", WEIR_RUNTIMES="onnx", MISSING="binutils").returncode, 0)
        install = "apt-get install --yes --quiet --no-install-recommends binutils"
        self.assertEqual(self.calls(), [install, f"fetch onnx {directory}", "cmake --preset release"] + build)
        self.assertEqual(self.dev("runtimes", "none").returncode, 0)
        self.assertEqual(self.calls()[4:], build)

    def test_a_runtime_that_came_after_the_build_was_configured_is_noticed(self):
        self.assertEqual(self.dev("build").returncode, 0)
        (self.project / "build/release/build.ninja").touch()
        os.utime(self.project / "build/release/build.ninja", (1, 1))
        self.write(".weir/runtimes/onnxruntime/VERSION", "1")
        self.assertEqual(self.dev("build").returncode, 0)
        self.assertEqual(self.calls()[2], "cmake --preset release")

    def test_tests_and_demo_fetch_the_runtimes_unless_told_not_to(self):
        self.write("models/fetch_runtimes.sh", 'echo "fetch $*" >>"$CALLS"; exit "${FETCH_RESULT:-0}"\n')
        self.assertEqual(self.dev("test").returncode, 0)
        self.assertEqual(self.calls()[0], f"fetch all {self.project}/.weir/runtimes")
        self.assertEqual(self.dev("test", WEIR_RUNTIMES="none").returncode, 0)
        self.dev("demo")
        self.assertEqual(len([call for call in self.calls() if call.startswith("fetch")]), 2)
        result = self.dev("test", FETCH_RESULT="1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("WEIR_RUNTIMES=none", result.stderr)

    def test_build_configures_once(self):
        self.assertEqual(self.dev("build", "--preset", "debug", "-j", "3", "one", "two").returncode, 0)
        directory = self.project / "build/debug"
        build = f"cmake --build {directory} --parallel 3 --target one two"
        self.assertEqual(self.calls(), ["cmake --preset debug", build])
        self.assertEqual(self.dev("build", "--preset", "debug").returncode, 0)
        self.assertEqual(self.calls()[2:], [f"cmake --build {directory}"])
        self.assertEqual(self.dev("build", BUILD_RESULT="2").returncode, 2)

    def test_test_ends_with_ctests_last_line_and_result(self):
        for preset, arguments in (("release", []), ("asan", ["--sanitizer", "address"]), ("tsan", ["--sanitizer", "thread"])):
            for expected in (0, 8):
                result = self.dev("test", *arguments, "-R", "a regex", TEST_RESULT=str(expected))
                self.assertEqual(result.returncode, expected)
                self.assertEqual(result.stdout, "the closing line\n")
                self.assertIn(f"ctest --test-dir {self.project}/build/{preset} ", self.calls()[-1])
                self.assertTrue(self.calls()[-1].endswith(" -R a regex"))
        self.assertEqual(self.dev("test", BUILD_RESULT="1").returncode, 1)
        self.assertTrue(self.calls()[-1].startswith("cmake --build"))

    def test_continuous_integration_runs_the_tests(self):
        self.write(".ci/run", (ROOT / ".ci/run").read_text())
        (self.project / ".ci/run").chmod(0o755)
        result = subprocess.run([self.project / ".ci/run"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                env={"PATH": f"{self.tools}:/usr/bin:/bin", "CALLS": str(self.state / "calls"),
                                     "STATE": str(self.state), "TEST_RESULT": "3"})
        self.assertEqual((result.returncode, result.stdout), (3, "the closing line\n"))

    def test_demo_and_bench_run_what_they_built(self):
        program = '#!/bin/bash\nprintf "%s|" "$PWD" "$@"\nexit 4\n'
        for name in ("examples/flights/flights_demo", "bench/bench_engine"):
            self.write("build/release/" + name, program)
            (self.project / "build/release" / name).chmod(0o755)
        self.write("bench/bench_engine.cpp", "")
        demo = self.dev("demo", "--speed", "max")
        self.assertEqual(demo.returncode, 4)
        self.assertEqual(demo.stdout, f"{self.state}|--data|{self.project}/.weir/data/flights|"
                                      f"--directory|{self.project}/.weir/demo|--speed|max|")
        self.assertIn("--target flights_demo", self.calls()[-1])
        bench = self.dev("bench", "engine", "--json", "a file")
        self.assertEqual((bench.returncode, bench.stdout), (4, f"{self.state}|--json|a file|"))
        self.assertIn("--target bench_engine", self.calls()[-1])
        self.assertEqual(self.dev("bench").stdout, "engine\n")

    def test_clean_removes_what_was_built_and_keeps_data_unless_told(self):
        self.write("build/release/x", "")
        self.write(".weir/data/x", "")
        self.assertEqual(self.dev("clean").returncode, 0)
        self.assertFalse((self.project / "build").exists())
        self.assertTrue((self.project / ".weir").exists())
        self.assertEqual(self.dev("clean", "--all").returncode, 0)
        self.assertFalse((self.project / ".weir").exists())


if __name__ == "__main__":
    unittest.main()
