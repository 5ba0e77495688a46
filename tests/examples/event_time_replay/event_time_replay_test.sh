# event_time_replay_test.sh EXAMPLE WEIRCTL EXPECTED: the example and the tool, as README.md of the example has them.
set -eu
example=$1 weirctl=$2 expected=$3
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

fail() {
  echo "FAIL $*" >&2
  exit 1
}
# has TEXT COMMAND...: the command succeeds and prints the text.
has() {
  text=$1
  shift
  output=$("$@") || fail "$*: $output"
  case $output in *"$text"*) ;; *) fail "$*: no '$text' in: $output" ;; esac
}

for parallelism in 1 3; do
  "$example" "$directory/$parallelism" "$parallelism" >"$directory/output" || fail "parallelism $parallelism"
  diff "$expected" "$directory/output" || fail "parallelism $parallelism"
  has 'ok every score is the same again' "$weirctl" replay "$directory/$parallelism"
  has '"different":0' "$weirctl" replay "$directory/$parallelism" --topic risk-inputs --key press --json
done

# Killed between two checkpoints and started again: the archive is whole, and nothing is in it twice.
"$example" "$directory/killed" 2 >/dev/null 2>&1 &
pid=$!
until ls -d "$directory"/killed/checkpoints/chk-00000[2-9] >/dev/null 2>&1 || ! kill -0 $pid 2>/dev/null; do :; done
kill -9 $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
"$example" "$directory/killed" 3 >"$directory/output" || fail "after a kill"
diff "$expected" "$directory/output" || fail "after a kill"

job=$directory/3
has '180000 of 270000 the same bit by bit' "$weirctl" replay "$job" --version 2
has '300000 records: 270000 answered by both' "$weirctl" replay "$job" --model examples/serving/models/spring.pmml
has "scored by 'risk' version 2" "$weirctl" audit "$job" press --position 200000 --version 1
has 'the same again, bit by bit' "$weirctl" audit "$job" press --time 2026-01-01T05:33:20Z
has '"version":1' "$weirctl" audit "$job" press --position 200000 --version 1 --json

status=0
"$weirctl" audit "$job" press --position 300001 >/dev/null || status=$?
[ "$status" = 1 ] || fail "a record that is not there gives $status"
status=0
"$weirctl" replay "$directory/nothing" 2>/dev/null || status=$?
[ "$status" = 2 ] || fail "a directory without a job gives $status"
status=0
"$weirctl" replay "$job" --version 7 2>/dev/null || status=$?
[ "$status" = 2 ] || fail "a version that never was gives $status"
