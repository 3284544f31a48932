"""Learning by itself: feedback that nobody was asked for becomes a better prompt, once."""

import time

import pytest
from langgraph.store.memory import InMemoryStore

from holdfast import (
    ChangeSet,
    Fence,
    Gate,
    Limits,
    Retry,
    Said,
    Source,
    Worker,
    create_prompt_optimizer,
)
from holdfast.errors import ClaimLost, ConfigurationError, InputError, StoreBusy
from holdfast.jobs import Duty
from holdfast.memory import Message
from holdfast.operations import ClaimJob, Commit
from holdfast.optimize import Learn, agathered, alearn_from, gathered, learn_from
from holdfast.optimize.prompt_store import PromptStore
from holdfast.testing import ScriptedModel

NS = ("memories", "nora")
USER = {"configurable": {"user_id": "nora"}}
WRONG = ("One line!", "First, a long story.", "I said one line, not a page.")
LIKED = ("When is the ferry?", "At nine.", "Perfect, thanks!")
PLAIN = ("When is the ferry?", "At nine.", "And the train?", "At ten.")
ROLES = ("user", "assistant")


def say(store, thread, texts, namespace=NS):
    messages = tuple(Message(ROLES[n % 2], text) for n, text in enumerate(texts))
    store.commit(ChangeSet(namespace, journal=(Said(messages, thread),)))


def rewriting(*prompts):
    """Return a model that writes these prompts, one after the other."""
    return ScriptedModel([[("rewrite_prompt", {"prompt": prompt})] for prompt in prompts])


def learner(store, model, prompts=None, **settings):
    settings = {"enough": 2, "quiet": 0, **settings}
    optimizer = create_prompt_optimizer(model, "prompt_memory")
    return Learn(prompts or PromptStore(store), "main", optimizer, **settings)


def look(store, learn, namespace=NS, **given):
    """Put the job, and let a worker do it; return what is left of it."""
    learn_from(store, namespace, "main", every=None, **given)
    Worker(store, [learn]).drain()
    return [job.error for job in store.jobs()]


def claimed(store, learn, lease=60.0):
    """Put the job, and take it as a worker does."""
    learn_from(store, NS, "main", every=None)
    return claim(store, learn, lease)


def claim(store, learn, lease=60.0):
    return Duty(store, store.perform(ClaimJob((), (learn.name,), "w", lease)))


@pytest.fixture
def store(opened):
    store = opened()
    PromptStore(store).save("main", "Help {name}.")
    return store


def texts(store, name="main"):
    return [version.prompt for version in PromptStore(store).history(name)]


def test_it_waits_until_enough_have_gathered_then_learns_once(store):
    model = rewriting("Help {name} in one line.")
    learn = learner(store, model)
    say(store, "monday", WRONG)
    say(store, "liked", LIKED)
    say(store, "plain", PLAIN)
    assert look(store, learn) == []
    assert model.requests == []
    assert [one.thread for one in gathered(store, NS, "main", quiet=0)] == ["monday", "liked"]
    say(store, "tuesday", ("One line!", "A story.", "That's wrong."))
    look(store, learn)
    assert len(model.requests) == 1
    assert texts(store) == ["Help {name}.", "Help {name} in one line."]
    learned = PromptStore(store).get("main").learned
    assert learned.optimizer == "prompt_memory"
    assert set(learned.trajectories) == {
        f"memories/nora {thread} 1-3" for thread in ("monday", "tuesday", "liked")
    }
    assert learned.feedback == ("corrects: 2", "thanks: 1")
    assert gathered(store, NS, "main", quiet=0) == []
    look(store, learn)
    assert len(model.requests) == 1
    assert store.doctor() == []


def test_the_optimizer_is_shown_the_conversation_and_what_was_found_where(store):
    model = rewriting("Help {name} in one line.")
    say(store, "monday", WRONG)
    look(store, learner(store, model, enough=1))
    shown = model.requests[0].text
    assert "A long story." in shown or "First, a long story." in shown
    assert 'message 3: the user corrects the answer before it: "i said one line, not a"' in shown
    assert "Nobody was asked for feedback." in shown


async def test_awaiting_puts_the_same_job_and_tells_the_same(store):
    say(store, "monday", WRONG)
    ticket = learn_from(store, NS, "main", every=60, keep=("user_id",), config=USER)
    again = await alearn_from(store, NS, "main", every=60, keep=("user_id",), config=USER)
    assert (again.namespace, again.job) == (ticket.namespace, ticket.job)
    (job,) = store.jobs()
    assert job.payload == {"configurable": {"user_id": "nora"}}
    found = await agathered(store, NS, "main", quiet=0)
    assert found == gathered(store, NS, "main", quiet=0) != []


