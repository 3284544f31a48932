"""The command line, as real processes and real terminals see it."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from holdfast import ChangeSet, Provenance, Write, open_store
from holdfast import __version__ as version
from holdfast.cli import app
from holdfast.cli.demo import questions
from holdfast.home import default_store
from holdfast.testing import LocalProvider

TALK = [
    {
        "role": "user",
        "name": "Nora",
        "content": "Ines is allergic to peanuts",
        "time": "2026-02-15",
    },
    {"role": "assistant", "content": "Noted."},
]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = str(tmp_path / "memory.db")

    def call(*args, input=None, user="nora", code=0):
        args = [*args, "--store", store] if "--store" not in args else list(args)
        args = [*args, "--user", user] if user else args
        result = CliRunner().invoke(app, args, input=input)
        if result.exit_code != code:
            raise AssertionError(f"{result.exit_code}: {result.output}") from result.exception
        return result

    return call


def write(name, value):
    text = value if isinstance(value, str) else json.dumps(value)
    Path(name).write_text(text, encoding="utf-8")
    return name


FORMS = {
    "list.json": json.dumps(TALK, indent=2),
    "object.json": json.dumps({"messages": TALK}),
    "lines.jsonl": "\n".join(map(json.dumps, TALK)),
    "crlf.jsonl": "\r\n".join(map(json.dumps, TALK)) + "\r\n\r\n",
    "bom.json": "\ufeff" + json.dumps(TALK),
}


@pytest.mark.parametrize("name", FORMS)
def test_remember_and_recall(run, name):
    said = run("remember", write(name, FORMS[name]))
    assert said.stdout == "2 messages -> memories/nora: 2 inserted\n"
    found = run("recall", "what is Ines allergic to?").stdout
    assert "2026-02-15" in found
    assert "Nora" in found
    assert "allergic to peanuts" in found
    assert "2 unchanged" in run("remember", name).stdout


def test_recall_as_a_text_within_a_budget(run):
    run("remember", write("talk.json", TALK))
    put("lang", {"kind": "Rule", "content": {"rule": "Speak \x1b[31mEnglish"}})
    asked = ("recall", "what is Ines allergic to?")
    text = run(*asked, "--text", "--budget", "60", "--neighbours", "1").stdout
    assert text.startswith("<memory>\n# Standing notes")
    assert "\x1b" not in text
    assert len(text.encode()) <= 60 * 4
    assert "allergic" in text
    assert run(*asked, "--text", user="ines").stdout == ""
    rows = run(*asked).stdout.splitlines()
    assert rows[-1].startswith("stands")
    told = json.loads(run(*asked, "--json").stdout)
    assert [one["standing"] for one in told] == [False, True]
    assert json.loads(run(*asked, "--json", "--text").stdout).endswith("</memory>")


def test_what_was_found_but_does_not_fit_is_told(run):
    run("remember", write("talk.json", TALK))
    asked = ("recall", "what is Ines allergic to?")
    said = run(*asked, "--budget", "3").stdout
    assert said == "Nothing of what was found fits into 3 tokens; give a higher --budget.\n"
    assert run(*asked, "--budget", "3", "--text").stdout == ""
    nothing = "Nothing is remembered about that.\n"
    assert run("recall", "zebra", "--budget", "3").stdout == nothing
    put("lang", {"kind": "Rule", "content": {"rule": "Speak English"}})
    assert "fits into 3 tokens" in run("recall", "zebra", "--budget", "3").stdout


def test_recall_as_of_an_earlier_time(run):
    run("remember", write("talk.json", TALK))
    asked = ("recall", "what is Ines allergic to?", "--as-of")
    assert "peanuts" in run(*asked, "2026-02-16").stdout
    assert "peanuts" in run(*asked, "2026-02-15T12:00:00+01:00").stdout
    assert run(*asked, "2026-02-14").stdout == "Nothing is remembered about that.\n"
    assert (
        run(*asked, "2026-02-14", "--budget", "3").stdout == "Nothing is remembered about that.\n"
    )
    assert "as_of must be a datetime or an ISO 8601 text" in run(*asked, "soon", code=2).stderr


def test_a_grown_file_adds_what_is_new(run):
    run("remember", write("talk.json", TALK))
    more = [*TALK, {"role": "user", "content": "And to sesame."}]
    assert "1 inserted, 2 unchanged" in run("remember", write("talk.json", more)).stdout


def test_standard_input(run):
    assert "2 inserted" in run("remember", "-", input=json.dumps(TALK)).stdout
    assert "1 inserted" in run("remember", "-", input=json.dumps(TALK[0])).stdout


def test_json_for_programs(run):
    receipt = json.loads(run("remember", write("t.json", TALK), "--json").stdout)
    assert [change["action"] for change in receipt["changes"]] == ["inserted", "inserted"]
    (found,) = json.loads(run("recall", "peanuts", "--json").stdout)
    assert found["text"] == TALK[0]["content"]
    listed = json.loads(run("list", "--messages", "--json").stdout)
    assert {entry["key"] for entry in listed} == {c["key"] for c in receipt["changes"]}
    assert listed[0]["message"]["text"] == "Noted."
    gone = json.loads(run("forget", listed[0]["key"], "--json").stdout)
    assert (gone["messages"], gone["complete"]) == (1, True)


def test_users_are_apart(run):
    file = write("t.json", TALK)
    run("remember", file, user="nora@mail.example")
    assert "Nothing is remembered" in run("recall", "peanuts", user="nora").stdout
    assert "peanuts" in run("recall", "peanuts", user="nora@mail.example").stdout
    assert "memories/nora@mail.example" in run("remember", file, user="nora@mail.example").stdout


def test_list_shows_memories_or_messages(run):
    run("remember", write("t.json", TALK))
    put("teatime", {"content": "likes tea"})
    listed = run("list").stdout
    assert "likes tea" in listed
    assert "allergic" not in listed
    said = run("list", "--messages").stdout
    assert "allergic" in said
    assert "2026-02-15" in said
    assert "likes tea" not in said


def put(key, *values, user="nora", **write):
    """Put a memory beside what the commands do; None deletes it."""
    with open_store("memory.db") as store:
        for value in values:
            place = ("memories", user)
            store.commit(ChangeSet(place, (Write(key, value, **write),)))


def revisions(run, key):
    return [version["revision"] for version in json.loads(run("history", key, "--json").stdout)]


def test_history_and_diff_by_the_beginning_of_a_key(run):
    run("remember", write("t.json", TALK))
    put("teatime", {"content": "likes tea"}, {"content": "likes green tea", "cups": 2}, None)
    put("teapot", {"content": "is blue"})
    told = run("history", "teat").stdout
    assert told.index("likes tea") < told.index("likes green tea 2") < told.index("(deleted)")
    first, second, third = revisions(run, "teatime")
    shown = run("diff", "teat", str(first), str(second)).stdout
    assert "add" in shown
    assert "/cups" in shown
    assert '"likes green tea"' in shown
    patch = json.loads(run("diff", "teatime", "0", str(first), "--json").stdout)
    assert patch == [{"op": "add", "path": "/content", "value": "likes tea"}]
    assert "the same" in run("diff", "teat", str(first), str(first)).stdout
    assert "has no revision 999" in run("diff", "teat", "999", str(third), code=2).stderr
    assert "any of several: ['teapot', 'teatime']" in run("history", "tea", code=2).stderr
    assert "begins with 'milk'" in run("history", "milk", code=2).stderr


def test_a_whole_key_is_not_taken_for_the_beginning_of_another(run):
    run("remember", write("t.json", TALK))
    put("tea", {"content": "likes tea"})
    put("teapot", {"content": "is blue"})
    assert "likes tea" in run("history", "tea").stdout


def test_revert_undoes_a_change_a_change_set_or_what_came_from_a_source(run):
    run("remember", write("t.json", TALK))
    put("tea", {"content": "likes tea"}, {"content": "likes milk"})
    put("trip", {"content": "goes by ferry"}, provenance=Provenance(run="r1"))
    shown = run("revert", "te").stdout
    assert "updated" in shown
    assert "likes tea" in shown
    assert revisions(run, "tea") == sorted(revisions(run, "tea"))
    first = revisions(run, "tea")[0]
    receipt = json.loads(run("revert", "--revision", str(first), "--json").stdout)
    assert [change["key"] for change in receipt["changes"]] == ["tea"]
    assert "(deleted)" in run("revert", "--source", "run:r1").stdout
    assert "nothing to undo" in run("revert", "--source", "run:none").stdout
    assert "Give revert a key" in run("revert", code=2).stderr
    assert "one of message, thread" in run("revert", "--source", "dream:x", code=2).stderr


def test_forget_erases_for_good(run):
    run("remember", write("t.json", TALK))
    put("tea", {"content": "likes tea"}, {"content": "likes milk"})
    put("nuts", {"content": "no peanuts"}, provenance=Provenance(thread="t.json"))
    put("trip", {"content": "goes by ferry"})
    said = run("forget", "tea").stdout
    assert said == ("erased 1 memory, 2 versions, 0 messages; nothing of it is left in the store\n")
    assert b"likes milk" not in Path("memory.db").read_bytes()
    assert "begins with 'tea'" in run("history", "tea", code=2).stderr
    gone = json.loads(run("forget", "--source", "thread:t.json", "--json").stdout)
    assert (gone["memories"], gone["messages"]) == (1, 2)
    assert "erased 1 memory, 1 version, 0 messages" in run("forget", "--all").stdout
    assert json.loads(run("list", "--json").stdout) == []


def test_what_a_reader_still_holds_is_told(run):
    put("tea", {"content": "likes tea"})
    with closing(sqlite3.connect("memory.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM items").fetchall()
        told = run("forget", "tea").stdout
    assert told.startswith("erased 1 memory, 1 version, 0 messages; a reader holds")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty"),
        ("[]", "no messages in it"),
        ("{not json", "not JSON"),
        ('{"role": "user", "content": "ok"}\n{broken', "line 2 is not JSON"),
        ('{"some": "object"}', "no messages in it"),
        ("7", "no messages in it"),
        (json.dumps([*TALK, 7]), "message 3 is no JSON object: 7"),
        (json.dumps([*TALK, {"content": "no role"}]), "message 3 cannot be read"),
        (json.dumps([*TALK, {"role": "martian", "content": "x"}]), "message 3 cannot be read"),
    ],
)
def test_bad_input_gets_one_clear_line_and_leaves_nothing(run, content, said):
    result = run("remember", write("bad.json", content), code=2)
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert not Path("memory.db").exists()


def test_a_missing_file_bytes_and_a_missing_model_are_told(run):
    assert "No such file" in run("remember", "none.json", code=2).stderr
    Path("bytes.json").write_bytes(b"\xff\xfe[]")
    assert "not UTF-8 text at byte 0" in run("remember", "bytes.json", code=2).stderr
    file = write("t.json", TALK)
    assert "model" in run("remember", file, "--model", "no-such-model", code=2).stderr
    assert not Path("memory.db").exists()


def test_a_provider_that_fails_is_told_with_what_was_remembered_before(run, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")  # nothing listens there
    failed = run("remember", write("t.json", TALK), "--model", "openai:gpt-5-mini", code=1)
    assert "0 of 2 messages were remembered, then openai:gpt-5-mini failed" in failed.stderr
    assert failed.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["recall", "x"], "there is no store at"),
        (["list"], "there is no store at"),
        (["forget", "x"], "there is no store at"),
        (["history", "x"], "there is no store at"),
        (["revert", "x"], "there is no store at"),
        (["export", "x"], "there is no store at"),
        (["doctor"], "there is no store at"),
        (["reindex", "--embed", "a:b", "--dims", "2"], "there is no store at"),
        (["recall", "x", "--store", ":memory:"], "ends with the command"),
        (["recall", "x", "--store", "mysql://x"], "'mysql' addresses"),
    ],
)
def test_a_store_that_is_not_there_is_not_made_by_asking(run, args, said):
    assert said in run(*args, code=2).stderr
    assert not Path("memory.db").exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["list", "--store", "folder"], "'folder' is a folder; name a file"),
        (["remember", "t.json", "--store", "t.json/m.db"], "the folder 't.json' of the store"),
        (["remember", "folder"], "folder: Is a directory"),
        (["remember", "none.json"], "none.json: No such file or directory"),
        (["export", "folder"], "'folder' is a folder; name a file to write"),
        (["export", "none/x.jsonl"], "there is no folder for 'none/x.jsonl'"),
        (["import", "folder"], "folder: Is a directory"),
    ],
)
def test_what_is_no_file_is_told_in_one_line(run, args, said):
    run("remember", write("t.json", TALK))
    Path("folder").mkdir()
    told = run(*args, code=2).stderr
    assert said in told
    assert (told.count("\n"), "Errno" in told) == (1, False)


def test_a_user_without_a_name_is_told(run):
    assert "--user is empty; name" in run("list", "--user", "", user=None, code=2).stderr


def test_forget_forgets_all_or_nothing(run):
    run("remember", write("t.json", TALK))
    put("tea", {"content": "likes tea"})
    assert "nothing was forgotten" in run("forget", "tea", "te", code=2).stderr
    assert "name the keys" in run("forget", code=2).stderr
    assert "name the keys" in run("forget", "tea", "--all", code=2).stderr
    assert "name the keys" in run("forget", "--source", "thread:x", "--all", code=2).stderr
    assert len(json.loads(run("list", "--json").stdout)) == 1


def test_an_empty_user_and_an_empty_question_are_refused(run):
    run("remember", write("t.json", TALK))
    empty = run("recall", "x", "--user", "", user=None, code=2)
    assert "--user is empty" in " ".join(empty.stderr.split())
    assert "must be a text" in run("recall", "  ", code=2).stderr


def test_what_was_said_cannot_command_the_terminal(run):
    nasty = [{"role": "user", "content": "[red]needle[/red] \x1b[2J\x07 end"}]
    run("remember", write("t.json", nasty))
    shown = run("recall", "needle").stdout
    assert "[red]needle[/red]" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_the_default_store_is_in_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    Path(tmp_path / "t.json").write_text(json.dumps(TALK))
    done = CliRunner().invoke(app, ["remember", str(tmp_path / "t.json"), "-u", "nora"])
    assert done.exit_code == 0, done.output
    assert default_store() == str(tmp_path / "data" / "holdfast" / "memory.db")
    with open_store(default_store()) as store:
        assert len(store.journal(())) == 2


def test_version():
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.stdout) == (0, f"{version}\n")
    assert CliRunner().invoke(app, []).exit_code in (0, 2)


def test_a_model_without_its_key_is_told_in_one_line(run):
    failed = run("remember", write("t.json", TALK), "--model", "openai:gpt-5-mini", code=2)
    assert "openai:gpt-5-mini cannot be used" in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_deeply_nested_json_is_told(run):
    assert "nested too deeply" in run("remember", write("d.json", "[" * 100_000), code=2).stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_words_can_be_shown_on_any_terminal(tmp_path, encoding):
    said = '[{"role": "user", "content": "needle café 🥜 cut \\ud83d"}]'
    (tmp_path / "t.json").write_text(said)
    store = ("-u", "n", "--store", "m.db")
    assert holdfast("remember", "t.json", *store, cwd=tmp_path).returncode == 0
    for command in (["recall", "needle"], ["list", "--messages"], ["list", "--messages", "--json"]):
        shown = holdfast(*command, *store, cwd=tmp_path, PYTHONIOENCODING=encoding)
        assert shown.returncode == 0, shown.stderr
        assert "needle" in shown.stdout
        if "--json" in command:
            assert "café 🥜" in json.loads(shown.stdout)[0]["message"]["text"]


def test_output_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps(TALK))
    store = ["-u", "n", "--store", "m.db"]
    holdfast("remember", "t.json", *store, cwd=tmp_path)
    command = [sys.executable, "-m", "holdfast", "list", *store]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False
        )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def holdfast(*args, cwd, **env):
    return subprocess.run(
        [sys.executable, "-m", "holdfast", *args],
        capture_output=True,
        encoding=env.get("PYTHONIOENCODING", "utf-8"),
        cwd=cwd,
        timeout=120,
        env={**os.environ, **env},
        check=False,
    )


def test_long_input_shows_progress_on_a_terminal_and_none_in_a_pipe(tmp_path):
    long = [{"role": "user", "content": f"message number {n}"} for n in range(300)]
    (tmp_path / "t.json").write_text(json.dumps(long))
    args = ("remember", "t.json", "-u", "n", "--store", "m.db")
    piped = holdfast(*args, cwd=tmp_path)
    assert (piped.stdout, piped.stderr) == ("300 messages -> memories/n: 300 inserted\n", "\n")
    shown = holdfast(*args, cwd=tmp_path, FORCE_COLOR="1", TTY_COMPATIBLE="1")
    assert "reading" in shown.stderr


# --- stores as a whole -----------------------------------------------------------------------


def test_a_user_moves_from_one_store_to_another(run):
    run("remember", write("t.json", TALK))
    put("tea", {"content": "likes tea"}, {"content": "likes green tea"})
    put("secret", {"content": "of Ines"}, user="ines")
    assert run("export", "nora.jsonl").stdout == "4 records -> nora.jsonl\n"
    assert "Ines is allergic" in Path("nora.jsonl").read_text(encoding="utf-8")
    assert "of Ines" not in Path("nora.jsonl").read_text(encoding="utf-8")
    told = run("import", "nora.jsonl", "--store", "other.db")
    assert told.stdout == "4 records imported\n"
    assert "peanuts" in run("recall", "peanuts", "--store", "other.db").stdout
    same = json.loads(run("export", "again.jsonl", "--store", "other.db", "--json").stdout)
    assert same == {"records": 4, "file": "again.jsonl"}
    assert Path("again.jsonl").read_bytes() == Path("nora.jsonl").read_bytes()
    again = run("import", "nora.jsonl", "--store", "other.db", code=2).stderr
    assert "nora.jsonl: line 2: there is a memory 'tea'" in again
    fenced = run("import", "nora.jsonl", "--store", "other.db", user="ines", code=2).stderr
    assert "is outside of ('memories', 'ines')" in " ".join(fenced.split())


def test_a_whole_store_moves_by_pipe(run):
    run("remember", write("t.json", [*TALK, {"role": "user", "content": "café 東京"}]))
    put("secret", {"content": "of Ines"}, user="ines")
    whole = run("export", "-", "--all-users", user=None).stdout
    assert whole.count("\n") == 7
    told = run("import", "-", "--all-users", "--store", "other.db", user=None, input=whole)
    assert told.stdout == "5 records imported\n"
    assert "café" in run("recall", "café", "--store", "other.db").stdout
    assert "of Ines" in run("list", "--store", "other.db", user="ines").stdout
    for command in (["export", "x"], ["import", write("x", whole)], ["doctor"]):
        assert "name one --user" in run(*command, user=None, code=2).stderr
        assert "name one --user" in run(*command, "--all-users", code=2).stderr


def test_a_file_to_import_that_is_not_there_or_not_one_is_told(run):
    assert "No such file" in run("import", "none.jsonl", code=2).stderr
    assert not Path("memory.db").exists()
    assert "bad.jsonl: line 1: no header" in run("import", write("bad.jsonl", "[]"), code=2).stderr
    mem0 = run("import", "bad.jsonl", "--from", "mem0", "--all-users", user=None, code=2)
    assert "name the --user whose memories those of mem0 become" in mem0.stderr
    assert "by its name" in run("import", "-", "--from", "chatgpt", code=2).stderr
    assert "Invalid value" in run("import", "bad.jsonl", "--from", "dreams", code=2).stderr


def test_memories_of_mem0_and_conversations_of_chatgpt_are_imported(run):
    memories = [
        {"id": "m1", "memory": "Likes tea", "user_id": "nora"},
        {"id": "m2", "memory": "Likes milk", "user_id": "ines"},
    ]
    file = write("mem0.json", memories)
    assert "several users" in run("import", file, "--from", "mem0", code=2).stderr
    told = run("import", file, "--from", "mem0", "--mem0-user", "nora")
    assert told.stdout == "1 memory imported\n"
    assert "Likes tea" in run("list").stdout
    said = {"author": {"role": "user"}, "content": {"parts": ["The ferry leaves at nine"]}}
    tree = {"id": "c1", "current_node": "n", "mapping": {"n": {"message": said}}}
    file = write("conversations.json", [tree])
    told = json.loads(run("import", file, "--from", "chatgpt", "--json").stdout)
    assert told == {"imported": 1, "of": "messages"}
    assert "leaves at nine" in run("recall", "ferry").stdout


def test_doctor_tells_what_is_wrong_by_its_exit_code(run):
    run("remember", write("t.json", TALK))
    put("tea", {"content": "likes tea"})
    put("nuts", {"content": "no peanuts"}, user="ines")
    assert run("doctor").stdout == "All is well.\n"
    with closing(sqlite3.connect("memory.db")) as db, db:
        db.execute("UPDATE versions SET digest = 'x' WHERE key = 'nuts'")
    assert json.loads(run("doctor", "--json").stdout) == []
    found = run("doctor", "--all-users", user=None, code=1).stdout
    assert "digest" in found
    assert "memories/ines" in found
    (finding,) = json.loads(run("doctor", "--json", user="ines", code=1).stdout)
    assert (finding["what"], finding["key"]) == ("digest", "nuts")


def test_reindex_embeds_what_has_no_vector_of_an_embedder(run, monkeypatch):
    run("remember", write("t.json", TALK))
    put("tea", {"content": "likes tea", "title": "A"})
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    with LocalProvider() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.openai_url)
        embed = ("--embed", "openai:text-embedding-3-small", "--dims", "64")
        assert run("reindex", *embed).stdout == "3 embedded\n"
        told = json.loads(run("reindex", *embed, "--json").stdout)
        assert told["embedded"] == 0
        assert "text-embedding-3-small" in told["embedder"]


def test_an_embedder_that_is_not_there_is_told(run):
    run("remember", write("t.json", TALK))
    embed = ("--embed", "nobody:nothing", "--dims", "2")
    failed = run("reindex", *embed, code=2)
    assert "nobody:nothing" in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_long_work_on_a_store_shows_progress_on_a_terminal_and_none_in_a_pipe(tmp_path):
    with open_store(tmp_path / "memory.db") as store:
        writes = tuple(Write(f"k{n}", {"content": f"memory {n}"}) for n in range(300))
        store.commit(ChangeSet(("memories", "n"), writes))
    place = ("-u", "n", "--store", "memory.db")
    for command, title in (
        (["export", "x.jsonl", *place], "exporting"),
        (["doctor", *place], "examining"),
        (["import", "x.jsonl", "-u", "n", "--store", "other.db"], "importing"),
    ):
        shown = holdfast(*command, cwd=tmp_path, FORCE_COLOR="1", TTY_COMPATIBLE="1")
        assert shown.returncode == 0, shown.stderr
        assert title in shown.stderr
        (tmp_path / "other.db").unlink(missing_ok=True)
    piped = holdfast("doctor", *place, cwd=tmp_path)
    assert piped.stdout == "All is well.\n"
    assert "examining" not in piped.stderr


def test_a_database_is_a_store_as_well(run, postgres_url, postgres_admin):
    postgres_admin.execute("DROP SCHEMA IF EXISTS holdfast CASCADE")
    try:
        place = ("--store", postgres_url)
        assert "2 inserted" in run("remember", write("t.json", TALK), *place).stdout
        assert "peanuts" in run("recall", "peanuts", *place).stdout
        assert run("doctor", *place).stdout == "All is well.\n"
        assert run("export", "x.jsonl", *place).stdout == "3 records -> x.jsonl\n"
        assert run("import", "x.jsonl").stdout == "3 records imported\n"
        assert "2 messages" in run("forget", "--all", *place).stdout
    finally:
        postgres_admin.execute("DROP SCHEMA IF EXISTS holdfast CASCADE")


def test_the_demo_answers_in_new_processes(tmp_path):
    done = holdfast("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "188 messages -> memories/nora: 188 inserted" in done.stdout
    answers = done.stdout.split("\n? ")[1:]
    assert len(answers) == 5
    for answer, question in zip(answers, questions(), strict=True):
        table = " ".join(answer.split("score", 1)[1].split())
        assert question["expect"] in table
        assert "Nora" in table
        assert "2026-0" in table
    assert list(tmp_path.iterdir()) == []


def test_the_conversation_of_the_demo_is_long_and_spans_weeks():
    from datetime import datetime
    from importlib.resources import files

    lines = (files("holdfast.cli") / "demo.jsonl").read_text(encoding="utf-8").splitlines()
    times = [datetime.fromisoformat(json.loads(line)["time"]) for line in lines]
    assert len(lines) >= 150
    assert times == sorted(times)
    assert (times[-1] - times[0]).days > 21
