"""Loads the settings from the command line, the environment and a file.

Precedence: the command line, then the environment, then the file, then the default. Keys that are
not used here cause a warning and no error, so that a Qdrant configuration file can be used
unchanged. An invalid value raises ConfigError with one line that names its origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any, NoReturn

import attrs

from .config import S3, SNAPSHOTS, Config, settings
from .jsonform.collections import read_create_collection
from .model.collection import CollectionConfig, new_config
from .model.collection_params import HnswConfigDiff, OptimizersConfigDiff, WalConfigDiff
from .model.errors import DomainError, FormatError
from .model.validation import find_problems
from .settings import ConfigError, FoundSetting, from_environment, from_file, scalar
from .unused_settings import notices

_SECTIONS: Mapping[str, tuple[str, type[attrs.AttrsInstance]]] = {
    "storage.hnsw_index": ("hnsw_config", HnswConfigDiff),
    "storage.optimizers": ("optimizers_config", OptimizersConfigDiff),
    "storage.wal": ("wal_config", WalConfigDiff),
}
"""For each section: the field of a create-collection request it maps to, and its type."""

# Qdrant's own file has the unit in the names of the thresholds.
_UNIT = "_kb"
_MEASURED = ("_threshold", "_size")


def collection_settings() -> Iterable[tuple[str, Any]]:
    """The key of each default of new collections, and its value where nothing sets it."""
    defaults = CollectionConfig()
    yield "storage.on_disk_payload", defaults.params.on_disk_payload
    parts = defaults.hnsw_config, defaults.optimizer_config, defaults.wal_config
    for (section, (_, kind)), values in zip(_SECTIONS.items(), parts, strict=True):
        for field in attrs.fields(kind):
            yield f"{section}.{field.name}", getattr(values, field.name)


def load_config(
    options: Mapping[str, str],
    environment: Mapping[str, str],
    config_path: str | None = None,
) -> Config:
    """Merge the settings of the command line, the environment and the file.

    `options` maps the names of command line options to the values given. Reads the file, if any.
    """
    found = {
        **(from_file(config_path) if config_path is not None else {}),
        **_from_environment(environment),
        **_from_options(options),
    }
    values: dict[str, Any] = {}
    for name, setting, _ in settings():
        given = found.get(setting.key)
        if given is None or (given.value is None and not setting.nullable):
            continue
        try:
            values[name] = setting.parse(given.value)
        except ValueError as error:
            raise ConfigError(f"{given.origin}: {error}") from None
    config = Config(
        **values,
        collections=_collection_defaults(found),
        notices=tuple(notices(found, _used_keys())),
    )
    if config.rest_endpoints and config.processes > 1:
        origin = found["vexfs.rest_endpoints"].origin
        raise ConfigError(f"{origin}: endpoints are not shared by several processes")
    if config.verify_client_certificate and not config.enable_tls:
        origin = found["service.verify_https_client_certificate"].origin
        raise ConfigError(f"{origin}: without service.enable_tls there are no certificates")
    _check_bucket(config, found)
    if config.jwt_rbac and config.api_key is None and config.alt_api_key is None:
        origin = found["service.jwt_rbac"].origin
        raise ConfigError(f"{origin}: without service.api_key nothing can sign a token")
    if config.require_device and config.device is None:
        origin = found["vexfs.require_device"].origin
        raise ConfigError(f"{origin}: no device is given that could be required")
    return config


def _check_bucket(config: Config, found: Mapping[str, FoundSetting]) -> None:
    """Raise ConfigError unless the settings of the storage of snapshots go together."""
    if config.snapshots_storage == "local":
        return
    origin = found[f"{SNAPSHOTS}.snapshots_storage"].origin
    if config.s3_bucket is None:
        raise ConfigError(f"{origin}: s3 needs a {S3}.bucket")
    if (config.s3_access_key is None) != (config.s3_secret_key is None):
        raise ConfigError(f"{origin}: s3 needs an access_key and a secret_key, or neither")
    if config.incremental_snapshots:
        asked = found["vexfs.incremental_snapshots"].origin
        raise ConfigError(f"{asked}: snapshots are stored in parts in folders only, not in s3")
    if find_spec("obstore") is None:
        raise ConfigError(f"{origin}: s3 needs obstore: pip install 'vexfs-qdrant[s3]'")


def _used_keys() -> frozenset[str]:
    """Every key that is read, including those of collection defaults."""
    keys = {setting.key for _, setting, _ in settings()}
    keys.add("storage.on_disk_payload")
    for section, (_, kind) in _SECTIONS.items():
        names = [field.name for field in attrs.fields(kind)]
        keys.update(f"{section}.{name}" for name in names)
        keys.update(f"{section}.{name}{_UNIT}" for name in names if name.endswith(_MEASURED))
    return frozenset(keys)


def _from_options(options: Mapping[str, str]) -> dict[str, FoundSetting]:
    keys = {setting.option: setting.key for _, setting, _ in settings()}
    return {keys[name]: FoundSetting(value, f"--{name}") for name, value in options.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, FoundSetting]:
    """Values by key; a variable of the older adapter takes precedence over one of Qdrant's."""
    found = from_environment(environment)
    for _, setting, _ in settings():
        for variable in setting.variables:
            if environment.get(variable):
                found[setting.key] = FoundSetting(environment[variable], variable)
    return found


def _collection_defaults(found: Mapping[str, FoundSetting]) -> CollectionConfig:
    """The defaults of a new collection: Qdrant's, overridden by those that are set."""
    request: dict[str, Any] = {"vectors": {}}
    for key, given in found.items():
        section, _, name = key.rpartition(".")
        if key == "storage.on_disk_payload":
            request["on_disk_payload"] = scalar(given.value)
        elif section in _SECTIONS:
            part, _ = _SECTIONS[section]
            request.setdefault(part, {})[name.removesuffix(_UNIT)] = scalar(given.value)
    try:
        wanted = read_create_collection(request)
        for problem in find_problems(wanted):
            _complain(problem.path, problem.text)
        return new_config(wanted, CollectionConfig())
    except FormatError as error:
        where, _, complaint = error.message.removeprefix(FormatError.prefix).partition(": ")
        _complain(where, complaint)
    except DomainError as error:
        raise ConfigError(f"storage: {error.message}") from None


def _complain(where: str, complaint: str) -> NoReturn:
    """Raise ConfigError with the key in the file for `where`, a field of a request."""
    for section, (field, _) in _SECTIONS.items():
        where = where.replace(field, section)
    raise ConfigError(f"{where}: {complaint}")
