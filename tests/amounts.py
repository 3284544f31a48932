"""How much the generated tests do, where more is asked for than in every run."""


def pytest_addoption(parser):
    group = parser.getgroup("amounts")
    group.addoption("--scope-calls", type=int, default=5_000, help="calls of one tenant")
    group.addoption("--scope-seed", default="scope", help="for other calls")
    group.addoption("--model-examples", type=int, default=20, help="runs beside the model")
