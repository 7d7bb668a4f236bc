"""Tickets: used once, for one thing, from one page, in time; and what a used one still opens."""

from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple, rule

from gateway.protocol.errors import Code, Refused
from gateway.security.api_keys import StoredKey, generate_key, hash_secret
from gateway.security.authenticator import ApiKeyScheme, Authenticator
from gateway.security.principals import GenerationScope, Principal
from gateway.security.tickets import ReadAccess, TicketScope, TicketStore, TicketUse, invalid_ticket

ALICE, BOB = Principal("alice", "key"), Principal("bob", "key")
HERE, PAGE = "", "https://app.example"
OF_G: TicketScope = GenerationScope("g")
SCOPES: list[TicketScope] = ["start", "socket", OF_G]
ASKED: list[TicketUse] = [
    "start",
    "socket",
    ReadAccess("g"),
    ReadAccess("g", resume=True),
    ReadAccess("h"),
    ReadAccess("h", resume=True),
]
OPENS = {("start", "start"), ("socket", "socket"), (OF_G, "socket"), (OF_G, ASKED[2]), (OF_G, ASKED[3])}


def refused(kept: TicketStore, text: str, asked: TicketUse, origin: str = HERE, unix: float = 0) -> None:
    with pytest.raises(Refused) as found:
        kept.redeem(text, asked, origin, unix)
    assert found.value.body() == invalid_ticket().body()


@pytest.mark.parametrize("asked", ASKED, ids=str)
@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_a_ticket_serves_its_purpose_and_a_wrong_use_does_not_use_it_up(scope: TicketScope, asked: TicketUse) -> None:
    kept = TicketStore()
    text = kept.issue(ALICE, scope, HERE, 0)
    if (scope, asked) not in OPENS:
        refused(kept, text, asked)
        asked = next(one for one in ASKED if (scope, one) in OPENS)
    found = kept.redeem(text, asked, HERE, 0)
    assert found == ALICE.restricted_to(scope if isinstance(scope, GenerationScope) else None)


@pytest.mark.parametrize("unix", [1030, 1030.001, 2000])
def test_a_ticket_expires_to_the_millisecond(unix: float) -> None:
    kept = TicketStore()
    late, in_time = (kept.issue(ALICE, "start", HERE, 1000) for _ in range(2))
    refused(kept, late, "start", unix=unix)
    assert kept.redeem(in_time, "start", HERE, 1029.999) is ALICE


def test_another_origin_is_refused_before_and_after_use() -> None:
    kept = TicketStore()
    for issued, other in ((HERE, PAGE), (PAGE, HERE), (PAGE, PAGE + "x")):
        text = kept.issue(ALICE, OF_G, issued, 0)
        refused(kept, text, ReadAccess("g"), other)
        kept.redeem(text, ReadAccess("g"), issued, 0)
        refused(kept, text, ReadAccess("g", resume=True), other)
        assert kept.redeem(text, ReadAccess("g", resume=True), issued, 0).name == "alice"


@pytest.mark.parametrize("scope", ["socket", OF_G], ids=str)
def test_a_ticket_that_opened_a_socket_opens_nothing_more(scope: TicketScope) -> None:
    kept = TicketStore()
    text = kept.issue(ALICE, scope, HERE, 0)
    kept.redeem(text, "socket", HERE, 0)
    for asked in ASKED:
        refused(kept, text, asked)
    assert len(kept) == 0


def test_a_ticket_allows_commands_only_on_a_socket() -> None:
    kept = TicketStore()
    one, two = (kept.issue(ALICE, GenerationScope("g", commands=True), HERE, 0) for _ in range(2))
    assert kept.redeem(one, "socket", HERE, 0).generation_scope == GenerationScope("g", commands=True)
    for again in (False, True):
        assert kept.redeem(two, ReadAccess("g", resume=again), HERE, 0).generation_scope == GenerationScope("g")