def test_without_signals_no_model_is_asked_and_nothing_is_read_twice(store):
    model = rewriting()
    learn = learner(store, model, enough=1)
    say(store, "plain", PLAIN)
    look(store, learn)
    assert model.requests == []
    assert store.cursor(NS, "plain", learn.reader) == 4
    say(store, "plain", ("Perfect, thanks!",))  # what is liked alone changes no prompt
    look(store, learn)
    assert model.requests == []
    assert texts(store) == ["Help {name}."]


def test_only_what_has_settled_counts(store):
    model = rewriting("Help {name} in one line.")
    say(store, "monday", WRONG)
    look(store, learner(store, model, enough=1, quiet=3600))
    assert model.requests == []
    assert gathered(store, NS, "main") == []
    look(store, learner(store, model, enough=1))
    assert len(model.requests) == 1


def test_nothing_happens_until_it_is_asked_for(store):
    say(store, "monday", WRONG)
    assert store.jobs() == []
    with pytest.raises(ConfigurationError):
        Worker(store, []).drain()


def test_a_conversation_that_goes_on_is_learned_from_again_by_what_is_new(store):
    model = rewriting("Help {name} in one line.", "Help {name} in one short line.")
    learn = learner(store, model, enough=1)
    say(store, "monday", WRONG)
    look(store, learn)
    say(store, "monday", ("A line.", "That's still wrong.", "Hm."), NS)
    store.commit(ChangeSet(NS, journal=(Said((Message("assistant", "A line."),), "monday"),)))
    say(store, "monday", ("That's wrong again.",))
    look(store, learn)
    assert len(model.requests) == 2
    feedback = model.requests[1].text
    assert feedback.count("corrects the answer before it") == 1


def test_a_prompt_that_need_not_change_stays_and_is_not_asked_about_again(store):
    model = rewriting("Help {name}.")
    learn = learner(store, model, enough=1)
    say(store, "monday", WRONG)
    look(store, learn)
    look(store, learn)
    assert len(model.requests) == 1
    assert texts(store) == ["Help {name}."]


def test_a_worker_that_lost_its_claim_saves_nothing(store):
    say(store, "monday", WRONG)

    def slow(request):
        assert claim(store, learn).job is not None  # another worker takes the job over
        return [("rewrite_prompt", {"prompt": "Lost, {name}."})]

    learn = learner(store, ScriptedModel(slow), enough=1)
    duty = claimed(store, learn, lease=0.01)
    time.sleep(0.05)
    with pytest.raises(ClaimLost):
        learn(duty)
    assert texts(store) == ["Help {name}."]
    assert len(gathered(store, NS, "main", quiet=0)) == 1


def test_a_worker_that_ended_after_it_saved_is_finished_by_the_next(store, monkeypatch):
    model = rewriting("Help {name} in one line.")
    learn = learner(store, model, enough=1)
    say(store, "monday", WRONG)
    real = type(store).perform

    def ends(self, op):
        if isinstance(op, Commit) and op.changes.cursors:
            raise KeyboardInterrupt
        return real(self, op)

    duty = claimed(store, learn, lease=0.01)
    with monkeypatch.context() as patched:
        patched.setattr(type(store), "perform", ends)
        with pytest.raises(KeyboardInterrupt):
            learn(duty)
    assert len(texts(store)) == 2
    assert len(gathered(store, NS, "main", quiet=0)) == 1
    time.sleep(0.05)
    learn(claim(store, learn))
    assert len(model.requests) == 1
    assert len(texts(store)) == 2
    assert gathered(store, NS, "main", quiet=0) == []


def test_what_is_forgotten_is_gone_from_what_was_gathered(store):
    model = rewriting("Help {name} in one line.")
    learn = learner(store, model)
    say(store, "monday", WRONG)
    look(store, learn)
    assert len(gathered(store, NS, "main", quiet=0)) == 1
    store.forget(NS, source=Source("thread", "monday"))
    assert gathered(store, NS, "main", quiet=0) == []
    say(store, "tuesday", WRONG)
    look(store, learn)
    assert model.requests == []


def test_one_message_that_is_forgotten_is_gone_too(store):
    say(store, "monday", WRONG)
    (found,) = gathered(store, NS, "main", quiet=0)
    store.forget(NS, key=found.keys[-1])
    assert gathered(store, NS, "main", quiet=0) == []


