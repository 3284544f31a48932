"""The gate of the prompt optimizers: what is taken, what it costs, and what an evaluator may be."""

import asyncio
import importlib.util
import sys
import threading
from collections import Counter
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from blockbuster import blockbuster_ctx

from holdfast import Gate, create_multi_prompt_optimizer, create_prompt_optimizer
from holdfast.errors import ConfigurationError, InputError, ModelAnswerError
from holdfast.evaluate.intervals import p_value
from holdfast.flow import Call, run
from holdfast.memory import Usage
from holdfast.optimize import Proposal
from holdfast.testing import ScriptedModel
from holdfast.trajectories import read_trajectories

OLD = "Help {name}."
GOOD, BAD, SAME = OLD + " Be brief.", OLD + " Be rude.", OLD + " Be."
WORTH = {GOOD: 0.2, BAD: -0.2}
TALKS = [([("user", f"Question {n}"), ("assistant", "...")], {"score": n}) for n in range(20)]
MORE = [([("user", f"Request {n}"), ("assistant", "...")], {"score": n}) for n in range(20)]


class Proposing:
    """Proposes what it was given, one after the other; notes the tasks."""

    def __init__(self, *prompts):
        self.prompts, self.tasks = list(prompts), []

    def flow(self, task):
        self.tasks.append(task)
        return self._proposed(self.prompts[len(self.tasks) - 1])

    def _proposed(self, prompt):
        yield from ()
        if isinstance(prompt, Exception):
            raise prompt
        return Proposal(prompt, "as told", Usage(1, 2, 3, 5))


class Judge:
    """Scores prompts as they are worth, and notes what it was called with."""

    def __init__(self, worth=WORTH):
        self.worth, self.seen = worth, []

    def __call__(self, prompt, trajectory):
        self.seen.append((prompt, trajectory.feedback["score"]))
        number = trajectory.feedback["score"]
        return 0.5 + number / 100 + self.worth.get(prompt, 0) * (1 + number % 3)


def optimize(*prompts, judge=None, trajectories=TALKS, prompt=OLD, **settings):
    judge = Judge() if judge is None else judge
    settings.setdefault("candidates", len(prompts))
    proposing = Proposing(*prompts)
    optimizer = create_prompt_optimizer(proposing, evaluate=judge, gate=Gate(**settings))
    better = optimizer.invoke({"trajectories": trajectories, "prompt": prompt})
    return better, judge, proposing


# What is taken


def test_a_good_edit_is_taken_with_its_scores():
    better, judge, _ = optimize(GOOD)
    scores = better.scores
    assert (better, better.changed, better.reason) == (GOOD, True, "as told")
    assert "+Help {name}. Be brief." in better.diff
    assert scores.accepted
    assert scores.gain == pytest.approx(scores.after - scores.before)
    assert scores.gain > 0.2
    assert scores.p_value < 0.01
    assert scores.evaluations == len(judge.seen) == 20
    assert [one.prompt for one in scores.candidates] == [GOOD]
    assert scores.to_dict()["gain"] == scores.gain


@pytest.mark.parametrize("edit", [BAD, SAME])
def test_another_edit_is_not_taken_and_the_reason_says_why(edit):
    better, _, _ = optimize(edit)
    assert (better, better.changed, better.refused, better.diff) == (OLD, False, False, "")
    assert not better.scores.accepted
    assert "10 held-out trajectories" in better.reason
    assert better.usage == Usage(1, 2, 3, 5)


def test_a_sure_gain_that_is_too_small_is_not_taken():
    small = {GOOD: 0.01}
    assert optimize(GOOD, judge=Judge(small))[0] == GOOD
    better, _, _ = optimize(GOOD, judge=Judge(small), min_gain=0.05)
    assert better == OLD
    assert better.scores.p_value < 0.01


def test_a_gain_that_could_be_chance_is_not_taken():
    def lucky(prompt, trajectory):
        return float(prompt == GOOD and trajectory.feedback["score"] % 5 == 0)

    better, _, _ = optimize(GOOD, judge=lucky)
    assert better.scores.gain > 0
    assert better == OLD


