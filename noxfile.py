"""Every check of this project, one session each; ``nox`` without arguments runs the quick ones.

``python -m pip install nox && python -m nox -s tests`` is all that a fresh clone needs.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "lint", "types", "docs"]
nox.options.reuse_existing_virtualenvs = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
SUPPORTED = ("3.11", "3.12", "3.13", "3.14", "3.15")
EXTRAS = ".[cli,flask,fuzz,msgpack,remote,stock]"
# What tests need besides Python packages: commands, and Debian's package of each.
COMMANDS = {
    "redis-server": "redis-server",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
    "node": "nodejs",
    "npm": "npm",
}
PROPERTIES = (
    "tests/behaviour/test_stateful.py",
    "tests/behaviour/test_hostile.py",
    "tests/_protocol/test_engineio.py",
    "tests/_protocol/test_socketio.py",
)
SITE = Path("docs", "_build", "html")
# For pytest, which selects the quick tests only where nothing is said: tests/conftest.py.
ALL_BUT_PROOFS = ("-m", "not proof")


def group(name: str) -> list[str]:
    """The requirements of a dependency group, for any version of pip."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def is_python(path: str, version: str) -> bool:
    """Ask the interpreter itself: a shim of pyenv exists for versions that are not active, too."""
    show = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([path, "-c", show], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == version


def find_python(version: str) -> str | None:
    """The path of an installed interpreter, from PATH or from among pyenv's versions."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = shutil.which(f"python{version}")
    candidates = [on_path] if on_path else []
    candidates += map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python")))
    return next((path for path in candidates if is_python(path, version)), None)


RUNNING = "{}.{}".format(*sys.version_info)
INSTALLED = {version: path for version in SUPPORTED if (path := find_python(version))}


def install_tests(session: nox.Session) -> None:
    session.install("-e", EXTRAS, *group("tests"))
    # For some systems there is none: then the tests that need Redis are skipped.
    session.install(*group("redis"), success_codes=range(256))


def run_tests(session: nox.Session, command: str, *selected: str) -> None:
    """Spread over the cores: most of what a test of this suite does is compute. Slow tests wait as
    well, for processes and threads: with them there is one worker more than cores.

    By module or class: what tests/fidelity adds up over its tests is known to one worker only. In
    the order of the files, of which the long ones are not last.
    With bytecode, even where the environment asks for none: without it each worker, and each
    process that a test starts, compiles all of it again.
    """
    workers = (os.cpu_count() or 1) + bool(selected)
    spread = (f"--numprocesses={workers}", "--dist=loadscope", "--no-loadscope-reorder")
    bytecode = {"PYTHONDONTWRITEBYTECODE": ""}
    python = command.split()
    session.run(*python, "-m", "pytest", *spread, *selected, *session.posargs, env=bytecode)


def build_site(session: nox.Session) -> None:
    shutil.rmtree(SITE.parent, ignore_errors=True)
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", str(SITE))


@nox.session
def tests(session: nox.Session) -> None:
    """Run the quick tests on the running interpreter: all but those marked `slow` or `proof`. What
    the machine lacks is skipped with a reason.
    """
    install_tests(session)
    run_tests(session, "python")


@nox.session
def proofs(session: nox.Session) -> None:
    """Run the tests that are marked `proof`: long ones, each of which shows once more, or of more
    cases, what others show: tests killed at each of their awaits, recordings of uvicorn, programs
    under schedules, hundreds of clients.
    """
    install_tests(session)
    run_tests(session, "python", "-m", "proof")


@nox.session
def locust(session: nox.Session) -> None:
    """Run the tests of `asgi_sio_testclient.locust`, and note what they cover.

    In an environment of their own: Locust brings brotli, with which aiohttp sends other headers
    than those that the fidelity tests compare, and gevent, which Flask-SocketIO prefers to threads.
    """
    session.install("-e", ".[flask,locust]", *group("tests"))
    session.run("coverage", "erase")
    if files := sorted(map(str, Path("tests").rglob("test_locust*.py"))):
        # Else what runs in a greenlet is not seen after it has waited.
        session.run("coverage", "run", "--concurrency=greenlet", "-m", "pytest", *files)


@nox.session(requires=["locust"])
def coverage(session: nox.Session) -> None:
    """Run the tests on the running interpreter, quick and slow, and hold their branch coverage,
    with what those of Locust cover. The proofs have no part in it: what only a proof shows lacks a
    test.

    It needs a machine on which no test is skipped: with the commands in `COMMANDS`.
    """
    missing = [
        f"{command} (Debian's package {package})"
        for command, package in COMMANDS.items()
        if shutil.which(command) is None
    ]
    if missing:
        session.warn(f"not installed: {', '.join(missing)}; the tests that need them are skipped")
    install_tests(session)
    run_tests(session, "coverage run", *ALL_BUT_PROOFS)
    session.run("coverage", "combine", "--quiet")
    if session.posargs:  # Part of the tests covers part of the code.
        session.run("coverage", "report", "--fail-under=0")
        return
    try:
        session.run("coverage", "report")
    except nox.command.CommandFailed:
        if not missing:
            raise
        session.error(f"tests were skipped: the coverage asked for needs {', '.join(missing)}")


@nox.session
@nox.parametrize(
    "python",
    [
        # The tag is what CI asks for: the running interpreter has had its turn in `tests`.
        nox.param(path, id=version, tags=["tests_others"] if version != RUNNING else [])
        for version, path in INSTALLED.items()
    ],
)
def tests_all(session: nox.Session) -> None:
    """Run the tests, quick and slow, on each supported interpreter that is installed."""
    install_tests(session)
    run_tests(session, "python", *ALL_BUT_PROOFS)


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest of each dependency that pyproject.toml allows."""
    session.install("uv")
    pins = Path(session.create_tmp(), "lowest.txt")
    session.run(
        *("uv", "pip", "compile", "--quiet", "--resolution", "lowest-direct"),
        *(f"--extra={extra}" for extra in EXTRAS.strip(".[]").split(",")),
        *("--output-file", str(pins), "pyproject.toml"),
    )
    session.run("uv", "pip", "install", "-e", EXTRAS, *group("tests"), "--constraint", str(pins))
    session.run("uv", "pip", "list", "--quiet")
    run_tests(session, "python", *ALL_BUT_PROOFS)


@nox.session
def thorough(session: nox.Session) -> None:
    """Run the property tests for longer and with other examples: the codecs, the splitting of
    payloads, a hostile server, any order of operations.

    Without arguments about 10 minutes on one core, under a seed that is printed; ``-- 7`` takes the
    seed 7, with which a failure comes again.
    """
    seed = session.posargs[0] if session.posargs else str(random.SystemRandom().randrange(10**6))
    session.install("-e", EXTRAS, *group("tests"))
    session.run(
        *("python", "-m", "pytest", "--timeout=900", f"--hypothesis-seed={seed}", *PROPERTIES),
        env={"HYPOTHESIS_PROFILE": "thorough"},
    )


@nox.session
def mutants(session: nox.Session) -> None:
    """Change the core in 300 places, one at a time, and see which changes its tests notice.

    ``-- --module '_protocol/*' --count 20`` takes 20 changes of that folder's.
    """
    session.install("-e", EXTRAS, *group("mutants"))
    session.run("python", "-m", "mutants", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Make 100,000 calls and 5,000 connects in one process, and see that nothing grows."""
    session.install("-e", EXTRAS, *group("bench"))
    session.run("python", "-m", "benchmarks.soak", *session.posargs)


@nox.session
@nox.parametrize("python", [nox.param(path, id=name) for name, path in INSTALLED.items()])
def schedules(session: nox.Session) -> None:
    """Explore the racy and the correct programs with three seeds, on each interpreter."""
    install_tests(session)
    session.run(
        *("python", "-m", "pytest", "-q", "tests/schedules/test_programs.py"),
        env={"SCHEDULES_SEEDS": "0,1,2", "SCHEDULES_RUNS": "200"},
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, ours and those that users get, with mypy and pyright."""
    session.install("-e", EXTRAS, *group("types"))
    session.run("mypy")
    session.run("python", "-m", "pytest", "tests/check_typing.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    session.install("-e", EXTRAS, *group("docs"))
    build_site(session)


@nox.session
def site(session: nox.Session) -> None:
    """Build the documentation, and look at each page in Chromium: desktop, phone, light, dark."""
    session.install("-e", EXTRAS, *group("docs"), *group("site"))
    build_site(session)
    session.run("python", "docs/check_site.py", str(SITE), *session.posargs)


@nox.session
def pictures(session: nox.Session) -> None:
    """Take the documentation's pictures anew; needs npm and chromedriver."""
    session.install("-e", EXTRAS, *group("site"))
    session.run("python", "docs/make_pictures.py")


@nox.session
def package(session: nox.Session) -> None:
    """Build wheel and sdist, check them, and use each in a clean environment."""
    session.install(*group("package"))
    dist = Path(session.create_tmp(), "dist")
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist))
    built = sorted(map(str, dist.iterdir()))
    session.run("twine", "check", "--strict", *built)
    for number, artefact in enumerate(built):
        clean = Path(session.create_tmp(), f"clean-{number}")
        shutil.rmtree(clean, ignore_errors=True)
        session.run("python", "-m", "venv", str(clean))
        python = str(clean.absolute() / ("Scripts" if os.name == "nt" else "bin") / "python")
        session.run(python, "-m", "pip", "install", "--quiet", artefact, external=True)
        # Elsewhere, so that the checkout is not what gets imported.
        with session.chdir(clean):
            session.run(python, "-m", "asgi_sio_testclient", "demo", external=True)


@nox.session
def guard(session: nox.Session) -> None:
    """Count the calls of the hot path, and fail when they have grown."""
    session.install("-e", EXTRAS, *group("bench"))
    session.run("python", "-m", "benchmarks.guard", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure this client beside its peers, and write docs/benchmarks.md."""
    session.install("-e", EXTRAS, *group("bench"))
    session.run("python", "-m", "benchmarks", *session.posargs)
