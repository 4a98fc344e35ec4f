#!/bin/sh
# Did a change make a model of the suite worse? GitHub, GitLab and a plain shell run this same file.
# It needs git, python3 and bench; `comment` needs python3 only.
#
#   sh bench-ci.sh compare   measure the merge base and the working tree, compare them, write $BENCH_OUTPUT
#   sh bench-ci.sh comment   write $BENCH_OUTPUT/comment.md to the pull request, or update the comment there
#
# Its settings are environment variables:
#   BENCH_SUITE     the suite, by its path from the root of the repository
#   BENCH_BASE      the branch or commit to compare with; GitHub and GitLab state it for a pull request
#   BENCH_OPTIONS   options of both `bench run`, such as: --trust --offline
#   BENCH_SETUP     a command to run in each of the two trees before its suite, such as: pip install .
#   BENCH_OUTPUT    the folder to write, by default bench-ci
#   BENCH_HEAD_SHA  of `comment` on GitHub: the commit that was measured, as GitHub states it
#   BENCH_RUN_URL   of `comment` on GitHub: the page of the job that measured it, optional
#   GITHUB_TOKEN, BENCH_GITLAB_TOKEN   of `comment`: may write comments
set -u

stop() { # STATUS MESSAGE: end with a message
  echo "bench-ci: $2" >&2
  exit "$1"
}

compare() {
  root=$(git rev-parse --show-toplevel) || exit 2
  cd "$root" || exit 2
  [ -n "$suite" ] || stop 2 "state the suite: BENCH_SUITE=suite.toml"
  mkdir -p "$output" && output=$(cd "$output" && pwd) || exit 2
  # The files of an earlier comparison are removed, and nobody else's.
  [ -f "$output/.gitignore" ] || [ -z "$(ls -A "$output")" ] ||
    stop 2 "$output holds other files: BENCH_OUTPUT must be a folder of its own"
  [ "$output" != "$root" ] || stop 2 "BENCH_OUTPUT must be a folder of its own, not the root of the repository"
  rm -rf "$output/base" "$output/head" "$output/comment.md" "$output/junit.xml" "$output/pull-request"
  command -v bench >/dev/null || stop 2 "the command bench is not found: install bench-suite"
  echo '*' >"$output/.gitignore" # nothing in it is committed
  work=$(mktemp -d) || exit 2
  trap clean_up EXIT
  trap 'exit 130' INT TERM
  : >"$work/head.txt"
  base_run=
  case ${GITHUB_REF:-} in
    refs/pull/*/*) number=${GITHUB_REF#refs/pull/} && echo "${number%%/*}" >"$output/pull-request" ;;
  esac
  find_base
  if [ ! -f "$suite" ]; then
    conclude 2 "Head has no $suite."
  elif ! git cat-file -e "$base:$suite" 2>/dev/null; then
    measure_head
    conclude "$status" "The base has no $suite, so only min and max are judged."
  elif [ "$base" = "$(git rev-parse HEAD)" ] && git diff --quiet HEAD; then
    measure_head
    conclude "$status" "Head adds nothing to the base, so only min and max are judged."
  else
    measure_base
    measure_head --against "$base_run"
    conclude "$status" "Head made no run that can be compared; the log says why."
  fi
}

clean_up() {
  git worktree remove --force "$work/base" 2>/dev/null
  rm -rf "$work"
}

find_base() { # set base, the newest commit that both sides have, and base_name
  base_name=${BENCH_BASE:-${GITHUB_BASE_REF:-}}
  if [ -z "$base_name" ] && [ "${CI_MERGE_REQUEST_EVENT_TYPE:-}" = merged_result ]; then
    base_name=${CI_MERGE_REQUEST_TARGET_BRANCH_NAME:-}
  elif [ -z "$base_name" ]; then
    base_name=${CI_MERGE_REQUEST_DIFF_BASE_SHA:-}
  fi
  [ -n "$base_name" ] || stop 2 "state the branch to compare with: BENCH_BASE=main"
  tip=$(find_commit "refs/remotes/origin/$base_name") || tip=$(find_commit "$base_name") || {
    git fetch --quiet origin "+refs/heads/$base_name:refs/remotes/origin/$base_name" &&
      tip=$(find_commit "refs/remotes/origin/$base_name")
  } || stop 2 "there is no branch or commit $base_name"
  base=$(git merge-base "$tip" HEAD) ||
    stop 2 "no commit of $base_name is known to be in head: fetch the whole history (fetch-depth: 0, GIT_DEPTH: 0)"
}

find_commit() {
  git rev-parse --quiet --verify --end-of-options "$1^{commit}"
}

measure_base() { # set base_run
  git worktree add --quiet --detach "$work/base" "$base" || exit 2
  echo "bench-ci: the base, $base"
  status=0
  # With [gate] seeds, head and base get seeds while a gate is undecided. The base cannot get them later if each tree
  # needs a setup, so it gets all of them now.
  (set_up_and_run "$work/base" "$output/base" ${BENCH_SETUP:+--seeds all}) || status=$?
  # 1: the base fails its own min or max; 3: one of its cells failed. The rest is still compared.
  case $status in
    0 | 1 | 3) ;;
    *) conclude "$status" "The suite cannot be run in the base: bench ended with $status." ;;
  esac
  base_run=$(find_run "$output/base") || conclude 2 "The base made no run."
}

measure_head() { # OPTIONS: set status
  echo "bench-ci: head, $(git rev-parse HEAD)"
  status=0
  (set_up_and_run "$root" "$output/head" "$@") >"$work/head.txt" || status=$?
  cat "$work/head.txt"
}

set_up_and_run() { # TREE RESULTS OPTIONS
  cd "$1" || exit 2
  [ -z "${BENCH_SETUP:-}" ] || sh -c "$BENCH_SETUP" >&2 || stop 2 "BENCH_SETUP failed in $1"
  results=$2
  shift 2
  set -f # BENCH_OPTIONS is split at blanks, and no name of a file is filled in
  # shellcheck disable=SC2086
  bench run "$suite" ${BENCH_OPTIONS:-} --results "$results" "$@"
}

find_run() { # RESULTS: print the folder of the only run
  for file in "$1"/*/run.json; do
    [ -f "$file" ] && dirname "$file" && return 0
  done
  return 1
}