def test_what_is_forgotten_while_the_model_is_asked_is_not_learned(store):
    say(store, "monday", WRONG)
    say(store, "tuesday", WRONG)

    def forgets(request):
        store.forget(NS, source=Source("thread", "monday"))
        return [("rewrite_prompt", {"prompt": "Never, {name}."})]

    learn = learner(store, ScriptedModel(forgets))
    with pytest.raises(StoreBusy, match="forgotten"):
        learn(claimed(store, learn))
    assert texts(store) == ["Help {name}."]
    assert store.threads(NS) == {"tuesday": 3}


def test_no_word_of_a_conversation_is_kept_beside_the_prompt(store):
    say(store, "monday", (*WRONG[:2], "That's wrong, my number is 5551234."))
    look(store, learner(store, rewriting("Help {name} in one line."), enough=1))
    assert "5551234" not in str(PromptStore(store).history("main"))
    assert store.search(NS) == []


def test_tenants_are_apart(store):
    model = rewriting("For Nora.", "For Ines.")
    prompts = PromptStore(store, ("prompts", "{user_id}"))
    users = {name: {"configurable": {"user_id": name}} for name in ("nora", "ines")}
    for config in users.values():
        prompts.save("main", "Help.", config=config)
    learn = learner(store, model, prompts)
    for user in users:
        say(store, "monday", WRONG, ("memories", user))

    def look_at(user):
        namespace = ("memories", "{user_id}")
        look(store, learn, namespace, keep=("user_id",), config=users[user])

    look_at("nora")
    look_at("ines")
    assert model.requests == []  # one of each is not two of one
    say(store, "tuesday", WRONG, ("memories", "nora"))
    look_at("nora")
    look_at("ines")
    assert len(model.requests) == 1
    told = [prompts.get("main", config=config).prompt for config in users.values()]
    assert told == ["For Nora.", "Help."]


def test_one_prompt_of_two_namespaces_learns_from_both(store):
    model = rewriting("One.", "Two.")
    prompts = PromptStore(store)
    prompts.save("main", "Help.")
    learn = learner(store, model, enough=1)
    for user in ("nora", "ines"):
        say(store, "monday", WRONG, ("memories", user))
        look(store, learn, ("memories", user))
    assert len(model.requests) == 2


def test_a_pinned_prompt_is_left_and_what_gathered_waits(store):
    model = rewriting("Help {name} in one line.")
    learn = learner(store, model, enough=1)
    prompts = PromptStore(store)
    prompts.pin("main")
    say(store, "monday", WRONG)
    look(store, learn)
    assert model.requests == []
    prompts.unpin("main")
    look(store, learn)
    assert len(model.requests) == 1


def test_a_prompt_that_was_changed_meanwhile_is_tried_again(store):
    prompts = PromptStore(store)

    def changes(request):
        prompts.save("main", "Help {name}, kindly.")
        return [("rewrite_prompt", {"prompt": "Help {name} in one line."})]

    learn = learner(store, ScriptedModel(changes), enough=1)
    say(store, "monday", WRONG)
    with pytest.raises(StoreBusy, match="changed while"):
        learn(claimed(store, learn))
    assert prompts.get("main").prompt == "Help {name}, kindly."
    assert len(gathered(store, NS, "main", quiet=0)) == 1


def test_a_gate_decides_and_takes_enough(store):
    def better(prompt, trajectory):
        return float("one line" in prompt)

    model = rewriting("Help {name} in one line.")
    optimizer = create_prompt_optimizer(model, "prompt_memory", evaluate=better, gate=Gate())
    with pytest.raises(ConfigurationError, match=r"set enough=9"):
        Learn(PromptStore(store), "main", optimizer)
    learn = Learn(PromptStore(store), "main", optimizer, enough=10, quiet=0)
    for number in range(10):
        say(store, f"t{number}", WRONG)
    look(store, learn)
    assert model.requests == []  # one conversation ten times shows no more than once
    for number in range(10):
        say(store, f"u{number}", (f"Pier {number}, one line!", *WRONG[1:]))
    look(store, learn)
    assert PromptStore(store).get("main").learned.scores == {"before": 0.0, "after": 1.0}


@pytest.mark.parametrize("what", ["rollback", "edit"])
def test_what_was_learned_before_a_worker_ended_is_not_learned_again(store, what):
    """Also where somebody has changed the prompt since."""
    model = rewriting("Help {name} in one line.", "Help {name} at once.")
    say(store, "monday", WRONG)
    prompts = PromptStore(store)
    learn = learner(store, model, Ending(store), enough=1)
    with pytest.raises(KeyboardInterrupt):
        learn(claimed(store, learn, lease=0.01))
    assert prompts.get("main").prompt == "Help {name} in one line."
    if what == "rollback":
        prompts.rollback("main")
    else:
        prompts.save("main", "Help {name}, kindly.")
    before = prompts.get("main").prompt
    time.sleep(0.02)
    Worker(store, [learner(store, model, enough=1)]).drain()
    assert prompts.get("main").prompt == before
    assert len(model.requests) == 1


