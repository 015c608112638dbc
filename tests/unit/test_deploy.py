"""The files of deploy/ fit the server: settings, routes, limits of time, what is copied."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from tests.rest_harness import RestClient
from tests.support import ROOT
from vexfs_twisted.config import Config
from vexfs_twisted.config_loader import load_config
from vexfs_twisted.tap import Options

DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"


def parsed(*names: str) -> list[Any]:
    """The documents of a YAML file below deploy."""
    return list(yaml.safe_load_all(ROOT.joinpath("deploy", *names).read_text()))


def configured(arguments: list[str], environment: dict[str, str]) -> Config:
    """The settings of a server with these arguments; a wrong one fails the test."""
    options = Options()
    options.parseOptions(arguments)
    return load_config(options._given(), environment)


class Image(SynchronousTestCase):
    def setUp(self) -> None:
        text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        self.steps = [(step, words) for step, _, words in (line.partition(" ") for line in lines)]

    def test_what_is_copied_is_there(self) -> None:
        for step, words in self.steps:
            if step == "COPY" and not words.startswith("--from"):
                for source in words.split()[:-1]:
                    self.assertTrue((ROOT / source).exists(), source)

    def test_the_package_finds_all_that_it_is_made_of(self) -> None:
        copied = " ".join(words for step, words in self.steps if step == "COPY").split()
        for needed in ("setup.cfg", "pyproject.toml", "README.md", "vexfs_twisted", "twisted"):
            self.assertIn(needed, copied)

    def test_settings_of_the_environment_are_used(self) -> None:
        (words,) = [words for step, words in self.steps if step == "ENV"]
        pairs = dict(word.split("=", 1) for word in shlex.split(words))
        config = load_config({}, pairs)
        self.assertEqual(config.notices, ())
        self.assertEqual((config.host, config.storage_path), ("0.0.0.0", "/data"))

    def test_it_runs_without_privileges_and_is_told_to_stop(self) -> None:
        steps = dict(self.steps)
        self.assertEqual(steps["USER"], "10001:10001")
        self.assertEqual(steps["STOPSIGNAL"], "SIGTERM")
        self.assertEqual(steps["EXPOSE"], f"{Config().http_port} {Config().grpc_port}")
        self.assertEqual(json.loads(steps["ENTRYPOINT"])[0], "/opt/vexfs-qdrant/bin/vexfs-qdrant")
        self.assertIn("6333", json.loads(steps["HEALTHCHECK"].partition(" CMD ")[2])[2])

    def test_compose(self) -> None:
        (document,) = parsed("docker", "compose.yaml")
        (service,) = document["services"].values()
        self.assertEqual(service["build"]["dockerfile"], "deploy/docker/Dockerfile")
        self.assertIs(service["read_only"], True)
        self.assertEqual(service["volumes"], ["data:/data"])
        self.assertEqual(service["tmpfs"], ["/tmp"])
        self.assertEqual(list(document["volumes"]), ["data"])
        config = configured(service["command"], {"QDRANT__SERVICE__API_KEY": "k"})
        self.assertEqual(config.notices, ())
        self.assertEqual(list(service["environment"]), ["QDRANT__SERVICE__API_KEY"])
        self.assertEqual(service["stop_grace_period"], "1m")
        self.assertLess(2 * config.stop_grace_s, 60)


class Kubernetes(SynchronousTestCase):
    def setUp(self) -> None:
        self.service, self.stateful_set = parsed("kubernetes", "vexfs-qdrant.yaml")
        self.pod = self.stateful_set["spec"]["template"]["spec"]
        (self.container,) = self.pod["containers"]

    def test_names_and_labels_fit_each_other(self) -> None:
        spec = self.stateful_set["spec"]
        self.assertEqual(spec["serviceName"], self.service["metadata"]["name"])
        labels = spec["template"]["metadata"]["labels"]
        self.assertEqual(labels, spec["selector"]["matchLabels"])
        self.assertEqual(labels, self.service["spec"]["selector"])
        names = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        self.assertEqual(names, {"rest": Config().http_port, "grpc": Config().grpc_port})
        for port in self.service["spec"]["ports"]:
            self.assertEqual(names[port["targetPort"]], port["port"])

    def test_the_probes_are_answered(self) -> None:
        client = RestClient(self)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            get = self.container[probe]["httpGet"]
            self.assertEqual(get["port"], "rest")
            self.assertEqual(client.ask("GET", get["path"]).status, 200)
        self.assertEqual(self.container["readinessProbe"]["httpGet"]["path"], "/readyz")

    def test_it_runs_without_privileges(self) -> None:
        self.assertIs(self.pod["securityContext"]["runAsNonRoot"], True)
        context = self.container["securityContext"]
        self.assertIs(context["readOnlyRootFilesystem"], True)
        self.assertIs(context["allowPrivilegeEscalation"], False)
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})

    def test_what_is_written_is_mounted(self) -> None:
        mounts = {mount["mountPath"]: mount["name"] for mount in self.container["volumeMounts"]}
        volumes = [volume["name"] for volume in self.pod["volumes"]]
        claims = [
            one["metadata"]["name"] for one in self.stateful_set["spec"]["volumeClaimTemplates"]
        ]
        self.assertEqual((mounts["/data"], mounts["/tmp"]), (claims[0], volumes[0]))

    def test_limits_of_time_fit_each_other(self) -> None:
        (key,) = self.container["env"]
        config = configured(self.container["args"], {key["name"]: "k"})
        self.assertEqual((config.notices, config.api_key), ((), "k"))
        pause = int(self.container["lifecycle"]["preStop"]["exec"]["command"][1])
        self.assertLess(pause + 2 * config.stop_grace_s, self.pod["terminationGracePeriodSeconds"])