conclude() { # STATUS REASON: write what there is to read, and exit with the status; the reason is why nothing is compared
  # The run has compared already, and its status counts; this writes the same comparison to files.
  if [ -n "$base_run" ] && head_run=$(find_run "$output/head"); then
    trust=
    case " ${BENCH_OPTIONS:-} " in *" --trust "*) trust=--trust ;; esac
    # shellcheck disable=SC2086
    bench compare "$base_run" "$head_run" $trust --markdown "$work/comparison.md" --junit "$output/junit.xml" \
      >/dev/null 2>"$work/messages.txt" || [ -f "$work/comparison.md" ] || cat "$work/messages.txt" >&2
  fi
  python3 - "$work" "$output" "$suite" "$base" "$base_name" "$1" "$2" <<'PYTHON' || exit 2
"""Write comment.md, the summary of the step and the annotations."""
import os
import pathlib
import re
import sys
from xml.etree import ElementTree

work, output = map(pathlib.Path, sys.argv[1:3])
suite, base, base_name, status, reason = sys.argv[3:]
results = {
    "0": "passed",
    "1": "a gate failed, or something is worse",
    "2": "the input is wrong",
    "3": "a cell failed",
    "4": "cannot tell",
}
printed = (work / "head.txt").read_text(encoding="utf-8", errors="replace")
comparison = work / "comparison.md"
if comparison.is_file():
    parts = [comparison.read_text(encoding="utf-8")]
else:
    indented = "\n".join("    " + line for line in printed.splitlines()[-60:])
    parts = ["### Nothing is compared", reason, indented]
result = results.get(status, "an error")
parts.append(f"Suite `{suite}`, exit status {status}: {result}. Base: `{base[:10]}`, the merge base with `{base_name}`.")
comment = "\n\n".join(part.rstrip() for part in parts if part.strip()) + "\n"
(output / "comment.md").write_text(comment, encoding="utf-8")
if os.environ.get("GITHUB_STEP_SUMMARY"):
    with open(os.environ["GITHUB_STEP_SUMMARY"], "a", encoding="utf-8") as file:
        file.write(comment)


def escaped(text, also=""):
    return "".join(f"%{ord(c):02X}" if c in "%\r\n" + also else c for c in text)


def line_of(name):
    """Return the line of the suite that gates a metric, or None."""
    metric = re.split(r" \(|, ratio to |, tolerance ", name)[0]
    path = pathlib.Path(suite)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    start = re.compile(rf"""\s*["']{re.escape(metric)}["']\s*=""")
    return next((number for number, line in enumerate(lines, 1) if start.match(line)), None)


problems = []
junit = output / "junit.xml"
if junit.is_file():
    for element in ("failure", "error"):
        for test in ElementTree.parse(junit).iter("testcase"):
            problem = test.find(element)
            if problem is not None:
                title = f"{test.get('name')}, {test.get('classname')}"
                problems.append((title, problem.get("message", ""), line_of(test.get("name", ""))))
else:
    if status != "0":
        problems.append((suite, f"{reason} Exit status {status}: {result}.", None))
for line in printed.splitlines():
    if line.startswith("gate failed: "):
        gate = line.removeprefix("gate failed: ")
        problems.append(("gate failed", gate, line_of(gate.split(",")[0])))
if len(problems) > 10:  # GitHub shows ten annotations of a step
    problems[9:] = [("further findings", f"{len(problems) - 9} more: see the summary", None)]
for title, message, line in problems:
    if os.environ.get("GITHUB_ACTIONS") == "true":
        position = f"file={escaped(suite, ':,')}" + (f",line={line}" if line else "")
        print(f"::error {position},title={escaped(title, ':,')}::{escaped(message)}")
    else:
        flat = " ".join(f"{title}: {message}".split())
        print(f"{suite}:{line or 1}: error: {flat}")