def test_a_used_ticket_resumes_its_generation_at_any_time() -> None:
    kept = TicketStore()
    text = kept.issue(ALICE, OF_G, HERE, 0)
    kept.redeem(text, ReadAccess("g"), HERE, 0)
    for asked in ASKED:
        if asked == ReadAccess("g", resume=True):
            assert kept.redeem(text, asked, HERE, 1e6) == ALICE.restricted_to(GenerationScope("g"))
        else:
            refused(kept, text, asked)


def test_a_used_start_ticket_reads_what_it_started() -> None:
    kept = TicketStore()
    text = kept.issue(ALICE, "start", HERE, 0)
    assert kept.redeem(text, "start", HERE, 0).generation_scope is None
    for asked in ASKED:
        refused(kept, text, asked)
    kept.record_start(text, "g")
    for _ in range(2):
        for asked in ASKED:
            if asked in ("start", ReadAccess("g", resume=True)):
                assert kept.redeem(text, asked, HERE, 1e6).generation_scope == GenerationScope("g")
            else:
                refused(kept, text, asked)
        kept.record_start(text, "h")
        kept.restore(text)


def test_a_start_ticket_that_started_nothing_can_be_used_again_in_time() -> None:
    kept = TicketStore()
    text = kept.issue(ALICE, "start", HERE, 0)
    for unix in (1.0, 29.0):
        kept.redeem(text, "start", HERE, unix)
        kept.restore(text)
    refused(kept, text, "start", unix=30)


def test_only_the_oldest_ticket_of_the_same_principal_is_dropped() -> None:
    kept = TicketStore(max_unused=4, max_per_principal=2)
    bobs = kept.issue(BOB, OF_G, HERE, 0)
    first, *others = (kept.issue(ALICE, OF_G, HERE, 0) for _ in range(3))
    refused(kept, first, ReadAccess("g"))
    others.append(kept.issue(ALICE, OF_G, HERE, 0))
    refused(kept, others.pop(0), ReadAccess("g"))
    for text in (bobs, *others):
        kept.redeem(text, ReadAccess("g"), HERE, 0)
    kept.redeem(kept.issue(ALICE, OF_G, HERE, 0), ReadAccess("g"), HERE, 0)
    refused(kept, others[0], ReadAccess("g", resume=True))
    for text in (bobs, others[1]):
        kept.redeem(text, ReadAccess("g", resume=True), HERE, 0)


def test_too_many_tickets_are_refused_until_some_are_used_or_expire() -> None:
    kept = TicketStore(max_unused=2)
    texts = [kept.issue(ALICE, OF_G, HERE, 0), kept.issue(BOB, OF_G, HERE, 10)]
    with pytest.raises(Refused) as found:
        kept.issue(BOB, OF_G, HERE, 29.9)
    assert (found.value.code, found.value.retry_after_ms) == (Code.RATE_LIMIT, 1000)
    texts.append(kept.issue(Principal("carol", "key"), OF_G, HERE, 30))
    kept.redeem(texts[1], ReadAccess("g"), HERE, 30)
    kept.redeem(texts[2], ReadAccess("g"), HERE, 30)
    last = kept.issue(ALICE, OF_G, HERE, 30)
    kept.redeem(last, ReadAccess("g"), HERE, 30)
    refused(kept, texts[1], ReadAccess("g", resume=True))
    assert len(kept) == 2


def test_a_ticket_has_192_random_bits_and_is_never_shown() -> None:
    kept = TicketStore()
    texts = {kept.issue(ALICE, "start", HERE, 0) for _ in range(100)}
    assert len(texts) == 100
    shown = repr(kept.__dict__)
    for text in texts:
        assert len(text) == 32
        assert text not in shown
    refused(kept, "\ud800", "start")


