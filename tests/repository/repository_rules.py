"""Rules of the repository that a compiler does not see. `repository_rules.py ROOT` prints every breach and exits 1.

layering   who may include whom (docs/architecture.md); quoted includes are paths from the root or siblings
leak       public headers include weir, the standard library and two header-only Boost libraries, nothing else
words      the engine and the state name no operator library, storage backend or model format above their own business
headers    a public header starts with #pragma once and a /// comment
places     no path of a machine and no registry host anywhere
excerpts   code that a page says is from a file is in that file, line for line (indentation aside)
links      what a page links to in the repository is there
named_tests  the tests that docs/faults.md names are there
"""

import pathlib
import re
import sys

SKIPPED = {".git", ".weir", "build", "__pycache__"}
PUBLIC = "/include/weir/"

# Component -> components it may use. A component always may use itself.
MAY_USE = {
    "proto": set(),
    "base": set(),
    "state": {"base", "proto"},
    "models": {"base", "proto"},
    "engine": {"base", "proto", "state"},
    "operators": {"base", "proto", "engine", "state", "models"},
    "weir": {"base", "engine", "state", "models", "operators"},
}
# Internal interfaces: not installed, but another component may use them. They leak no more than a public header.
INTERFACES = {"state/checkpoint_store.hpp": {"engine"}}
# Folders that see weir as its users do: <weir/...> and their own files.
USERS = ("examples/", "bench/", "tools/", "tests/integration/", "tests/consumer/")

# The only libraries a public header may include: they are header-only and part of the compiler's or Boost's headers.
PUBLIC_LIBRARIES = re.compile(r"^(boost/(pfr|describe|mp11)([./]|$)|[a-z_]+$|std(def|int)\.h$)")
# Public headers for users of Protobuf messages; nothing else includes them.
PROTOBUF_HEADERS = {"weir/protobuf.hpp"}
PROTOBUF = re.compile(r"^google/protobuf/|\.pb\.h$")

# Words that must not occur in the code (comments aside) of a folder.
FOREIGN_WORDS = {
    "engine/": re.compile(r"pmml|onnx|tensorflow|rocksdb|ServeModel|kafka", re.IGNORECASE),
    "state/": re.compile(r"pmml|onnx|tensorflow|ServeModel|kafka", re.IGNORECASE),
}

HOSTS = (
    r"pypi\.org", r"pythonhosted\.org", r"deb\.debian\.org", r"snapshot\.debian\.org", r"repo\.maven\.apache\.org",
    r"repo1\.maven\.org", r"registry\.npmjs\.org", r"pkg\.dev\b", r"index\.crates\.io", r"static\.crates\.io",
    r"proxy\.golang\.org", r"conda\.anaconda\.org", r"nodesource\.com", r"packages\.cloud\.google\.com",
)
PLACES = re.compile(r"(?<![\w.$}-])/(?:work|root|home|Users)/\w|" + "|".join(HOSTS))

EXCERPT = re.compile(r"^<!-- from (\S+) -->\n```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s:]+)(?:#[^)\s]*)?\)")

FAULTS = "docs/faults.md"
NAMED_TEST = re.compile(r"`(\w+\.\w+)`")
TEST = re.compile(r"^(?:TEST(?:_F|_P)?|RC_GTEST_(?:FIXTURE_)?PROP)\(\s*(\w+),\s*(\w+)", re.MULTILINE)

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/', re.DOTALL)


def files(root):
    """Paths of the tree relative to its root, with forward slashes, sorted."""
    pending = [root]
    while pending:
        for path in sorted(pending.pop().iterdir()):
            if path.name in SKIPPED or path.is_symlink():
                continue
            if path.is_dir():
                pending.append(path)
            else:
                yield path.relative_to(root).as_posix()


def component(path):
    """The component a source file belongs to, or None outside of them."""
    if path.startswith("engine/base/"):
        return "base"
    if path.startswith("cmake/weir/"):
        return "weir"
    first = path.split("/", 1)[0]
    return first if first in MAY_USE else None


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = sorted(files(self.root))
        self.known = set(self.files)
        self.public = {path.split("/include/", 1)[1]: path for path in self.files
                       if PUBLIC in path and component(path)}
        self.sources = [path for path in self.files if path.endswith((".cpp", ".hpp", ".h", ".cc"))]

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def includes(self, path):
        """(line number, is it quoted, name) of every include."""
        text = self.text(path)
        for found in INCLUDE.finditer(text):
            yield text.count("\n", 0, found.start(2)) + 1, found.group(1) == '"', found.group(2)

    def resolve(self, path, quoted, name):
        """The file of ours that an include means; '' for one of ours that does not exist; None for a library's."""
        if name.endswith(".pb.h"):
            return "proto/" + name.rsplit("/", 1)[-1]
        if name.startswith("weir/"):
            return self.public.get(name, "")
        if not quoted:
            return None
        folder = pathlib.PurePosixPath(path).parent
        candidates = [(folder / name).as_posix(), name, "tests/" + name]
        if path.startswith("tests/"):  # a sibling of what is tested
            candidates.append((folder.relative_to("tests") / name).as_posix())
        for candidate in candidates:
            if candidate in self.known:
                return candidate
        return ""