PYTHON
  exit "$1"
}

comment() {
  BENCH_SUITE=$suite BENCH_OUTPUT=$output exec python3 - <<'PYTHON'
"""Write comment.md to the pull request. It was made by code of the pull request: it is data, and nothing in it is run."""
import json
import os
import pathlib
import re
import stat
import sys
import urllib.error
import urllib.parse
import urllib.request

LIMIT = 65_000
"Bytes of a comment: GitHub refuses more than 65,536 characters."
known = os.environ
output = pathlib.Path(known["BENCH_OUTPUT"])
marker = f"<!-- bench-suite: {re.sub('[<>-]', '_', known['BENCH_SUITE'])} -->"


def stop(message, status=2):
    print(f"bench-ci: {message}", file=sys.stderr)
    sys.exit(status)


def need(name):
    return known.get(name) or stop(f"the environment variable {name} is not set")


def read(name):
    """Return the beginning of a file of the artifact; a link could lead to another file of this machine."""
    path = output / name
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        stop(f"{path} cannot be read: {error.strerror}")
    with open(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            stop(f"{path} is not a file")
        return opened.read(2 * LIMIT).decode("utf-8", errors="replace")


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(api + path, data, {**headers, "Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        detail = error.read(500).decode("utf-8", errors="replace")
        stop(f"{method} {path}: {error.code} {error.reason}: {detail}", 1)
    except (urllib.error.URLError, ValueError) as error:
        stop(f"{method} {path}: {error}", 1)


if known.get("GITLAB_CI") == "true":
    api = need("CI_API_V4_URL")
    headers = {"PRIVATE-TOKEN": need("BENCH_GITLAB_TOKEN")}
    notes = f"/projects/{need('CI_PROJECT_ID')}/merge_requests/{need('CI_MERGE_REQUEST_IID')}/notes"
    all_comments, one_comment, update = f"{notes}?sort=asc&", notes, "PUT"
    commit, address = known.get("CI_COMMIT_SHA", ""), known.get("CI_PIPELINE_URL", "")
    author = call("GET", "/user")["username"]
    by_author = lambda note: note["author"]["username"] == author
else:
    api = known.get("GITHUB_API_URL") or "https://api.github.com"
    headers = {"Authorization": f"Bearer {need('GITHUB_TOKEN')}", "Accept": "application/vnd.github+json"}
    repository = f"/repos/{need('GITHUB_REPOSITORY')}"
    commit, address = need("BENCH_HEAD_SHA"), known.get("BENCH_RUN_URL", "")
    number = read("pull-request").strip()
    if not re.fullmatch("[0-9]{1,10}", number):
        stop("pull-request does not hold the number of a pull request")
    # The number comes from the artifact, the commit from GitHub: together they are a pull request that was measured.
    if call("GET", f"{repository}/pulls/{number}")["head"]["sha"] != commit:
        stop(f"pull request {number} is at another commit than the measured one: nothing is written", 0)
    all_comments, one_comment = f"{repository}/issues/{number}/comments?", f"{repository}/issues/comments"
    notes, update = f"{repository}/issues/{number}/comments", "PATCH"
    author = known.get("BENCH_COMMENT_AUTHOR") or "github-actions[bot]"
    by_author = lambda comment: comment["user"]["login"] == author

text = "".join(c for c in read("comment.md") if c.isprintable() or c in "\n\t")
text = re.sub("&(?=#|commat)", "&amp;", text)
text = re.sub(r"([@#])(?=\w)", "\\1\u200b", text)  # nobody is notified, no other page is linked
source = f"[log and results]({address})" if address.startswith("https://") else "the log has more"
footer = f"\n\n<sub>Written by the job that ran the code of commit {commit[:10]}; {source}.</sub>\n"
most = LIMIT - len((marker + footer).encode()) - 100
if len(text.encode()) > most:
    text = text.encode()[:most].decode("utf-8", errors="ignore").rpartition("\n")[0] + "\n\n…cut here: too long."
body = f"{marker}\n{text.rstrip()}{footer}"

page, earlier = 1, None
while earlier is None:
    comments = call("GET", f"{all_comments}per_page=100&page={page}")
    # Others may write the marker too: only a comment of this very author is replaced.
    earlier = next((c["id"] for c in comments if by_author(c) and c["body"].startswith(marker)), None)
    if len(comments) < 100:
        break
    page += 1
if earlier is None:
    call("POST", notes, {"body": body})
    print("bench-ci: comment written")
else:
    call(update, f"{one_comment}/{earlier}", {"body": body})
    print("bench-ci: comment updated")
PYTHON
}

suite=${BENCH_SUITE:-}
output=${BENCH_OUTPUT:-bench-ci}
case ${1:-} in
  compare) compare ;;
  comment) comment ;;
  *) stop 2 "say what to do: sh bench-ci.sh compare, or sh bench-ci.sh comment" ;;
esac