@pytest.mark.parametrize("seed", range(5))
def test_of_several_the_good_one_is_taken_within_the_budget(seed):
    edits = [BAD, BAD + "!", SAME, GOOD, SAME + "!", BAD, SAME, BAD + "?"]
    better, judge, _ = optimize(*edits, seed=seed, budget=80)
    assert better == GOOD
    assert better.scores.evaluations == len(judge.seen) <= 80
    assert better.usage == Usage(8, 16, 24, 40)
    candidates = {one.prompt: one for one in better.scores.candidates}
    assert len(candidates) == len(better.scores.candidates) == 6
    assert candidates[GOOD].trajectories == max(one.trajectories for one in candidates.values())


@pytest.mark.parametrize("candidates", range(1, 10))
def test_no_number_of_candidates_exceeds_a_budget(candidates):
    edits = [SAME + "!" * number for number in range(candidates)]
    for repeats in (1, 2):
        for more in (0, 1, 7, 30):
            budget = (20 + candidates * (candidates - 1).bit_length()) * repeats + more
            _, judge, _ = optimize(*edits, budget=budget, repeats=repeats)
            assert len(judge.seen) <= budget
            assert {edit for edit, _ in judge.seen} == {OLD, *edits}


def test_each_pair_is_scored_once_and_with_repeats_as_often_as_said():
    edits = [GOOD, SAME, BAD, BAD + "!"]
    _, judge, _ = optimize(*edits)
    assert set(Counter(judge.seen).values()) == {1}
    better, judge, _ = optimize(*edits, repeats=3)
    assert set(Counter(judge.seen).values()) == {3}
    assert better.scores.evaluations == len(judge.seen)


def test_what_is_held_out_is_not_what_proposals_are_made_from():
    better, judge, proposing = optimize(GOOD, SAME, seed=3)
    held_out = set(better.scores.held_out)
    assert len(held_out) == 10
    shown = [[one.feedback["score"] for one in task.examples] for task in proposing.tasks]
    assert all(set(numbers) == set(range(20)) - held_out for numbers in shown)
    assert shown[0] == sorted(shown[0]) != shown[1]
    assert all(f"Question {n}\n" not in proposing.tasks[0].trajectories for n in held_out)
    assert {number for prompt, number in judge.seen if prompt == OLD} == held_out
    assert better.scores.held_out != optimize(GOOD, seed=4)[0].scores.held_out


@pytest.mark.parametrize("proposed", [None, OLD])
def test_where_nothing_is_proposed_nothing_is_scored(proposed):
    better, judge, _ = optimize(proposed)
    assert (better, better.scores.accepted, better.scores.before) == (OLD, False, None)
    assert (judge.seen, better.scores.gain) == ([], None)


def test_a_proposal_that_loses_a_variable_is_refused_whoever_made_it():
    better, judge, _ = optimize("Help.")
    assert (better, better.refused, judge.seen) == (OLD, True, [])
    assert "the variable name is lost" in better.reason
    assert optimize("Help.", GOOD)[0] == GOOD
    ungated = create_prompt_optimizer(Proposing("Help."))
    assert ungated.invoke({"trajectories": TALKS, "prompt": OLD}).refused


def test_one_model_that_comes_to_nothing_does_not_end_the_others():
    assert optimize(ModelAnswerError("Hm."), GOOD)[0] == GOOD
    with pytest.raises(ModelAnswerError, match="Hm"):
        optimize(ModelAnswerError("Hm."), ModelAnswerError("Ha."))
    with pytest.raises(TimeoutError, match="429"):
        optimize(GOOD, TimeoutError("429"))


def test_without_an_evaluator_the_first_proposal_is_taken():
    better = create_prompt_optimizer(Proposing(BAD)).invoke({"trajectories": TALKS, "prompt": OLD})
    assert (better, better.scores) == (BAD, None)


def test_a_model_proposes_from_the_training_part():
    model = ScriptedModel([[("rewrite_prompt", {"prompt": GOOD})]])
    optimizer = create_prompt_optimizer(model, "prompt_memory", evaluate=Judge())
    better = optimizer.invoke({"trajectories": TALKS, "prompt": OLD})
    assert better == GOOD
    asked = model.requests[0].text
    shown = {n for n in range(20) if f"score: {n}\n" in asked or f"score: {n}<" in asked}
    assert shown == set(range(20)) - set(better.scores.held_out)


# Evaluators


