"""Random edits of logs, of every kind that somebody might try: each is found, and no clean log is taken for an edited one.

Who has not the node's key is found out by the log alone. Who has it needs a witness to be found out; so does who puts an older
state of the whole log back, which is a log that once was.
"""

import asyncio
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jigsmith.tlog import Checkpoint, CosignatureSigner, GrowingTree, NoteSigner, leaf_hash, tiles
from jigsmith.verify import read_entries, verify_log
from jigsmith.verify.witnesses import RewrittenError, check_witness_state
from jigsmith_runtime.audit import AuditLog, load_or_create_signer
from jigsmith_runtime.audit.entries import EntryWriter

ORIGIN = "jigsmith/tampered"
SIZES = (2, 7, 30, 61, 255, 256, 257, 300, 520)
WEIGHTS = (8, 12, 20, 20, 3, 3, 3, 3, 2)
"""Small logs are quick to verify; the others have full bundles and tiles above the leaves."""
PRIVATE = frozenset({"lock", "reserve", "oldest-open"})
"""Files that are no part of the log's public face."""


@dataclass(frozen=True)
class Log:
    """A clean log of a size, an earlier state of it, and what a witness saw of it."""

    directory: Path
    earlier: Path
    size: int
    witnessed: str


class Bench:
    """Clean logs of all sizes, and the keys of node and witness."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.signer = load_or_create_signer(directory / "key.pem", ORIGIN)
        self.witness = CosignatureSigner("witness.example.org", Ed25519PrivateKey.generate())
        self.logs = {size: asyncio.run(self._make(size)) for size in SIZES}

    async def _make(self, size: int) -> Log:
        directory = self.directory / f"log-{size}"
        await self.fill(directory, size // 2)
        earlier = self.directory / f"earlier-{size}"
        shutil.copytree(directory, earlier)
        await self.fill(directory, size - size // 2)
        note = (directory / tiles.CHECKPOINT).read_text()
        text = note.partition("\n\n")[0] + "\n"
        return Log(directory, earlier, size, note + self.witness.cosign(text, 1_700_000_000))

    async def fill(self, directory: Path, count: int, word: str = "s") -> None:
        """Add entries to a log, made if need be, and close it."""
        log = await AuditLog.open(directory, signer=self.signer)
        writer = EntryWriter("node")
        for number in range(count):
            name = f"functionSets/{word}{log.size}-{number}"
            await log.append(writer.function_set_created("service:optimizer", function_set=name))
        await log.close()

    def report(self, directory: Path):
        """Verify a log by itself."""
        return verify_log(directory, self.signer.verifier)

    def witness_objects(self, directory: Path, log: Log) -> bool:
        """Return whether what the witness saw shows that a log was rewritten."""
        size = self.report(directory).checkpoint_size
        leaves = (leaf_hash(data) for _, data in read_entries(directory, size))
        try:
            check_witness_state(leaves, log.witnessed, self.signer.verifier, self.witness.verifier)
        except RewrittenError:
            return True
        return False


def public_files(directory: Path) -> list[Path]:
    """Return the files that make up a log's public face, in a stable order."""
    found = (path for path in directory.rglob("*") if path.is_file() and path.name not in PRIVATE)
    return sorted(found)


def size_of(directory: Path) -> int:
    """Return how many entries a log's checkpoint speaks of."""
    return Checkpoint.parse((directory / tiles.CHECKPOINT).read_text().partition("\n\n")[0] + "\n").size


def entry_file(directory: Path, chance: random.Random) -> tuple[Path, int]:
    """Return a file of entries, and the number of its bundle."""
    full = 0
    while tiles.bundle_path(directory, full).exists():
        full += 1
    tail = [] if not (directory / tiles.TAIL).stat().st_size else [(directory / tiles.TAIL, full)]
    return chance.choice([*((tiles.bundle_path(directory, number), number) for number in range(full)), *tail])


def flip_a_bit(directory: Path, chance: random.Random, _: Bench) -> None:
    """One bit, anywhere."""
    path = chance.choice([path for path in public_files(directory) if path.stat().st_size])
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(data))


def truncate(directory: Path, chance: random.Random, _: Bench) -> None:
    """A file loses its end."""
    path = chance.choice([path for path in public_files(directory) if path.stat().st_size])
    with path.open("r+b") as file:
        file.truncate(chance.randrange(path.stat().st_size))


def append(directory: Path, chance: random.Random, _: Bench) -> None:
    """A file gets an end that it did not have. Not the tail: what stands there behind the checkpoint is not signed yet."""
    path = chance.choice([path for path in public_files(directory) if path.name != tiles.TAIL])
    with path.open("ab") as file:
        file.write(chance.randbytes(chance.randrange(1, 80)))


def rearrange(directory: Path, chance: random.Random, _: Bench) -> None:
    """Entries deleted, doubled, inserted, swapped or edited."""
    path, _number = entry_file(directory, chance)
    entries = tiles.unpack(path.read_bytes())
    path.write_bytes(b"".join(map(tiles.pack, rearranged(entries, chance))))


