"""The plugin, the command line, and logs as the daemon writes them."""

from __future__ import annotations

import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout

from twisted.application.service import IServiceMaker
from twisted.logger import Logger, LogLevel, globalLogPublisher
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

from tests.support import run_python
from vexfs_twisted import logs
from vexfs_twisted.tap import Options

LIST_MODULES = """
import sys
from twisted.scripts.twistd import ServerOptions
names = [name for name, *_ in ServerOptions().subCommands]
assert "vexfs-qdrant" in names, names
print("\\n".join(sys.modules))
"""


class Plugin(SynchronousTestCase):
    def test_twistd_finds_it_once(self) -> None:
        makers = [maker for maker in getPlugins(IServiceMaker) if maker.tapname == "vexfs-qdrant"]
        self.assertEqual(len(makers), 1)

    def test_listing_the_commands_of_twistd_loads_nothing_of_ours(self) -> None:
        """`twistd --help` must not pay for numpy, grpc and faiss."""
        done = run_python("-c", LIST_MODULES)
        self.assertEqual(done.returncode, 0, done.stderr)
        loaded = {name.partition(".")[0] for name in done.stdout.split()}
        self.assertIn("twisted", loaded)
        heavy = {"vexfs_twisted", "numpy", "grpc", "faiss", "lmdb", "klein", "google", "yaml"}
        self.assertEqual(loaded & heavy, set())

    def test_the_options_load_no_engine(self) -> None:
        """The command line is read before twistd forks; native libraries come after."""
        done = run_python("-c", "import sys, vexfs_twisted.tap; print(*sys.modules)")
        loaded = {name.partition(".")[0] for name in done.stdout.split()}
        self.assertEqual(loaded & {"grpc", "faiss", "lmdb", "klein"}, set())


class CommandLine(SynchronousTestCase):
    def setUp(self) -> None:
        ours = ("QDRANT__", "VEXFS_")
        kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(ours)}
        self.addCleanup(os.environ.update, kept)

    def parse(self, *arguments: str) -> Options:
        options = Options()
        options.parseOptions(list(arguments))
        return options

    def refusal(self, *arguments: str) -> str:
        errors, output = io.StringIO(), io.StringIO()
        with redirect_stderr(errors), redirect_stdout(output):
            stop = self.assertRaises(SystemExit, self.parse, *arguments)
        self.assertEqual(stop.code, 1)
        self.assertEqual(output.getvalue(), "")
        return errors.getvalue()

    def test_options_reach_the_settings(self) -> None:
        config = self.parse(
            "--host=0.0.0.0", "--http-port", "8000", "--grpc-port=none", "--storage-path=/srv/v"
        ).config
        self.assertEqual((config.host, config.http_port), ("0.0.0.0", 8000))
        self.assertIsNone(config.grpc_port)
        self.assertEqual(config.storage_path, "/srv/v")

    def test_a_switch_takes_no_value_and_yields_to_others_where_it_is_not_given(self) -> None:
        config = self.parse("--require-device", "--device=/mnt/vexfs").config
        self.assertEqual((config.device, config.require_device), ("/mnt/vexfs", True))
        self.assertFalse(self.parse("--device=/mnt/vexfs").config.require_device)
        self.patch(os, "environ", os.environ | {"VEXFS_REQUIRE_DEVICE": "true"})
        self.assertTrue(self.parse("--device=/mnt/vexfs").config.require_device)

    def test_a_file_given_on_the_command_line(self) -> None:
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("service: {http_port: 7777}")
        self.assertEqual(self.parse("--config-path", path).config.http_port, 7777)

    def test_what_is_wrong_is_one_line_and_status_1(self) -> None:
        self.assertEqual(self.refusal("--nope"), "vexfs-qdrant: option --nope not recognized\n")
        self.assertEqual(
            self.refusal("more"), "vexfs-qdrant: unexpected argument 'more', see --help\n"
        )
        self.assertEqual(
            self.refusal("--http-port=1", "one", "two"),
            "vexfs-qdrant: unexpected argument 'one', see --help\n",
        )
        self.assertEqual(
            self.refusal("--http-port=x"),
            "vexfs-qdrant: --http-port: 'x' is not a whole number from 0 to 65535\n",
        )
        self.assertEqual(
            self.refusal("--storage-path", ""),
            "vexfs-qdrant: --storage-path: '' is not a text that can be used here\n",
        )

    def test_a_wrong_variable_is_one_line_and_status_1(self) -> None:
        self.patch(os, "environ", os.environ | {"QDRANT__SERVICE__HTTP_PORT": "many\nlines"})
        self.assertEqual(len(self.refusal().splitlines()), 1)

    def test_version_and_help_end_well(self) -> None:
        for option, word in (
            ("--version", "Qdrant interface 1.19.0"),
            ("--help", "--http-port"),
            ("-h", "--http-port"),
        ):
            output = io.StringIO()
            with redirect_stdout(output):
                stop = self.assertRaises(SystemExit, self.parse, option)
            self.assertEqual(stop.code, 0)
            self.assertIn(word, output.getvalue())

    def test_the_help_begins_with_the_usage(self) -> None:
        self.assertTrue(str(Options()).startswith("Usage: vexfs-qdrant [options]\n"))