async def test_sync_and_async_evaluators_come_to_the_same_for_both_callers():
    async def awaited(prompt, trajectory):
        await asyncio.sleep(0)
        return Judge()(prompt, trajectory)

    def later(_, prompt, trajectory):  # a plain function that returns what is to be awaited
        return awaited(prompt, trajectory)

    class Object:
        async def __call__(self, prompt, trajectory):
            return await awaited(prompt, trajectory)

    found = []
    for judge in (Judge(), awaited, Object(), partial(later, 1)):
        for way in ("invoke", "ainvoke"):
            proposing = Proposing(BAD, GOOD, SAME)
            optimizer = create_prompt_optimizer(proposing, evaluate=judge, gate=Gate(candidates=3))
            given = {"trajectories": TALKS, "prompt": OLD}
            if way == "invoke":
                better = await asyncio.to_thread(optimizer.invoke, given)
            else:
                better = await optimizer.ainvoke(given)
            found.append((str(better), better.scores))
    assert found[0][0] == GOOD
    assert all(one == found[0] for one in found)


async def test_a_plain_evaluator_never_blocks_the_loop():
    threads = set()

    def judge(prompt, trajectory):
        threads.add(threading.current_thread())
        return Judge()(prompt, trajectory)

    optimizer = create_prompt_optimizer(Proposing(GOOD), evaluate=judge)
    with blockbuster_ctx():
        assert await optimizer.ainvoke({"trajectories": TALKS, "prompt": OLD}) == GOOD
    assert threading.main_thread() not in threads


async def test_a_blocking_caller_within_a_loop_may_have_an_async_evaluator():
    async def judge(prompt, trajectory):
        await asyncio.sleep(0)
        return Judge()(prompt, trajectory)

    optimizer = create_prompt_optimizer(Proposing(GOOD), evaluate=judge)
    assert optimizer.invoke({"trajectories": TALKS, "prompt": OLD}) == GOOD


def test_all_awaited_calls_of_blocking_callers_share_a_loop():
    async def loop():
        return asyncio.get_running_loop()

    def calling():
        return (yield Call(loop))

    assert run(calling()) is run(calling())


async def test_as_many_run_side_by_side_as_said():
    running, most = 0, 0

    async def judge(prompt, trajectory):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return Judge()(prompt, trajectory)

    for at_once in (1, 3):
        most = 0
        gate = Gate(at_once=at_once)
        optimizer = create_prompt_optimizer(Proposing(GOOD), evaluate=judge, gate=gate)
        assert await optimizer.ainvoke({"trajectories": TALKS, "prompt": OLD}) == GOOD
        assert most == at_once


