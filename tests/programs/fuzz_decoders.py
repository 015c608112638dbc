"""Coverage-guided fuzzing of the decoders, by atheris, which `pip install atheris` brings.

`python -m tests.programs.fuzz_decoders CORPUS [options]`: the options are those of libFuzzer, as
`-max_total_time=3600`. An input is the number of a decoder in two bytes, and the request. One that
is not refused properly ends the program, and is left in the current folder.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import atheris

with atheris.instrument_imports(
    include=[
        "vexfs_twisted.rest",
        "vexfs_twisted.rpc",
        "vexfs_twisted.model",
        "vexfs_twisted.jsonform",
    ]
):
    from tests.fuzz.decoders import request_types, rest_decoders, rpc_decoders
from tests.fuzz.mutation import json_text, mutated_json, random_message
from tests.fuzz.seeds import decoder_of, rest_seeds

_HEAD = 2
_REST = rest_decoders()
_RPC = rpc_decoders()
_TYPES = request_types()
_NAMES = sorted(_REST) + sorted(_RPC)
_DECODERS = [{**_REST, **_RPC}[name] for name in _NAMES]


def decode(data: bytes) -> None:
    """Give the request to its decoder."""
    if len(data) >= _HEAD:
        number = int.from_bytes(data[:_HEAD], "little") % len(_DECODERS)
        _DECODERS[number](data[_HEAD:])


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Mutate a request as what it is half of the time, and otherwise as bytes."""
    random = Random(seed)
    head, body = data[:_HEAD], data[_HEAD:]
    if len(head) < _HEAD or random.random() < 0.4:
        return bytes(atheris.Mutate(data, max_size))
    name = _NAMES[int.from_bytes(head, "little") % len(_NAMES)]
    if name in _REST:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return bytes(atheris.Mutate(data, max_size))
        body = json_text(mutated_json(value, random), random)
    else:
        message: Any = _TYPES[name]()
        try:
            message.ParseFromString(body)
        except Exception:
            message = _TYPES[name]()
        if len(body) > max_size // 2:
            message.Clear()
        try:
            body = random_message(message, random).SerializeToString()
        except ValueError:
            return bytes(atheris.Mutate(data, max_size))
    return (head + body)[:max_size]


def write_seeds(folder: Path) -> None:
    """Write the seeds as first inputs: those of REST, and an arbitrary message of each method."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {name: number for number, name in enumerate(_NAMES)}
    for place, (method, path, body) in enumerate(rest_seeds("c")):
        head = numbers[decoder_of(method, path)].to_bytes(_HEAD, "little")
        (folder / f"rest-{place}").write_bytes(head + json.dumps(body).encode())
    for name, kind in _TYPES.items():
        message = random_message(kind(), Random(name))
        head = numbers[name].to_bytes(_HEAD, "little")
        (folder / f"rpc-{numbers[name]}").write_bytes(head + message.SerializeToString())


def words() -> list[str]:
    """The words of the interface: names of fields."""
    found = {name for kind in _TYPES.values() for name in kind.DESCRIPTOR.fields_by_name}
    text = json.dumps(rest_seeds("c"))
    found |= {part for part in text.replace('"', " ").split() if part.replace("_", "").isalpha()}
    return sorted(found)


def main() -> None:
    """Fuzz until libFuzzer ends."""
    corpus = Path(sys.argv[1])
    write_seeds(corpus)
    with tempfile.NamedTemporaryFile("w", suffix=".dict", delete=False) as dictionary:
        dictionary.writelines(f'"{word}"\n' for word in words())
    arguments = [*sys.argv, f"-dict={dictionary.name}", "-max_len=8192", "-timeout=10"]
    atheris.Setup(arguments, decode, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
