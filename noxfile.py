"""What a change has to pass, each in an environment of its own: ``pip install nox && nox``; ``nox -l`` lists them."""

import pathlib

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.options.default_venv_backend = "virtualenv"


@nox.session
def lint(session: nox.Session) -> None:
    """Lint, format, types, the direction of imports, and the workflow files."""
    session.install(".[test]", "check-jsonschema>=0.30")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")
    workflows = map(str, pathlib.Path(".github/workflows").glob("*.yml"))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run("check-jsonschema", "--builtin-schema", "vendor.citation-file-format", "CITATION.cff")


@nox.session
def tests(session: nox.Session) -> None:
    """The quick tests, or those given: ``nox -s tests -- tests/metrics``."""
    session.install(".[test]")
    session.run("python", "-m", "pytest", *(session.posargs or ["-n", "auto", "-m", "not slow"]))


@nox.session
def docs(session: nox.Session) -> None:
    """The site, in ``docs/_build/html``."""
    session.install(".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-j", "auto", "docs", "docs/_build/html")


@nox.session
def speed(session: nox.Session) -> None:
    """Times kernels and trainings; ``-- --benchmark-save=main``, then on a branch ``-- --benchmark-compare``."""
    session.install(".[test]", "pytest-benchmark>=5.0")
    session.run("python", "-m", "pytest", "benchmarks/speed.py", "--benchmark-columns=median,iqr", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Source and wheel in ``dist``, checked; a version that is given must be the one that they have."""
    session.install("build", "twine")
    session.run("python", "-m", "build")
    session.run("twine", "check", "--strict", *map(str, pathlib.Path("dist").iterdir()))
    for version in session.posargs:
        if not list(pathlib.Path("dist").glob(f"boost_imbalance-{version}-*.whl")):
            session.error(f"the tag says {version}, but dist has {[path.name for path in pathlib.Path('dist').iterdir()]}")