FORMS = {
    "int": lambda score: int(score * 10),
    "bool": lambda score: score > 0.8,
    "dict": lambda score: {"key": "kind", "score": score, "comment": "as judged"},
    "dict of bool": lambda score: {"key": "kind", "score": score > 0.8},
    "object": lambda score: SimpleNamespace(key="kind", score=score),
    "numpy": np.float32,
    "numpy bool": lambda score: np.bool_(score > 0.8),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_score_may_come_in_the_forms_of_evaluators(form):
    judge = Judge({GOOD: 0.5})
    assert optimize(GOOD, judge=lambda *given: FORMS[form](judge(*given)))[0] == GOOD


@pytest.mark.parametrize(
    "bad",
    [None, "0.5", float("nan"), float("inf"), {"key": "x"}, {"score": None}, [1, 2], object()],
)
def test_what_is_no_finite_number_is_told_with_the_trajectory(bad):
    def judge(prompt, trajectory):
        return bad if trajectory.feedback["score"] == held_out[2] else 0.5

    held_out = optimize(GOOD)[0].scores.held_out
    with pytest.raises(ConfigurationError, match=rf"for trajectories\[{held_out[2]}\]\. Return a"):
        optimize(GOOD, judge=judge)


@pytest.mark.parametrize("at_once", [1, 8])
def test_what_an_evaluator_raises_surfaces_as_it_is_with_the_trajectory(at_once):
    calls = []

    def judge(prompt, trajectory):
        calls.append(prompt)
        raise TimeoutError("429")

    with pytest.raises(TimeoutError, match="429") as raised:
        optimize(GOOD, judge=judge, at_once=at_once)
    assert any("for trajectories[" in note for note in raised.value.__notes__)
    assert len(calls) <= at_once


async def test_awaited_it_is_the_same():
    async def judge(prompt, trajectory):
        raise TimeoutError("429")

    optimizer = create_prompt_optimizer(Proposing(GOOD), evaluate=judge)
    with pytest.raises(TimeoutError, match="429") as raised:
        await optimizer.ainvoke({"trajectories": TALKS, "prompt": OLD})
    assert any("for trajectories[" in note for note in raised.value.__notes__)


def test_trajectories_come_to_the_evaluator_as_they_were_given():
    seen = []

    def judge(prompt, trajectory):
        seen.append(trajectory)
        return 0.5

    talks = [[{"role": "user", "content": f"Hello {n}", "mine": 7}] for n in range(10)]
    given = [{"messages": talk, "feedback": {"answer": "Hi"}} for talk in talks]
    texts = [f"User: Hello {n}" for n in range(10)]
    optimize(GOOD, judge=judge, trajectories=[*given, *texts])
    as_given = [*talks, *([{"role": "user", "content": text}] for text in texts)]
    assert {str(one.messages) for one in seen} <= set(map(str, as_given))
    assert {str(one.feedback) for one in seen} == {"{'answer': 'Hi'}", "None"}


# Few trajectories, and settings


@pytest.mark.parametrize(
    ("settings", "fewest"),
    [
        ({}, 9),
        ({"confidence": 0.9}, 7),
        ({"held_out": 0.8}, 6),
        ({"held_out": 0.2}, 21),
        ({"confidence": 0.99}, 13),
    ],
)
def test_too_few_trajectories_are_told_before_anything_is_spent(settings, fewest):
    with pytest.raises(InputError, match=f"{fewest - 1} trajectories, too few.*takes {fewest},"):
        optimize(trajectories=TALKS[: fewest - 1], candidates=1, **settings)
    many = TALKS + MORE
    better, _, proposing = optimize(GOOD, trajectories=many[:fewest], **settings)
    assert better == GOOD
    assert proposing.tasks[0].examples


def test_the_same_trajectory_again_is_one():
    """Else what was learned from would decide, and one observation would count as many."""
    with pytest.raises(InputError, match="8 trajectories that differ, of 80, too few"):
        optimize(GOOD, trajectories=TALKS[:8] * 10)
    better, _, proposing = optimize(GOOD, trajectories=TALKS[:9] * 10)
    assert better == GOOD
    learned = {str(one) for one in proposing.tasks[0].examples}
    decided = {str(read_trajectories(TALKS)[n].annotated()) for n in better.scores.held_out}
    assert len(learned) + len(decided) == 9
    assert not learned & decided


@pytest.mark.parametrize("number", range(9, 40))
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_both_parts_are_there_and_share_nothing(number, share):
    gate = Gate(held_out=share, confidence=0.5, seed=number)
    training, held_out = gate.split(number)
    assert training
    assert held_out
    assert sorted(training + held_out) == list(range(number))
    assert (training, held_out) == gate.split(number)


def test_a_budget_that_cannot_suffice_is_told_before_anything_is_spent():
    with pytest.raises(ConfigurationError, match=r"budget=20 is too small.*at least 28"):
        optimize(candidates=4, budget=20)
    with pytest.raises(ConfigurationError, match="at least 40"):
        optimize(candidates=1, budget=20, repeats=2)
    assert optimize(GOOD, SAME, BAD, SAME + "!", budget=28)[1].seen


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"candidates": 0}, "candidates must be a number from 1 on"),
        ({"candidates": True}, "candidates"),
        ({"repeats": 1.5}, "repeats"),
        ({"at_once": 9}, "at_once must be a number from 1 to 8"),
        ({"budget": 0}, "budget"),
        ({"held_out": 1}, "held_out must be above 0 and at most 0.99"),
        ({"confidence": 0.9999}, "confidence"),
        ({"confidence": float("nan")}, "confidence"),
        ({"min_gain": -0.1}, "min_gain must be 0 or more"),
        ({"seed": "x"}, "seed"),
    ],
)
def test_settings_that_cannot_be_are_named(settings, said):
    with pytest.raises(ConfigurationError, match=said):
        Gate(**settings)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"gate": Gate()}, "gate= needs evaluate="),
        ({"evaluate": 7}, "evaluate must be a function"),
        ({"evaluate": Judge(), "gate": {"min_gain": 1}}, r"gate must be a Gate\(...\)"),
    ],
)
@pytest.mark.parametrize("create", [create_prompt_optimizer, create_multi_prompt_optimizer])
def test_a_gate_that_cannot_be_is_named(create, given, said):
    with pytest.raises(ConfigurationError, match=said):
        create(ScriptedModel([]), **given)


