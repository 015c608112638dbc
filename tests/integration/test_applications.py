"""Applications built on other libraries find the same on the daemon as on the client's local mode.

The libraries are large and disagree on the versions of others, so each may be in an environment of
its own: the variable VEXFS_APPLICATIONS names a folder with one for each program.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support import ROOT, DaemonProcess, run_command

PROGRAMS = ROOT / "examples" / "applications"


def interpreter(library: str, package: str) -> str:
    """The Python that can import `package`; raises SkipTest when there is none."""
    folder = os.environ.get("VEXFS_APPLICATIONS")
    if folder is not None and (found := Path(folder, library, "bin", "python")).exists():
        return str(found)
    try:
        here = find_spec(package) is not None and find_spec("qdrant_client") is not None
    except ModuleNotFoundError:  # what holds the package is not there either
        here = False
    if not here:
        raise SkipTest(f"needs {package}, here or in VEXFS_APPLICATIONS/{library}")
    return sys.executable


class Applications(SynchronousTestCase):
    def run_program(self, library: str, package: str) -> dict[str, Any]:
        """What a program found by step. It has compared its answers with those of local mode."""
        python = interpreter(library, package)
        with DaemonProcess() as daemon:
            program = str(PROGRAMS / f"{library}_store.py")
            command = [python, program, daemon.rest_url, str(daemon.grpc_port)]
            done = run_command(command, seconds=300, environment=NO_TELEMETRY)
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-4000:])
        answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answers

    def test_agno(self) -> None:
        answers = self.run_program("agno", "agno")
        self.assert_steps(answers, "vector", "keyword", "hybrid")

    def test_haystack(self) -> None:
        answers = self.run_program("haystack", "haystack_integrations")
        self.assert_steps(answers, "dense groups", "sparse groups", "hybrid groups")

    def test_langchain(self) -> None:
        answers = self.run_program("langchain", "langchain_qdrant")
        self.assert_steps(answers, "dense", "sparse", "hybrid", "diverse", "dbsf")

    def test_langgraph(self) -> None:
        answers = self.run_program("langgraph", "langgraph.store.qdrant")
        self.assert_steps(answers, "second page", "newest", "namespaces")

    def test_llama_index(self) -> None:
        answers = self.run_program("llama_index", "llama_index.vector_stores.qdrant")
        self.assert_steps(answers, "default", "sparse", "hybrid")

    def test_mem0(self) -> None:
        answers = self.run_program("mem0", "mem0")
        self.assert_steps(answers, "meaning", "words")

    def assert_steps(self, answers: dict[str, Any], *steps: str) -> None:
        """Check that the program took each of the steps, and found something in each."""
        for step in steps:
            found = [hits for name, hits in answers.items() if name.startswith(step)]
            self.assertTrue(found and all(found), step)


NO_TELEMETRY = {
    "AGNO_TELEMETRY": "false",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "MEM0_TELEMETRY": "False",
}
