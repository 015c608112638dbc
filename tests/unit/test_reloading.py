"""Which settings take effect while the server runs, and which are said to need a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.rest_harness import inline
from tests.tls_support import Authority
from vexfs_twisted import logs
from vexfs_twisted.certificates import CertificateFiles, CertificateService, CertificateStore
from vexfs_twisted.config import Config, settings
from vexfs_twisted.model.collection import CollectionConfig
from vexfs_twisted.reloading import RELOADED, Reloader, restart_needed
from vexfs_twisted.security.authentication import ApiKeys, Authentication


class Reloads(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(logs._Threshold, "rank", logs._Threshold.rank)
        self.addCleanup(logs.hide, ())
        self.others: list[Config] = []
        self.authentication = Authentication(ApiKeys("old"))
        self.before = Config(api_key="old")

    def apply(self, now: Config, certificates: CertificateService | None = None) -> list[str]:
        """Apply settings; the keys that are said to need a restart."""
        chain: list[Any] = [self.authentication]
        self.reloader = Reloader(self.before, chain, certificates, self.others.append)
        with capturedLogs() as events:
            self.successResultOf(Deferred.fromCoroutine(self.reloader.apply(now)))
        told = [event["vexfs_fields"] for event in events if "vexfs_fields" in event]
        return [str(fields["setting"]) for fields in told if "setting" in fields]

    def knows(self, key: str) -> bool:
        return self.authentication.identify({"api-key": key}.get).refusal is None

    def test_nothing_has_changed(self) -> None:
        self.assertEqual(self.apply(Config(api_key="old")), [])
        self.assertEqual(self.others, [self.before])

    def test_the_level_of_the_log(self) -> None:
        self.apply(attrs.evolve(self.before, log_level="error"))
        self.assertFalse(logs.is_logged("warning"))
        self.apply(attrs.evolve(self.before, log_level="debug"))
        self.assertTrue(logs.is_logged("debug"))

    def test_keys(self) -> None:
        now = attrs.evolve(self.before, api_key="new", alt_api_key="old")
        self.assertEqual(self.apply(now), [])
        self.assertTrue(all(map(self.knows, ("new", "old"))))
        self.assertEqual(self.others, [now])
        self.before = now
        self.assertEqual(self.apply(attrs.evolve(now, alt_api_key=None)), [])
        self.assertFalse(self.knows("old"))

    def test_a_server_with_keys_is_not_opened(self) -> None:
        self.assertEqual(self.apply(Config()), ["service.api_key"])
        self.assertTrue(self.knows("old"))
        self.assertEqual(self.reloader.config.api_keys, ("old",))

    def test_other_files_of_certificates(self) -> None:
        first, second = (Authority(Path(self.mktemp())) for _ in range(2))
        store = CertificateStore(CertificateFiles(str(first.chain), str(first.key)))
        service = CertificateService(store, None, Clock(), inline)
        self.successResultOf(service.startService())
        now = attrs.evolve(self.before, tls_cert=str(second.chain), tls_key=str(second.key))
        self.assertEqual(self.apply(now, service), [])
        self.assertEqual(store.current.key, second.key.read_bytes())

    def test_everything_else_needs_a_restart_and_stays(self) -> None:
        other = attrs.evolve(CollectionConfig(), metadata={"a": 1})
        now = attrs.evolve(self.before, http_port=1, rate_limit=2, collections=other)
        expected = ["service.http_port", "service.rate_limit", "storage"]
        self.assertEqual(self.apply(now), expected)
        self.assertEqual(self.reloader.config, self.before)

    def test_each_setting_does_either(self) -> None:
        names = {name: setting.key for name, setting, _ in settings()}
        self.assertLessEqual(set(RELOADED), set(names))
        for name, key in names.items():
            if name not in RELOADED:
                # Any other value will do.
                other: dict[str, Any] = {name: object()}
                changed = attrs.evolve(self.before, **other)
                self.assertEqual(restart_needed(self.before, changed), [key])