def rearrange_and_rehash(directory: Path, chance: random.Random, _: Bench) -> None:
    """The same, with the leaf hashes made to fit."""
    path, number = entry_file(directory, chance)
    before = tiles.unpack(path.read_bytes())
    entries = rearranged(before, chance)
    path.write_bytes(b"".join(map(tiles.pack, entries)))
    hashes = b"".join(map(leaf_hash, entries))
    tiles.hashes_path(directory, 0, number, len(before)).write_bytes(hashes)


def rearranged(entries: list[bytes], chance: random.Random) -> list[bytes]:
    """Return entries that are not what they were."""
    place = chance.randrange(len(entries))
    edited = entries[place].replace(b"optimizer", b"somebody1", 1)
    ways = [
        [*entries[:place], *entries[place + 1 :]],
        [*entries[:place], entries[place], *entries[place:]] if place + 1 < len(entries) else entries[:-1],
        [*entries[:place], edited, *entries[place:]],
        [*entries[:place], edited, *entries[place + 1 :]],
    ]
    if len(entries) > 1:
        other = chance.choice([one for one in range(len(entries)) if one != place])
        swapped = list(entries)
        swapped[place], swapped[other] = swapped[other], swapped[place]
        ways.append(swapped)
    return chance.choice(ways)


def remove(directory: Path, chance: random.Random, _: Bench) -> None:
    """A file is gone that nothing else stands for."""
    size = size_of(directory)
    needed = [directory / tiles.CHECKPOINT]
    needed += [tiles.bundle_path(directory, number) for number, count in tiles.bundles(size) if count == tiles.WIDTH]
    needed += [tiles.hashes_path(directory, level, number, width) for level, number, width in tiles.edge(size)]
    needed += [tiles.hashes_path(directory, 0, number) for number, count in tiles.bundles(size) if count == tiles.WIDTH]
    chance.choice(needed).unlink()


def transplant(directory: Path, chance: random.Random, bench: Bench) -> None:
    """A file of another log, or of an earlier state of this one, in the place of its own."""
    size = chance.choice(SIZES)
    donor = bench.logs[size].directory if chance.random() < 0.5 else bench.logs[size].earlier
    theirs = {path.relative_to(donor): path.read_bytes() for path in public_files(donor)}
    ours = {path.relative_to(directory): path.read_bytes() for path in public_files(directory)}
    if donor == bench.logs[size_of(directory)].earlier:
        del theirs[Path(tiles.CHECKPOINT)]  # with it alone the log is what it was then, and needs a witness
    if not ours.get(Path(tiles.TAIL)):
        theirs.pop(Path(tiles.TAIL), None)  # all of it would stand behind the checkpoint, and not be signed yet
    differing = [name for name in theirs if name in ours and theirs[name] != ours[name]]
    if differing:
        name = chance.choice(differing)
        (directory / name).write_bytes(theirs[name])
    else:
        flip_a_bit(directory, chance, bench)


def forge_the_checkpoint(directory: Path, chance: random.Random, bench: Bench) -> None:
    """Signed by another key, for another log, or of other contents with the old signature."""
    path = directory / tiles.CHECKPOINT
    text, _, signatures = path.read_text().partition("\n\n")
    origin, size, root = text.split("\n")
    foreign = NoteSigner(ORIGIN, Ed25519PrivateKey.generate())
    other = NoteSigner("jigsmith/other", Ed25519PrivateKey.generate())
    ways = [
        foreign.sign(f"{text}\n"),
        other.sign(f"jigsmith/other\n{size}\n{root}\n"),
        f"{origin}\n{int(size) - 1}\n{root}\n\n{signatures}",
        f"{origin}\n{size}\n{root}\nmore\n\n{signatures}",
        f"{text}\n\n",
        "",
    ]
    path.write_text(chance.choice(ways))


def all_hashes_fit(directory: Path, chance: random.Random, bench: Bench) -> None:
    """Entries edited and every tile of every level made to fit: all but the signature."""
    rewrite(directory, chance, bench, sign=False)


def rewrite(directory: Path, chance: random.Random, bench: Bench, *, sign: bool) -> None:
    """Make another log of one with an edited entry, in files as the runtime writes them."""
    size = size_of(directory)
    entries = [data for _, data in read_entries(directory, size)]
    place = chance.randrange(len(entries))
    entries[place] = entries[place].replace(b"optimizer", b"somebody1", 1)
    note = (directory / tiles.CHECKPOINT).read_text()
    shutil.rmtree(directory)
    write_log(directory, entries)
    tree = GrowingTree()
    for entry in entries:
        tree.append(leaf_hash(entry))
    if sign:
        note = bench.signer.sign(Checkpoint(ORIGIN, len(entries), tree.root()).text())
    (directory / tiles.CHECKPOINT).write_text(note)