class Lines(SynchronousTestCase):
    """What observers of both formats write of events from every source."""

    def setUp(self) -> None:
        self.stream = io.StringIO()

    def observe(self, form: str, level: str = "debug") -> None:
        observer = logs.stream_observer(self.stream, form, level)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.lines()]

    def test_keys_are_not_written_in_whatever_line_and_spelling(self) -> None:
        self.addCleanup(logs.hide, ())
        logs.hide(['k"ey/1 +', "other-key"])
        for form in ("text", "json"):
            self.observe(form)
        log = logs.get_logger("vexfs.test", path='/c/k"ey/1 +')
        log.info("of k%22ey%2f1%20%2B and K%22EY%2F1 +", key='k"ey/1 +')
        try:
            raise ValueError("no other-key")
        except ValueError as error:
            log.error("failed", exc_info=error)
        Logger(namespace="other").warn("plain {word}", word="OTHER-KEY")
        log.info("asked", path="/collections?api-key=unknown&x=1", other="?API_KEY=zzz%20yyy")
        written = self.stream.getvalue()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(written.count("ValueError: no ***"), 2)
        for spelled in ("ey/1", "ey%2", "other-k", "unknown", "zzz", "yyy"):
            self.assertNotIn(spelled, written.lower())
        self.assertIn("?api-key=***&x=1", written)

    def test_without_keys_lines_are_written_as_they_are(self) -> None:
        self.observe("text")
        logs.get_logger("vexfs.test").info("key api-key apikey=1", path="/collections/api-key")
        self.assertIn("key api-key apikey=1 path=/collections/api-key", self.lines()[0])

    def test_json_is_one_object_a_line_whatever_is_logged(self) -> None:
        self.observe("json")
        log = logs.get_logger("vexfs.test", request="r1")
        log.info("two\nlines", size=3, name='a "quoted" name', odd="\ud800", big=2**70, other=self)
        Logger(namespace="other").warn("plain {word}", word="twisted")
        ours, other = self.events()
        self.assertEqual((ours["event"], ours["size"], ours["request"]), ("two\nlines", 3, "r1"))
        self.assertEqual((ours["logger"], ours["level"]), ("vexfs.test", "info"))
        self.assertRegex(str(ours["time"]), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual((other["event"], other["level"]), ("plain twisted", "warning"))

    def test_text_keeps_what_a_client_sent_on_its_line(self) -> None:
        self.observe("text")
        logs.get_logger("vexfs.test").warning("refused", name="x\n2026-01-01T00:00:00.000Z info")
        (line,) = self.lines()
        self.assertIn(r"warning vexfs.test: refused name='x\n2026-01-01", line)

    def test_exceptions_bring_their_traceback(self) -> None:
        self.observe("json")
        log = logs.get_logger("vexfs.test")
        try:
            raise KeyError("lost")
        except KeyError as error:
            log.exception("inside")
            kept = error
        log.error("outside", exc_info=kept)
        for event in self.events():
            self.assertEqual(event["level"], "error")
            self.assertIn("KeyError: 'lost'", str(event["exception"]))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 2)

    def test_levels_below_the_least_are_left_out(self) -> None:
        self.observe("json", "warning")
        log = logs.get_logger("vexfs.test")
        for level in ("debug", "info", "warning", "error"):
            getattr(log, level)(level)
            Logger(namespace="other").emit(getattr(LogLevel, level.replace("ing", "")), level)
        self.assertEqual(
            [event["event"] for event in self.events()], ["warning"] * 2 + ["error"] * 2
        )

    def test_notices_of_twisted_are_for_those_who_look_for_a_fault(self) -> None:
        self.observe("json", "info")
        for namespace in ("twisted.internet.base", "log_legacy"):
            notices = Logger(namespace=namespace)
            notices.info("a notice")
            notices.warn("a warning")
        Logger(namespace="elsewhere").info("something else")
        names = [event["event"] for event in self.events()]
        self.assertEqual(names, ["a warning", "a warning", "something else"])
        self.observe("json", "debug")
        Logger(namespace="log_legacy").info("a notice")
        self.assertEqual(self.events()[-1]["level"], "debug")

    def test_what_is_written_past_the_log_is_logged(self) -> None:
        done = run_python(
            "-c",
            "import os, subprocess, sys\n"
            "from twisted.logger import globalLogBeginner\n"
            "from vexfs_twisted import logs, stdio_log\n"
            "logs.begin('info')\n"
            "observer = logs.stream_observer(stdio_log.terminal(), 'json', 'info')\n"
            "globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)\n"
            "stdio_log.capture()\n"
            "os.write(2, b'E0000 00:00:1764144000.5    71 server.cc:42] no address\\n')\n"
            "os.write(2, b'I1126 08:00:00.5 7 core.cc:1] fine\\n\\nhalf \\xff')\n"
            "os.write(2, b'of a line\\n')\n"
            "os.write(1, b'x' * 10000)\n"
            "print(' printed')\n"
            "subprocess.run(['echo', 'from a child'])\n"
            "print('at the end', end='')\n",
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        events = [json.loads(line) for line in done.stdout.splitlines()]
        told = [(event["logger"], event["level"], event["event"]) for event in events]
        self.assertEqual(
            sorted(told),
            sorted(
                [
                    ("grpc", "error", "no address"),
                    ("grpc", "info", "fine"),
                    ("stderr", "warning", "half \\xffof a line"),
                    ("stdout", "info", "x" * 8192),
                    ("stdout", "info", "x" * 1808 + " printed"),
                    ("stdout", "info", "from a child"),
                    ("stdout", "info", "at the end"),
                ]
            ),
        )
        places = {event["place"] for event in events if event["logger"] == "grpc"}
        self.assertEqual(places, {"server.cc:42", "core.cc:1"})

    def test_the_standard_library_joins_the_stream(self) -> None:
        done = run_python(
            "-c",
            "import logging, sys\n"
            "from twisted.logger import globalLogBeginner\n"
            "from vexfs_twisted import logs\n"
            "logs.begin('info')\n"
            "observer = logs.stream_observer(sys.stdout, 'json', 'info')\n"
            "globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)\n"
            "logging.getLogger('asyncio').error('task %s failed', 7)\n"
            "logging.getLogger('asyncio').debug('not this')\n",
        )
        (event,) = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(
            (event["logger"], event["level"], event["event"]), ("asyncio", "error", "task 7 failed")
        )
