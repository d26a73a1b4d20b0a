"""What is remembered of keys: for two seconds, so many, and nothing that a revocation may have overtaken."""

import re
from uuid import uuid4

import pytest

from services.gateway import keys
from services.gateway.keyring import Recent, Remembered
from services.gateway.keys import Caller

KEY = "dk_0123456789ab_AAAAAAAAAAAAAAAAAAAAAA"


def remembered(caller: Caller | None = None, until: float = 2.0) -> Remembered:
    """What was found for a key."""
    return Remembered(caller, until)


def test_a_key_has_a_prefix_a_handle_and_128_random_bits() -> None:
    made = {keys.new_key() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"dk_[0-9a-f]{12}_[A-Za-z0-9_-]{22}", key) for key in made)
    assert all(keys.is_well_formed(key) and key.startswith(keys.handle_of(key) + "_") for key in made)


@pytest.mark.parametrize("key", ["", "dk_", KEY[:-1], KEY + "A", KEY + "\n", " " + KEY, KEY.upper(), KEY[:-1] + "Ä"])
def test_what_is_no_key_has_no_handle(key: str) -> None:
    assert not keys.is_well_formed(key)
    with pytest.raises(ValueError, match="not an API key"):
        keys.handle_of(key)


def test_what_is_kept_of_a_key_does_not_tell_it() -> None:
    kept = keys.kept(KEY, "acme", label="shop server")
    assert kept.handle == "dk_0123456789ab"
    assert KEY.removeprefix(kept.handle + "_") not in repr(kept)
    assert len(kept.digest) == 32


@pytest.mark.parametrize("account_id", ["local", "a", "acme.shop-2_x", "0", "a" * 63])
def test_an_account_id_is_lower_case(account_id: str) -> None:
    assert keys.is_account_id(account_id)


@pytest.mark.parametrize("account_id", ["", "Acme", "-a", ".a", "a b", "a/b", "ä", "a\n", "a\0", "a" * 64])
def test_what_is_no_account_id_is_told(account_id: str) -> None:
    assert not keys.is_account_id(account_id)


def test_what_was_found_is_believed_until_its_time_is_over() -> None:
    recent, caller = Recent(), Caller("acme", uuid4())
    recent.put(b"known", remembered(caller, until=2.0), recent.age)
    recent.put(b"nobody", remembered(None, until=2.0), recent.age)
    assert recent.get(b"known", 1.9) == Remembered(caller, 2.0)
    assert recent.get(b"nobody", 1.9) == Remembered(None, 2.0)
    assert recent.get(b"known", 2.0) is None
    assert recent.get(b"other", 0.0) is None


def test_the_oldest_give_way() -> None:
    recent = Recent(keys_max=3)
    for digest in (b"1", b"2", b"3", b"1", b"4"):
        recent.put(digest, remembered(), recent.age)
    assert [digest for digest in (b"1", b"2", b"3", b"4") if recent.get(digest, 0.0)] == [b"1", b"3", b"4"]


def test_a_revoked_key_is_forgotten_and_no_other() -> None:
    recent, revoked, other = Recent(), Caller("acme", uuid4()), Caller("acme", uuid4())
    recent.put(b"revoked", remembered(revoked), recent.age)
    recent.put(b"other", remembered(other), recent.age)
    assert revoked.key_id is not None
    recent.forget(revoked.key_id)
    assert recent.get(b"revoked", 0.0) is None
    assert recent.get(b"other", 0.0) == remembered(other)


def test_a_look_up_that_a_revocation_overtook_is_not_remembered() -> None:
    recent, caller = Recent(), Caller("acme", uuid4())
    age_at_look_up = recent.age
    assert caller.key_id is not None
    recent.forget(caller.key_id)
    recent.put(b"revoked", remembered(caller), age_at_look_up)
    assert recent.get(b"revoked", 0.0) is None
