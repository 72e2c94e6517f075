"""What is remembered of right passwords: as long as it is good, and never a password."""

from evloop.site.access.remembered import LIFETIME, Remembered
from evloop.site.access.sizes import MAX_REMEMBERED

TRIPLE = (b"anna", b"sesame", b"hash")


def test_it_is_good_for_its_lifetime_and_no_second_longer() -> None:
    remembered = Remembered()
    key = remembered.key(*TRIPLE)
    assert not remembered.holds(key, 0.0)
    remembered.add(key, 10.0)
    assert remembered.holds(key, 10.0 + LIFETIME)
    assert not remembered.holds(key, 10.0 + LIFETIME + 0.001)


def test_a_key_is_of_all_three_and_of_this_process() -> None:
    remembered = Remembered()
    others = [
        remembered.key(b"anna", b"sesame", b"other"),
        remembered.key(b"anna", b"secre", b"thash"),
        remembered.key(b"annas", b"ecret", b"hash"),
        remembered.key(b"anna\0\0\0\0", b"sesame", b"hash"),
        Remembered().key(*TRIPLE),
    ]
    remembered.add(remembered.key(*TRIPLE), 0.0)
    assert not any(remembered.holds(other, 0.0) for other in others)


def test_no_password_is_kept() -> None:
    remembered = Remembered()
    remembered.add(remembered.key(*TRIPLE), 0.0)
    assert b"sesame" not in repr(vars(remembered)).encode()


def test_a_key_that_shares_a_place_is_not_taken_for_the_other() -> None:
    remembered = Remembered()
    key = remembered.key(*TRIPLE)
    remembered.add(key, 0.0)
    assert not remembered.holds(key[:8] + bytes(24), 0.0)


def test_the_oldest_goes_first() -> None:
    remembered = Remembered()
    keys = [remembered.key(b"%d" % number, b"", b"") for number in range(MAX_REMEMBERED + 1)]
    for key in keys[:-1]:
        remembered.add(key, 0.0)
    remembered.add(keys[0], 1.0)  # again
    remembered.add(keys[-1], 1.0)
    assert len(remembered) == MAX_REMEMBERED
    assert remembered.holds(keys[0], 1.0)
    assert not remembered.holds(keys[1], 1.0)


def test_all_can_be_forgotten() -> None:
    remembered = Remembered()
    key = remembered.key(*TRIPLE)
    remembered.add(key, 0.0)
    remembered.clear()
    assert not remembered.holds(key, 0.0)


def test_a_number_is_always_the_same_for_a_user() -> None:
    remembered = Remembered()
    numbers = [remembered.number(b"%d" % user, 5) for user in range(100)]
    assert numbers == [remembered.number(b"%d" % user, 5) for user in range(100)]
    assert set(numbers) == set(range(5))