def layering(tree):
    for path in tree.sources:
        own = component(path)
        for line, quoted, name in tree.includes(path):
            target = tree.resolve(path, quoted, name)
            if target is None:
                continue
            where = f"{path}:{line}: includes {name}"
            if target == "":
                yield f"{where}, which is no file of the repository (write paths from the root or name a sibling)"
                continue
            other = component(target)
            public = PUBLIC in target or name.endswith(".pb.h")
            if own is not None:
                if other is None:
                    yield f"{where}: a component uses components only"
                elif other != own and other not in MAY_USE[own]:
                    yield f"{where}: {own} may not use {other}"
                elif other != own and not public and own not in INTERFACES.get(target, ()):
                    yield f"{where}: a private header of {other}"
                elif PUBLIC in path and not public:
                    yield f"{where}: a public header may not need a private one"
            elif path.startswith(USERS):
                folder = path.split("/")[0] + "/"
                if path.startswith("bench/limits/") and other is not None:
                    yield f"{where}: a hand-written limit uses nothing of weir"
                    continue
                if name.endswith(".pb.h") or (other is not None and not public):
                    yield f"{where}: examples, bench, tools and integration tests see <weir/...> only"
                elif other is None and not target.startswith((folder, "tests/support/")):
                    yield f"{where}: a file of another folder"
            elif path.startswith("tests/") and other is not None and not public:
                tested = path.split("/")[1]
                if tested not in (other, "support"):
                    yield f"{where}: tests/{tested} may use the internals of {tested} only"


def leak(tree):
    interfaces = {path: path for path in INTERFACES if path in tree.known}
    for name, path in sorted({**tree.public, **interfaces}.items()):
        for line, _, included in tree.includes(path):
            if included.startswith("weir/") and not PROTOBUF.search(included):
                if included in PROTOBUF_HEADERS:
                    yield f"{path}:{line}: includes {included}, which is for users of Protobuf only"
            elif PROTOBUF.search(included):
                if name not in PROTOBUF_HEADERS:
                    yield f"{path}:{line}: leaks {included}: Protobuf shows in {', '.join(PROTOBUF_HEADERS)} only"
            elif not PUBLIC_LIBRARIES.search(included):
                yield f"{path}:{line}: leaks {included}"


def without_comments(text):
    return COMMENT.sub(lambda found: "\n" * found.group().count("\n"), text)


def words(tree):
    for path in tree.sources:
        for folder, foreign in FOREIGN_WORDS.items():
            if not path.startswith(folder):
                continue
            for number, line in enumerate(without_comments(tree.text(path)).splitlines(), 1):
                found = foreign.search(line)
                if found:
                    yield f"{path}:{number}: {folder[:-1]} names {found.group()}"


def headers(tree):
    for path in sorted(tree.public.values()):
        lines = [line for line in tree.text(path).splitlines() if line.strip()]
        if not lines or lines[0] != "#pragma once":
            yield f"{path}:1: a public header starts with #pragma once"
        elif len(lines) < 2 or not lines[1].startswith("///"):
            yield f"{path}:2: a public header says in a /// comment what it is"


def places(tree):
    for path in tree.files:
        if path.startswith("LICENSE"):
            continue
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            found = PLACES.search(line)
            if found:
                yield f"{path}:{number}: names a place of one machine or a registry: {found.group()}"


def stripped(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def excerpts(tree):
    for path in tree.files:
        if not path.endswith(".md"):
            continue
        text = tree.text(path)
        for found in EXCERPT.finditer(text):
            where = f"{path}:{text.count(chr(10), 0, found.start()) + 1}"
            if found.group(1) not in tree.known:
                yield f"{where}: an excerpt of {found.group(1)}, which does not exist"
                continue
            excerpt = stripped(found.group(2))
            source = stripped(tree.text(found.group(1)))
            if not any(source[at:at + len(excerpt)] == excerpt for at in range(len(source))):
                yield f"{where}: {found.group(1)} has changed since this excerpt was taken"


def links(tree):
    for path in tree.files:
        if not path.endswith(".md"):
            continue
        folder = tree.root / pathlib.PurePosixPath(path).parent
        for found in LINK.finditer(tree.text(path)):
            if not (folder / found.group(1)).exists():
                yield f"{path}: links to {found.group(1)}, which does not exist"


def named_tests(tree):
    if FAULTS not in tree.known:
        return
    there = {".".join(test) for path in tree.sources if path.startswith("tests/") for test in TEST.findall(tree.text(path))}
    for name in NAMED_TEST.findall(tree.text(FAULTS)):
        if name not in there:
            yield f"{FAULTS}: names the test {name}, which does not exist"


RULES = (layering, leak, words, headers, places, excerpts, links, named_tests)


def breaches(root):
    tree = Tree(root)
    return [f"[{rule.__name__}] {breach}" for rule in RULES for breach in rule(tree)]


def main(arguments):
    root = pathlib.Path(arguments[1])
    tree = Tree(root)
    if not tree.public or not tree.sources:
        print(f"{root} holds no public headers: not the root of weir?")
        return 1
    found = breaches(root)
    for breach in found:
        print(breach)
    print(f"{len(found)} breaches in {len(tree.files)} files, {len(tree.public)} public headers")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