class Ending(PromptStore):
    """A store of prompts whose process ends right after it saved what was learned."""

    def save(self, name, prompt, **settings):
        super().save(name, prompt, **settings)
        raise KeyboardInterrupt


def test_a_rewrite_that_cannot_be_used_leaves_what_has_gathered(store):
    model = rewriting("One.", "Two.", "Help {name} in one line.")
    say(store, "monday", WRONG)
    learn = learner(store, model, enough=1)
    learn_from(store, NS, "main", every=None)
    Worker(store, [learn], retry=Retry(attempts=2, first=0)).drain()
    assert texts(store) == ["Help {name}.", "Help {name} in one line."]
    assert store.jobs() == []


def test_a_job_that_comes_again_tells_why_it_failed(store):
    learn_from(store, NS, "nothing", every=60)
    optimizer = create_prompt_optimizer(ScriptedModel([]), "prompt_memory")
    Worker(store, [Learn(PromptStore(store), "nothing", optimizer)]).drain()
    (job,) = store.jobs()
    assert (job.state, job.every) == ("waiting", 60)
    assert "There is no prompt 'nothing'" in job.error


def test_limits_count(store):
    say(store, "monday", WRONG)
    model = rewriting("One.", "Help {name} in one line.")
    learn = learner(store, model, enough=1)
    learn_from(store, NS, "main", every=None)
    Worker(store, [learn], limits=Limits(calls=1)).drain()
    assert len(model.requests) == 1  # the rewrite lost a variable, and cannot go back today
    assert "1 model calls" in store.jobs()[0].error


def test_limits_count_candidates_that_are_made_side_by_side(store):
    model = ScriptedModel(lambda request: [("rewrite_prompt", {"prompt": "Help {name} now."})])
    gate = Gate(candidates=4, confidence=0.5)
    optimizer = create_prompt_optimizer(
        model, "prompt_memory", evaluate=lambda prompt, trajectory: 1.0, gate=gate
    )
    for number in range(10):
        say(store, f"t{number}", WRONG)
    learn_from(store, NS, "main", every=None)
    learn = Learn(PromptStore(store), "main", optimizer, enough=10, quiet=0)
    Worker(store, [learn], limits=Limits(calls=2)).drain()
    assert len(model.requests) <= 2
    assert texts(store) == ["Help {name}."]


def test_a_long_conversation_is_parted_and_what_is_far_from_signals_left_out(store):
    model = rewriting("Help {name} in one line.")
    chat = [f"text {number}" for number in range(500)]
    say(store, "long", [*chat, *WRONG])
    (found,) = gathered(store, NS, "main", quiet=0)
    assert len(found.trajectory.messages) < 10
    look(store, learner(store, model, enough=1))
    assert len(model.requests) == 1
    assert store.cursor(NS, "long", "learning:main") == 503


def test_it_comes_again_and_can_be_ended(store):
    ticket = learn_from(store, NS, "main", every=60)
    Worker(store, [learner(store, rewriting())]).drain()
    (job,) = store.jobs()
    assert (job.name, job.state, job.every) == ("learn:main", "waiting", 60)
    learn_from(store, NS, "main", every=60)
    assert len(store.jobs()) == 1
    assert store.cancel_job(ticket.namespace, ticket.job)
    assert store.jobs() == []


@pytest.mark.parametrize("setting", [{"enough": 0}, {"enough": True}, {"quiet": -1}])
def test_what_cannot_work_is_refused(store, setting):
    with pytest.raises(ConfigurationError):
        learner(store, rewriting(), **setting)


def test_errors_say_what_to_do(store):
    optimizer = create_prompt_optimizer(rewriting(), "prompt_memory")
    with pytest.raises(ConfigurationError, match="PromptStore"):
        Learn(store, "main", optimizer)
    with pytest.raises(ConfigurationError, match="create_prompt_optimizer"):
        Learn(PromptStore(store), "main", rewriting())
    with pytest.raises(ConfigurationError, match="open_store"):
        learn_from(InMemoryStore(), NS, "main")
    with pytest.raises(ConfigurationError, match="keep names"):
        learn_from(store, NS, "main", keep=("user_id",))
    missing = Learn(PromptStore(store, "empty"), "main", optimizer, quiet=0)
    duty = claimed(store, missing)
    with pytest.raises(InputError, match="save one first"):
        missing(duty)
    with pytest.raises(ClaimLost):
        store.commit(ChangeSet(NS, fence=Fence("learn:main", 7)))