def test_a_ticket_ends_with_the_key_that_requested_it() -> None:
    key, now = generate_key(), [1000.0]
    stored = StoredKey("alice", key.id, hash_secret(key.secret), expires=1010)
    authenticator = Authenticator([ApiKeyScheme([stored])], lambda: now[0])
    alice = stored.principal()
    text, until = authenticator.issue_ticket(alice, OF_G, HERE)
    assert until == 1030
    assert authenticator.redeem_ticket(text, ReadAccess("g"), HERE).generation_scope == OF_G
    socket = authenticator.redeem_ticket(
        authenticator.issue_ticket(alice, GenerationScope("g", commands=True), HERE)[0], "socket", HERE
    )
    assert authenticator.renew(socket).generation_scope == GenerationScope("g", commands=True)
    unused = authenticator.issue_ticket(alice, "start", HERE)[0]
    now[0] = 1010.0
    late: list[tuple[str, TicketUse]] = [(text, ReadAccess("g", resume=True)), (unused, "start")]
    for ticket, asked in late:
        with pytest.raises(Refused) as found:
            authenticator.redeem_ticket(ticket, asked, HERE)
        assert found.value.body() == invalid_ticket().body()
    now[0] = 1005.0
    authenticator.replace_schemes([ApiKeyScheme([StoredKey("alice", generate_key().id, stored.hash)])])
    with pytest.raises(Refused, match=invalid_ticket().message):
        authenticator.redeem_ticket(text, ReadAccess("g", resume=True), HERE)


ORIGINS = st.sampled_from([HERE, PAGE])


@dataclass
class Known:
    """A ticket as the machine below remembers it."""

    principal: Principal
    scope: TicketScope
    origin: str
    until: float
    spent: bool = False
    reads: str | None = None


class Use(RuleBasedStateMachine):
    """Whatever is done in whatever order, each ticket opens what the plain account of it says, and no more."""

    issued = Bundle("issued")

    def __init__(self) -> None:
        super().__init__()
        self.kept = TicketStore()
        self.unix = 0.0
        self.known: dict[str, Known] = {}
        self.starts: dict[str, int] = {}

    @rule(
        target=issued,
        who=st.sampled_from([ALICE, BOB]),
        scope=st.sampled_from(SCOPES),
        origin=ORIGINS,
    )
    def issue(self, who: Principal, scope: TicketScope, origin: str) -> str:
        text = self.kept.issue(who, scope, origin, self.unix)
        assert text not in self.known
        self.known[text] = Known(who, scope, origin, self.unix + 30)
        return text

    @rule(target=issued, text=st.text(max_size=40))
    def make_up(self, text: str) -> object:
        return text if text not in self.known else multiple()

    @rule(seconds=st.sampled_from([0.001, 1, 14.999, 30]))
    def wait(self, seconds: float) -> None:
        self.unix += seconds

    @rule(text=issued, asked=st.sampled_from(ASKED), origin=ORIGINS, works=st.booleans())
    def redeem(self, text: str, asked: TicketUse, origin: str, works: bool) -> None:
        expected = self._expected(text, asked, origin)
        if expected is None:
            refused(self.kept, text, asked, origin, self.unix)
            return
        found = self.kept.redeem(text, asked, origin, self.unix)
        assert found == expected
        known = self.known[text]
        if asked == "start" and found.generation_scope is None:
            assert self.starts.get(text, 0) == 0
            if works:
                self.starts[text] = 1
                self.kept.record_start(text, "g")
                known.spent, known.reads = True, "g"
            else:
                self.kept.restore(text)
        elif not known.spent:
            known.spent, known.reads = True, "g" if isinstance(asked, ReadAccess) else None

    def _expected(self, text: str, asked: TicketUse, origin: str) -> Principal | None:
        known = self.known.get(text)
        if known is None or known.origin != origin:
            return None
        if known.spent:
            again = asked == ReadAccess("g", resume=True) or (asked == known.scope == "start")
            return known.principal.restricted_to(GenerationScope("g")) if again and known.reads else None
        if known.until <= self.unix or (known.scope, asked) not in OPENS:
            return None
        return known.principal.restricted_to(known.scope if isinstance(known.scope, GenerationScope) else None)


TestUse = Use.TestCase
