"""The checked-in code is what proto/ gives."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "generate_protos.py"


class FreshnessTests(SynchronousTestCase):
    if importlib.util.find_spec("grpc_tools") is None:
        skip = "grpcio-tools (extra dev) is not installed"

    def test_generated_code_is_fresh(self) -> None:
        run = subprocess.run(
            [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False
        )
        self.assertEqual((run.returncode, run.stderr), (0, ""))
