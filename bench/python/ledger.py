"""The durable ledger: rows on disk when the call returns."""

import hashlib
import tempfile
import time
from pathlib import Path

from bench.python._captures import ROOT
from bench.registry import benchmark, repeat

from aurora._core import DurableLedger

PUTS = 100
GROUP = 64


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _row(sequence: int) -> bytes:
    """An intent of usual length, as `DeskCore.drain` gives it: its sequence, then the row."""
    local_ns = 1_700_000_000_000_000_000 + sequence
    alphabet = b"abcdefghijklmnopqrstuvwxyz234567"
    digest = hashlib.sha256(sequence.to_bytes(8, "little")).digest()
    client_id = b"a" + bytes(alphabet[byte & 31] for byte in digest[1:])
    payload = digest * 3
    hashed = b"".join(
        [
            sequence.to_bytes(8, "little"),
            local_ns.to_bytes(8, "little"),
            client_id,
            b"\0",
            digest,
            len(payload).to_bytes(8, "little"),
            payload,
        ]
    )
    checksum = int.from_bytes(hashlib.sha256(hashed).digest()[:8], "little")
    row = b"".join(
        [
            _varint(sequence),
            _varint(2 * local_ns),
            client_id,
            b"\0",
            digest,
            _varint(len(payload)),
            payload,
            _varint(checksum),
        ]
    )
    return sequence.to_bytes(8, "little") + row


def _seconds(batches: int, group: int) -> float:
    """Seconds of one commit, in a new ledger on the disk that the project is on."""
    rows = [[_row(batch * group + number) for number in range(group)] for batch in range(batches)]
    scratch = ROOT / "target"
    scratch.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        ledger = DurableLedger(str(Path(folder) / "ledger.redb"))
        begin = time.perf_counter()
        for batch in rows:
            ledger.append_batch(batch)
        taken = time.perf_counter() - begin
        assert ledger.verify() == batches * group
        del ledger
    return taken / batches


@benchmark(name="ledger-put", unit="us", better="lower")
def ledger_put() -> float:
    """One row, durable: two syncs of the disk."""
    return repeat(lambda: _seconds(PUTS, 1) * 1e6)


@benchmark(name="ledger-group", unit="rows/s", better="higher")
def ledger_group() -> float:
    """Rows in commits of 64."""
    return repeat(lambda: GROUP / _seconds(PUTS, GROUP), better="higher")
