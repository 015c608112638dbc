"""The file with the quotas of the server, beside the catalog: those that a client has set."""

from __future__ import annotations

import logging
from pathlib import Path

from ..jsonform.quotas import quota_config_to_json, read_quota_config
from ..model.quotas import QuotaConfig
from .errors import UnknownFormat, UnusableDataFolder
from .storage.checksummed import Damaged, OtherVersion, seal, unseal
from .storage.files import storage_errors, write_durably

QUOTA_FILE = "quotas"
_KIND = "vexfs-quotas"
_VERSION = 1

log = logging.getLogger("vexfs.catalog")


def read_quota_file(folder: Path) -> QuotaConfig | None:
    """The quotas in the directory `folder`; None if there are none, or none that can be read.

    Raises UnknownFormat and UnusableDataFolder.
    """
    file = folder / QUOTA_FILE
    try:
        return read_quota_config(unseal(_KIND, _VERSION, file.read_bytes()))
    except FileNotFoundError:
        return None
    except Damaged:
        # Data is served without them, and setting them anew replaces the file.
        log.error("%s is damaged: the quotas of the settings are used", file)
        return None
    except OtherVersion as error:
        raise UnknownFormat(file, str(error)) from None
    except OSError as error:
        raise UnusableDataFolder(folder, f"{QUOTA_FILE}: {error.strerror}") from None


def write_quota_file(folder: Path, config: QuotaConfig) -> None:
    """Replace the quotas durably. Raises StorageFull or OSError; nothing changes then."""
    with storage_errors(folder):
        write_durably(folder / QUOTA_FILE, seal(_KIND, _VERSION, quota_config_to_json(config)))
