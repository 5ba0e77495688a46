"""The serving example by a client's eyes: models posted, refused, replaced, rolled back, and there again after kill -9."""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

PROGRAM = sys.argv[1]
MODELS = pathlib.Path(sys.argv[2])


class Job:
    def __init__(self, directory):
        self.process = subprocess.Popen([PROGRAM, directory], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.process.stdout.close()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask(self, path, body=None):
        """(status, answer); a body makes it a POST."""
        try:
            with urllib.request.urlopen(self.url + path, data=body, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def publish(self, key, file):
        status, _ = self.ask(f"/v1/models?key={key}&name=risk", (MODELS / file).read_bytes())
        assert status == 202, status

    def serving(self, key):
        """What the serving operator says of a key; None when it does not know the key yet."""
        status, answer = self.ask(f"/v1/models/{key}")
        assert status in (200, 404), answer
        return answer["operators"][0]["serving"] if status == 200 else None

    def until(self, what, holds):
        """Asks until the answer satisfies `holds`; ctest's timeout is the bound."""
        while True:
            answer = what()
            if answer is not None and holds(answer):
                return answer


def current_version(serving):
    current = serving["models"]["current"]
    return 0 if current is None else current["version"]


class ServingExample(unittest.TestCase):
    def test_models_are_replaced_and_survive_a_kill(self):
        with tempfile.TemporaryDirectory() as directory:
            with Job(directory) as job:
                job.publish("press", "spring.pmml")
                job.until(lambda: job.serving("press"), lambda serving: current_version(serving) == 1)
                job.publish("press", "wrong-input.pmml")
                refused = job.until(lambda: job.serving("press"), lambda serving: serving["models"]["refused"])
                self.assertIn("pressure", refused["models"]["refused"][0]["reason"])
                self.assertEqual(current_version(refused), 1)
                job.publish("press", "summer.pmml")
                job.until(lambda: job.serving("press"), lambda serving: current_version(serving) == 3)
                status, _ = job.ask("/v1/models/press/rollback", b"")
                self.assertEqual(status, 202)
                job.until(lambda: job.serving("press"), lambda serving: current_version(serving) == 1)
                used = job.until(lambda: job.serving("press"),
                                 lambda serving: sum(v["usage"] for v in serving["statistics"]["versions"]) > 0)
                self.assertGreaterEqual(used["swaps"]["swaps"], 3)
                status, checkpoint = job.ask("/v1/checkpoints", b"")
                self.assertEqual(status, 200, checkpoint)
                job.kill()
            with Job(directory) as job:
                again = job.until(lambda: job.serving("press"), lambda serving: True)
                self.assertEqual(current_version(again), 1)
                self.assertGreaterEqual(again["swaps"]["swaps"], used["swaps"]["swaps"])
                status, _ = job.ask("/v1/stop", b"")
                self.assertEqual(status, 202)
                self.assertEqual(job.process.wait(), 0)
            lines = [line for file in sorted(pathlib.Path(directory, "risks").glob("risk-*.csv"))
                     for line in file.read_text().splitlines()[1:]]
            times = [line.split(",")[1] for line in lines]
            self.assertEqual(len(times), len(set(times)), "a reading was scored twice")
            self.assertIn("ok", {line.split(",")[-1] for line in lines})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
