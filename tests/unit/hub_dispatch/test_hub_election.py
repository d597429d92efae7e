from __future__ import annotations

from dataclasses import replace

import pytest

from hub.command.election import LEASE_S, Claim, Election, Found, Put, decode_claim
from protocols.errors import ContractError
from runtime.process import ProcessName

ME, OTHER = ProcessName("here", 1, 10), ProcessName("there", 2, 20)


def election(ballot: str = "me", holder: ProcessName = ME) -> Election:
    return Election(holder, ballot)


def claim(ballot: str = "other", epoch: int = 3, made_s: float = 0.0) -> Claim:
    return Claim(ballot, OTHER, epoch, made_s, LEASE_S)


def put_of(put: Put | None) -> Put:
    assert put is not None
    return put


def elected(now_s: float = 100.0) -> Election:
    made = election()
    made.won(put_of(made.judge(None, now_s)), 1)
    return made


def test_a_free_seat_is_taken_at_once_whether_empty_resigned_or_of_a_dead_process() -> None:
    assert put_of(election().judge(None, 5.0)).last == 0
    assert put_of(election().judge(Found(7, claim("")), 5.0)).last == 7
    taken = put_of(election().judge(Found(7, claim(), gone=True), 5.0))
    assert (taken.last, taken.claim.ballot, taken.claim.epoch, taken.claim.made_s) == (7, "me", 3, 5.0)


def test_a_record_is_taken_over_only_after_it_was_seen_unchanged_for_a_whole_lease() -> None:
    me = election()
    for revision, now_s in ((1, 0.0), (1, 9.0), (2, 9.5), (2, 19.4)):
        assert me.judge(Found(revision, claim()), now_s) is None
    assert put_of(me.judge(Found(2, claim()), 19.5)).last == 2


def test_a_bucket_that_was_made_again_and_has_come_to_the_same_revision_is_another_record() -> None:
    me = election()
    assert me.judge(Found(5, claim(made_s=1.0)), 0.0) is None
    assert me.judge(Found(5, claim(made_s=2.0)), 10.0) is None
    assert me.judge(Found(5, claim(made_s=2.0)), 20.0) is not None


def test_the_leader_renews_each_third_and_falls_silent_after_two_thirds_of_its_lease() -> None:
    me = elected(100.0)
    mine = replace(claim("me", 0, 100.0), holder=ME)
    assert me.judge(Found(1, mine), 103.0) is None
    put = put_of(me.judge(Found(1, mine), 103.4))
    assert me.may_speak(106.6)
    assert not me.may_speak(106.7)
    me.won(put, 2)
    assert me.may_speak(110.0)
    assert not me.may_speak(110.1)


def test_a_renewal_counts_from_before_it_was_sent_also_when_its_answer_was_lost() -> None:
    me = elected(100.0)
    put = put_of(me.judge(Found(1, replace(claim("me", 0, 100.0), holder=ME)), 104.0))
    assert not me.may_speak(107.0)  # nobody knows whether it arrived
    assert me.judge(Found(2, put.claim), 107.0) is None
    assert me.may_speak(107.0)
    assert not me.may_speak(111.0)


def test_a_leader_that_finds_another_in_the_record_is_none_any_more() -> None:
    me = elected()
    assert me.judge(Found(2, claim(epoch=9)), 101.0) is None
    assert not me.elected
    assert not me.may_speak(101.0)
    assert me.highest == 9


def test_a_leader_that_was_stopped_leads_on_only_when_nobody_took_the_record() -> None:
    me = elected(100.0)
    assert not me.may_speak(500.0)
    put = put_of(me.judge(Found(1, replace(claim("me", 0, 100.0), holder=ME)), 500.0))
    assert not me.may_speak(500.0)
    me.won(put, 2)
    assert me.may_speak(500.0)


def test_who_stood_down_waits_for_its_own_record_as_for_any_other() -> None:
    me = elected(100.0)
    mine = replace(claim("me", 0, 100.0), holder=ME)
    me.stand_down("again")
    assert me.judge(Found(1, mine), 100.5) is None
    assert me.judge(Found(1, mine), 110.4) is None
    assert put_of(me.judge(Found(1, mine), 110.5)).claim.ballot == "again"


def test_the_record_never_forgets_the_highest_epoch() -> None:
    me = election()
    put = put_of(me.judge(Found(4, claim("", epoch=12)), 0.0))
    assert put.claim.epoch == 12
    me.won(put, 5)
    assert me.promoted(13, 0.1).claim.epoch == 13
    me.won(me.promoted(13, 0.1), 6)
    left = me.resigned()
    assert left is not None
    assert (left.claim.ballot, left.claim.epoch, left.last) == ("", 13, 6)


def test_an_epoch_is_not_for_who_is_not_elected() -> None:
    with pytest.raises(ContractError, match="elected"):
        election().promoted(3, 0.0)


def test_two_hubs_in_virtual_time_never_speak_at_once_however_their_looks_fall() -> None:
    for step_s in (0.7, 1.0, 1.3, 3.1):
        record: tuple[int, Claim] | None = None
        hubs = [election("a", ME), election("b", OTHER)]
        asleep = {"a": (20.0, 33.0), "b": (47.0, 62.0)}
        now_s, changes = 0.0, 0
        while now_s < 100.0:
            for hub, name in zip(hubs, "ab", strict=True):
                if asleep[name][0] <= now_s < asleep[name][1]:
                    continue
                found = None if record is None else Found(*record)
                put = hub.judge(found, now_s)
                if put is not None and put.last == (0 if record is None else record[0]):
                    changes += record is not None and record[1].ballot != put.claim.ballot
                    record = (put.last + 1, put.claim)
                    hub.won(put, put.last + 1)
                assert sum(one.may_speak(now_s) for one in hubs) <= 1
            now_s += step_s / 2
        assert changes == 2


def test_what_is_no_claim_is_refused() -> None:
    good = claim()
    assert decode_claim(good.encode()) == good
    for bad in (b"", b"\xc1", b"\x90", replace(good, lease_s=0.0).encode(), good.encode()[:-1]):
        with pytest.raises(ContractError):
            decode_claim(bad)
