"""Cosignatures and notes with several signatures, against a checkpoint that real witnesses cosigned."""

import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from jigsmith.tlog import Checkpoint, CosignatureSigner, CosignatureVerifier, NoteError, NoteSigner, NoteVerifier
from jigsmith.tlog.note import NOTE_BYTES_MAX, SIGNATURES_MAX, split_note

# A checkpoint of the public staging log arche2025h1, as it stood in May 2026: an RFC 6962 signature and an Ed25519 one of the
# log under one name, then four witnesses' cosignatures. The keys are those that the operators publish.
PUBLISHED = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev \
zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev \
ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden \
2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 \
pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de \
2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu \
Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""
LOG_KEY = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
WITNESS_KEYS = [
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
]
COSIGNED_S = 0x6A122120
TEXT = Checkpoint("example.org/log", 7, b"r" * 32).text()


@pytest.mark.parametrize("key", WITNESS_KEYS)
def test_published_cosignatures_verify(key: str) -> None:
    """Key ids, messages and times of four other implementations; a changed size, time or signature fails."""
    verifier = CosignatureVerifier.parse(key)
    assert str(verifier) == key
    assert verifier.verify(PUBLISHED) == COSIGNED_S
    line = verifier.newest(PUBLISHED).line
    assert line in PUBLISHED
    later = line.replace("AABqEiEg", "AABqEiEh")
    assert later != line
    for wrong in (
        PUBLISHED.replace("1432088532", "1432088533"),
        PUBLISHED.replace(line, later),
        PUBLISHED.replace(line, ""),
    ):
        with pytest.raises(NoteError):
            verifier.verify(wrong)


def test_a_published_note_opens_past_the_signatures_of_others() -> None:
    """Also past one of the same name with another key, which stands first."""
    verifier = NoteVerifier.parse(LOG_KEY)
    assert Checkpoint.parse(verifier.open(PUBLISHED)).size == 1_432_088_532
    alone = verifier.open_alone(PUBLISHED)
    assert len(split_note(alone)[1]) == 1
    assert verifier.open(alone) == verifier.open(PUBLISHED)


def test_one_key_makes_each_kind_of_signature_under_an_id_of_its_own() -> None:
    """c2sp.org/tlog-cosignature: neither is taken for the other."""
    private = Ed25519PrivateKey.generate()
    note, cosignature = NoteSigner("a", private).verifier, CosignatureSigner("a", private).verifier
    for parse, wrong in ((NoteVerifier.parse, cosignature), (CosignatureVerifier.parse, note)):
        with pytest.raises(NoteError):
            parse(str(wrong))
    with pytest.raises(NoteError):
        note.open(f"{TEXT}\n{CosignatureSigner('a', private).cosign(TEXT, 1)}")
    with pytest.raises(NoteError):
        cosignature.verify(NoteSigner("a", private).sign(TEXT))


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=4))
def test_the_newest_of_several_cosignatures_counts_and_all_must_fit(times: list[int]) -> None:
    """One that does not fit spoils the note: c2sp.org/signed-note."""
    signer = CosignatureSigner("w", Ed25519PrivateKey.generate())
    note = TEXT + "\n" + "".join(signer.cosign(TEXT, time_s) for time_s in times)
    assert signer.verifier.verify(note) == max(times)
    with pytest.raises(NoteError):
        signer.verifier.verify(note + signer.cosign(TEXT + "x\n", 1))


def test_times_that_cannot_be_are_refused() -> None:
    """Above 2^63 - 1: c2sp.org/tlog-cosignature."""
    signer = CosignatureSigner("w", Ed25519PrivateKey.generate())
    with pytest.raises(NoteError, match="time"):
        signer.verifier.verify(f"{TEXT}\n{signer.cosign(TEXT, 2**63)}")


def test_notes_are_bounded() -> None:
    """Sixteen signatures of post-quantum length are accepted, which c2sp.org/signed-note demands; floods are not."""
    signer = NoteSigner("log", Ed25519PrivateKey.generate())
    note, line = signer.sign(TEXT), "\u2014 pq.example.org/witness " + "A" * 3_260 + "\n"
    assert signer.verifier.open(note + line * 16) == TEXT
    for flood in (note + line * (NOTE_BYTES_MAX // len(line) + 1), note + "\u2014 w AAAAAAAA\n" * SIGNATURES_MAX):
        with pytest.raises(NoteError):
            signer.verifier.open(flood)


@pytest.mark.parametrize(
    "spoiled", ["x", "\u2014 w\n", "\u2014 w AAAA\n", "\u2014 w AA!A\n", "\u2014 w \u00e9\n", "- w AAAAAAAA\n"]
)
def test_lines_that_are_no_signatures_spoil_a_note(spoiled: str) -> None:
    """A note is read as a whole or not at all."""
    signer = NoteSigner("log", Ed25519PrivateKey.generate())
    with pytest.raises(NoteError):
        signer.verifier.open(signer.sign(TEXT) + spoiled)


@pytest.mark.parametrize("text", ["a\rb\n", "a\x00b\n", "a\x1b[2Jb\n"])
def test_notes_have_no_control_characters(text: str) -> None:
    """They would reach terminals: c2sp.org/signed-note."""
    signer = NoteSigner("log", Ed25519PrivateKey.generate())
    with pytest.raises(NoteError):
        signer.verifier.open(signer.sign(text))


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_opens_or_is_refused_cleanly(before: str, after: str) -> None:
    """NoteError and nothing else, lone surrogates included."""
    signer = CosignatureSigner("w", Ed25519PrivateKey.generate())
    for note in (before, f"{before}\n\n\u2014 {after}", f"{before}{TEXT}\n{signer.cosign(TEXT, 1)}{after}"):
        with contextlib.suppress(NoteError):
            assert signer.verifier.newest(note).text == TEXT


@pytest.mark.parametrize(
    "text",
    [
        "o\n1\n" + "A" * 42 + "B=\n",
        f"o\n{2**63}\n" + "A" * 43 + "=\n",
        "o\n1\n" + "A" * 43 + "=\n\n",
        "o\n1\n" + "A" * 43 + "=",
        "o\n1\n" + "\u00e9" * 43 + "=\n",
    ],
)
def test_a_checkpoint_has_one_form(text: str) -> None:
    """Another base64 of the same hash, a size that no tree has, empty extension lines, no last newline."""
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


def test_extension_lines_are_kept() -> None:
    """c2sp.org/tlog-checkpoint."""
    text = TEXT + "one\ntwo\n"
    assert Checkpoint.parse(text).extensions == ("one", "two")
    assert Checkpoint.parse(text).text() == text