def write_log(directory: Path, entries: list[bytes]) -> None:
    """Write bundles and tiles."""
    tree = GrowingTree()
    for number, count in tiles.bundles(len(entries)):
        part = entries[number * tiles.WIDTH : number * tiles.WIDTH + count]
        path = tiles.bundle_path(directory, number, count)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(map(tiles.pack, part)))
        for entry in part:
            tree.append(leaf_hash(entry))
    for tile in [*tree.full, *tree.edge()]:
        path = tiles.hashes_path(directory, tile.level, tile.number, len(tile.hashes))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(tile.hashes))


def rewrite_with_the_stolen_key(directory: Path, chance: random.Random, bench: Bench) -> None:
    """A whole log, edited and signed anew."""
    rewrite(directory, chance, bench, sign=True)


def put_back_an_earlier_state(directory: Path, _: random.Random, bench: Bench) -> None:
    """All that was logged since is gone, as if it had never been."""
    size = size_of(directory)
    shutil.rmtree(directory)
    shutil.copytree(bench.logs[size].earlier, directory)


def put_back_an_earlier_checkpoint(directory: Path, _: random.Random, bench: Bench) -> None:
    """What was logged since looks as if it were not signed yet."""
    shutil.copy(bench.logs[size_of(directory)].earlier / tiles.CHECKPOINT, directory / tiles.CHECKPOINT)


def fork_with_the_stolen_key(directory: Path, chance: random.Random, bench: Bench) -> None:
    """The same beginning, another end."""
    size = size_of(directory)
    put_back_an_earlier_state(directory, chance, bench)
    asyncio.run(bench.fill(directory, size - size // 2 + chance.randrange(3), word="fork"))


Edit = Callable[[Path, random.Random, Bench], None]

FOUND_BY_THE_LOG: list[Edit] = [
    flip_a_bit,
    flip_a_bit,
    flip_a_bit,
    truncate,
    append,
    rearrange,
    rearrange,
    rearrange_and_rehash,
    remove,
    transplant,
    forge_the_checkpoint,
    all_hashes_fit,
]
FOUND_BY_A_WITNESS: list[Edit] = [
    rewrite_with_the_stolen_key,
    put_back_an_earlier_state,
    put_back_an_earlier_checkpoint,
    fork_with_the_stolen_key,
]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Give clean logs."""
    return Bench(tmp_path_factory.mktemp("tampering"))


def tamper(bench: Bench, seed: int, place: Path) -> str | None:
    """Make one random edit of a copy of a log; return what it was if it was not found."""
    chance = random.Random(seed)
    log = bench.logs[chance.choices(SIZES, WEIGHTS)[0]]
    by_witness = chance.random() < 0.1
    edit = chance.choice(FOUND_BY_A_WITNESS if by_witness else FOUND_BY_THE_LOG)
    copy = place / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(log.directory, copy)
    edit(copy, chance, bench)
    found = bench.witness_objects(copy, log) if by_witness else not bench.report(copy).ok
    return None if found else f"seed {seed}: {edit.__name__} of a log of {log.size} entries was not found"


def check_edits(bench: Bench, seeds: range, place: Path) -> None:
    """Make an edit for each seed; fail with all that were not found."""
    missed = [one for one in (tamper(bench, seed, place) for seed in seeds) if one is not None]
    assert not missed, "\n".join(missed)


def check_clean(directory: Path, count: int) -> None:
    """Make clean logs of random sizes, in one or more runs; none may be objected to."""
    chance = random.Random(7)
    bench = Bench.__new__(Bench)
    bench.signer = load_or_create_signer(directory / "key.pem", ORIGIN)
    for number in range(count):
        log = directory / f"clean-{number}"
        for _ in range(chance.randrange(1, 4)):
            asyncio.run(bench.fill(log, chance.randrange(1, 40)))
        report = bench.report(log)
        assert report.ok, (number, report.first_bad)
        shutil.rmtree(log)


def test_edits_are_found(bench: Bench, tmp_path: Path) -> None:
    """The short form: 500 of them."""
    check_edits(bench, range(500), tmp_path)


def test_clean_logs_are_clean(bench: Bench, tmp_path: Path) -> None:
    """As the runtime wrote them: those that were edited above before they were, and 30 more."""
    for log in bench.logs.values():
        assert bench.report(log.directory).ok
        assert not bench.witness_objects(log.directory, log)
    check_clean(tmp_path, 30)


@pytest.mark.faults
@pytest.mark.timeout(1_200)
def test_ten_thousand_edits_are_found(bench: Bench, tmp_path: Path) -> None:
    """Each with a seed of its own."""
    check_edits(bench, range(1_000, 11_000), tmp_path)


@pytest.mark.faults
@pytest.mark.timeout(1_200)
def test_a_thousand_clean_logs_are_clean(tmp_path: Path) -> None:
    """No false alarm."""
    check_clean(tmp_path, 1_000)