def test_a_config_for_another_proposer_is_refused():
    with pytest.raises(ConfigurationError, match="config is for kinds of ours"):
        create_prompt_optimizer(Proposing(), config={"max_reflection_steps": 2})


# Several prompts


async def test_several_prompts_are_decided_one_after_the_other():
    prompts = [
        {"name": "greet", "prompt": "Greet."},
        {"name": "plan", "prompt": "Plan."},
        {"name": "part", "prompt": "Say goodbye."},
    ]
    seen = set()

    def judge(now, trajectory):
        seen.add(tuple(now.values()))
        return (now["greet"] == "Greet warmly.") * 0.2 - (now["plan"] == "Plan badly.") * 0.2

    def answer(request):
        if "choose_prompts" in request.tool_names:
            return [("choose_prompts", {"which": ["greet", "plan"]})]
        new = "Greet warmly." if "<current_prompt>\nGreet." in request.text else "Plan badly."
        return [("rewrite_prompt", {"prompt": new})]

    def made(model):
        return create_multi_prompt_optimizer(model, "prompt_memory", evaluate=judge)

    model = ScriptedModel(answer)
    found = made(model).invoke({"trajectories": TALKS, "prompts": prompts})
    assert [one["prompt"] for one in found] == ["Greet warmly.", "Plan.", "Say goodbye."]
    assert found[2] == prompts[2]
    assert found[0]["prompt"].scores.accepted
    assert not found[1]["prompt"].scores.accepted
    assert found[1]["prompt"].scores.evaluations == 10  # the other ten are known
    assert seen == {
        ("Greet.", "Plan.", "Say goodbye."),
        ("Greet warmly.", "Plan.", "Say goodbye."),
        ("Greet warmly.", "Plan badly.", "Say goodbye."),
    }
    for number in found[0]["prompt"].scores.held_out:
        assert all(f"score: {number}<" not in request.text for request in model.requests)
    awaited = await made(ScriptedModel(answer))(TALKS, prompts)
    assert [one["prompt"] for one in awaited] == [one["prompt"] for one in found]


# The test that decides


def test_p_values_are_exact_for_few_pairs():
    ones, zeros = [1.0] * 5, [0.0] * 5
    assert p_value(ones, zeros) == 1 / 32
    assert p_value(zeros, ones) == 1
    assert p_value(ones, ones) == p_value([], []) == 1
    assert p_value([3, 2, 1, 0], [0, 0, 0, 1]) == 3 / 16  # 5, 5 and 7 of the sums of 3, 2, 1, 1
    assert p_value([0.3] * 3, [0.1, 0.2, 0.4]) == 3 / 8  # +.2 +.1 -.1: sums of .2 count as equal


def test_p_values_of_many_pairs_are_drawn_alike():
    rng = np.random.default_rng(1)
    one, other = rng.normal(0.3, 1, 13), rng.normal(0, 1, 13)
    exact = p_value(one, other)
    drawn = p_value([*one, 1e-12], [*other, 0])
    assert drawn == pytest.approx(exact, abs=0.02)
    assert drawn == p_value([*one, 1e-12], [*other, 0])


def test_the_test_keeps_its_level_for_grades():
    rng = np.random.default_rng(0)
    runs = [p_value(*rng.integers(0, 2, (2, 12))) for _ in range(400)]
    assert sum(p <= 0.05 for p in runs) <= 0.05 * 400 + 2 * (400 * 0.05 * 0.95) ** 0.5


# The simulation in small


@pytest.fixture(scope="module")
def found():
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "prompts.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_prompts", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their annotations up
    spec.loader.exec_module(module)
    return module.measured(range(40))


def test_what_is_accepted_is_not_below_the_start(found):
    for name, ways in found.items():
        assert ways["gate"]["gain"]["mean"] >= -ways["gate"]["standard error"], name
        assert ways["gate"]["taken"]["bad"] == 0, name


def test_neutral_edits_are_seldom_accepted_and_good_ones_nearly_always(found):
    for name, ways in found.items():
        assert ways["gate"]["taken"]["neutral"] <= 0.1, name
    for name in ("a good one", "8: a good one, 3 neutral, 4 bad"):
        assert found[name]["gate"]["taken"]["good"] >= 0.95


def test_without_a_gate_bad_edits_come_in(found):
    assert found["a bad one"]["no gate"]["gain"]["high"] < 0
    assert found["8: 4 neutral, 4 bad"]["no gate"]["gain"]["high"] < 0
