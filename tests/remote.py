"""An engine in another process, which writes a data folder or follows one."""

from __future__ import annotations

import pickle
import subprocess
import sys
from threading import Lock
from typing import Any

from tests.server_process import clean_environment
from tests.support import ROOT


class Remote:
    """A process of the program `tests.programs.remote`. Thread-safe: one call at a time."""

    def __init__(self, **settings: int) -> None:
        command = [sys.executable, "-m", "tests.programs.remote"]
        command += [f"{name}={value}" for name, value in settings.items()]
        pipe = subprocess.PIPE
        self._turn = Lock()
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=clean_environment(), stdin=pipe, stdout=pipe
        )

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of its server; raises what that raises."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._turn:
            pickle.dump((method, arguments), stdin)
            stdin.flush()
            is_sound, answer = pickle.load(stdout)
        if not is_sound:
            raise answer
        return answer

    def kill(self) -> None:
        """End it by SIGKILL, and wait until it has ended; idempotent."""
        self.process.kill()
        self.process.communicate()
