"""Certificates: what can be used, and when they are read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.tls_support import Authority
from vexfs_twisted.certificates import (
    RETRY_S,
    CertificateError,
    CertificateFiles,
    CertificateService,
    CertificateStore,
)


class WithFiles(SynchronousTestCase):
    def setUp(self) -> None:
        self.authority = Authority(Path(self.mktemp()))
        self.files = CertificateFiles(str(self.authority.chain), str(self.authority.key))
        self.store = CertificateStore(self.files)


class Stores(WithFiles):
    def complaint(self) -> str:
        return str(self.assertRaises(CertificateError, self.store.load))

    def test_nothing_is_there_before_the_first_load(self) -> None:
        self.assertRaises(RuntimeError, lambda: self.store.current)

    def test_contents_that_are_the_same_change_nothing(self) -> None:
        self.assertIs(self.store.load(), True)
        before = self.store.current
        self.assertIs(self.store.load(), False)
        self.assertIs(self.store.current, before)
        self.authority.issue()
        self.assertIs(self.store.load(), True)
        self.assertIsNot(self.store.current, before)

    def test_other_files(self) -> None:
        self.store.load()
        other = Authority(Path(self.mktemp()))
        files = CertificateFiles(str(other.chain), str(other.key), str(other.authority))
        self.assertIs(self.store.load(files), True)
        self.assertEqual(self.store.current.authorities, other.authority.read_bytes())
        self.assertIs(self.store.load(), False)

    def test_the_key_is_not_shown(self) -> None:
        self.store.load()
        self.assertNotIn("PRIVATE", repr(self.store.current))

    def test_what_cannot_be_used_is_named(self) -> None:
        """And what is in use stays."""
        self.store.load()
        before = self.store.current
        key, chain = self.authority.key.read_bytes(), self.authority.chain.read_bytes()
        self.authority.issue()
        self.authority.key.write_bytes(key)
        self.assertEqual(self.complaint(), f"{self.files.key} is not the key of {self.files.chain}")
        self.authority.chain.write_bytes(chain)
        private: Any = serialization.load_pem_private_key(key, None)
        locked = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
        for content in (b"", b"no key", chain, key[:40], locked):
            self.authority.key.write_bytes(content)
            expected = f"{self.files.key} holds no key in PEM format without passphrase"
            self.assertEqual(self.complaint(), expected)
        for content in (b"", b"no certificate", key, chain[:100]):
            self.authority.chain.write_bytes(content)
            expected = f"{self.files.chain} holds no certificate in PEM format"
            self.assertEqual(self.complaint(), expected)
        self.authority.chain.unlink()
        self.assertEqual(
            self.complaint(), f"cannot read {self.files.chain}: No such file or directory"
        )
        self.assertIs(self.store.current, before)


class Services(WithFiles):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.reads = 0
        self.service = self.service_every(100.0)

    def service_every(self, seconds: float | None) -> CertificateService:
        return CertificateService(self.store, seconds, self.clock, self.run_in_thread)

    def run_in_thread(self, function: Any, *args: Any) -> Deferred[Any]:
        self.reads += 1
        return maybeDeferred(function, *args)

    def start(self) -> None:
        self.successResultOf(self.service.startService())

    def test_they_are_read_again_after_the_interval(self) -> None:
        self.start()
        before = self.store.current
        self.authority.issue()
        self.clock.advance(99)
        self.assertIs(self.store.current, before)
        self.clock.advance(1)
        self.assertIsNot(self.store.current, before)
        self.clock.advance(100)
        self.assertEqual(self.reads, 3)

    def test_files_that_do_not_fit_each_other_yet_are_read_again_soon(self) -> None:
        self.start()
        before = self.store.current
        key = self.authority.key.read_bytes()
        self.authority.issue()
        new_key = self.authority.key.read_bytes()
        self.authority.key.write_bytes(key)
        self.clock.advance(100)
        self.assertIs(self.store.current, before)
        self.authority.key.write_bytes(new_key)
        self.clock.advance(RETRY_S)
        self.assertIsNot(self.store.current, before)

    def test_without_an_interval_they_are_read_when_that_is_asked_for(self) -> None:
        self.service = self.service_every(None)
        self.start()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        before = self.store.current
        self.authority.issue()
        self.successResultOf(self.service.reload())
        self.assertIsNot(self.store.current, before)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_reload_during_another_reads_once_more(self) -> None:
        self.start()
        waiting: Deferred[None] = Deferred()

        def run(function: Any, *args: Any) -> Deferred[Any]:
            self.reads += 1
            return waiting.addCallback(lambda _: function(*args))

        self.service._run_in_thread = run
        first, second = self.service.reload(), self.service.reload()
        self.assertNoResult(first)
        waiting.callback(None)
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(self.reads, 3)

    def test_a_failed_start_and_a_stop_leave_nothing(self) -> None:
        self.authority.key.unlink()
        self.failureResultOf(self.service.startService(), CertificateError)
        self.authority.issue()
        self.start()
        self.service.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
