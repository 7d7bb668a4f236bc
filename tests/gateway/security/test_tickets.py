"""Tickets: valid once, for one purpose, one origin and 30 s; and what a used ticket still reads."""

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
NO_ORIGIN, PAGE = "", "https://app.example"
ONE_GENERATION: TicketScope = GenerationScope("g")
SCOPES: list[TicketScope] = ["start", "socket", ONE_GENERATION]
USES: list[TicketUse] = [
    "start",
    "socket",
    ReadAccess("g"),
    ReadAccess("g", resume=True),
    ReadAccess("h"),
    ReadAccess("h", resume=True),
]
ALLOWED = {
    ("start", "start"),
    ("socket", "socket"),
    (ONE_GENERATION, "socket"),
    (ONE_GENERATION, USES[2]),
    (ONE_GENERATION, USES[3]),
}


def refused(store: TicketStore, text: str, use: TicketUse, origin: str = NO_ORIGIN, unix: float = 0) -> None:
    with pytest.raises(Refused) as error:
        store.redeem(text, use, origin, unix)
    assert error.value.body() == invalid_ticket().body()


@pytest.mark.parametrize("use", USES, ids=str)
@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_a_ticket_serves_its_purpose_and_a_wrong_use_does_not_use_it_up(scope: TicketScope, use: TicketUse) -> None:
    store = TicketStore()
    text = store.issue(ALICE, scope, NO_ORIGIN, 0)
    if (scope, use) not in ALLOWED:
        refused(store, text, use)
        use = next(allowed for allowed in USES if (scope, allowed) in ALLOWED)
    principal = store.redeem(text, use, NO_ORIGIN, 0)
    assert principal == ALICE.restricted_to(scope if isinstance(scope, GenerationScope) else None)


@pytest.mark.parametrize("unix", [1030, 1030.001, 2000])
def test_a_ticket_expires_to_the_millisecond(unix: float) -> None:
    store = TicketStore()
    late, in_time = (store.issue(ALICE, "start", NO_ORIGIN, 1000) for _ in range(2))
    refused(store, late, "start", unix=unix)
    assert store.redeem(in_time, "start", NO_ORIGIN, 1029.999) is ALICE


def test_another_origin_is_refused_before_and_after_use() -> None:
    store = TicketStore()
    for issued, other in ((NO_ORIGIN, PAGE), (PAGE, NO_ORIGIN), (PAGE, PAGE + "x")):
        text = store.issue(ALICE, ONE_GENERATION, issued, 0)
        refused(store, text, ReadAccess("g"), other)
        store.redeem(text, ReadAccess("g"), issued, 0)
        refused(store, text, ReadAccess("g", resume=True), other)
        assert store.redeem(text, ReadAccess("g", resume=True), issued, 0).name == "alice"


@pytest.mark.parametrize("scope", ["socket", ONE_GENERATION], ids=str)
def test_a_ticket_that_opened_a_socket_opens_nothing_more(scope: TicketScope) -> None:
    store = TicketStore()
    text = store.issue(ALICE, scope, NO_ORIGIN, 0)
    store.redeem(text, "socket", NO_ORIGIN, 0)
    for use in USES:
        refused(store, text, use)
    assert len(store) == 0


def test_a_ticket_allows_commands_only_on_a_socket() -> None:
    store = TicketStore()
    on_socket, over_http = (store.issue(ALICE, GenerationScope("g", commands=True), NO_ORIGIN, 0) for _ in range(2))
    assert store.redeem(on_socket, "socket", NO_ORIGIN, 0).generation_scope == GenerationScope("g", commands=True)
    for resume in (False, True):
        assert store.redeem(
            over_http, ReadAccess("g", resume=resume), NO_ORIGIN, 0
        ).generation_scope == GenerationScope("g")


def test_a_used_ticket_resumes_its_generation_at_any_time() -> None:
    store = TicketStore()
    text = store.issue(ALICE, ONE_GENERATION, NO_ORIGIN, 0)
    store.redeem(text, ReadAccess("g"), NO_ORIGIN, 0)
    for use in USES:
        if use == ReadAccess("g", resume=True):
            assert store.redeem(text, use, NO_ORIGIN, 1e6) == ALICE.restricted_to(GenerationScope("g"))
        else:
            refused(store, text, use)


def test_a_used_start_ticket_reads_what_it_started() -> None:
    store = TicketStore()
    text = store.issue(ALICE, "start", NO_ORIGIN, 0)
    assert store.redeem(text, "start", NO_ORIGIN, 0).generation_scope is None
    for use in USES:
        refused(store, text, use)
    store.record_start(text, "g")
    for _ in range(2):
        for use in USES:
            if use in ("start", ReadAccess("g", resume=True)):
                assert store.redeem(text, use, NO_ORIGIN, 1e6).generation_scope == GenerationScope("g")
            else:
                refused(store, text, use)
        store.record_start(text, "h")
        store.restore(text)


def test_a_start_ticket_that_started_nothing_can_be_used_again_in_time() -> None:
    store = TicketStore()
    text = store.issue(ALICE, "start", NO_ORIGIN, 0)
    for unix in (1.0, 29.0):
        store.redeem(text, "start", NO_ORIGIN, unix)
        store.restore(text)
    refused(store, text, "start", unix=30)


def test_only_the_oldest_ticket_of_the_same_principal_is_dropped() -> None:
    store = TicketStore(max_unused=4, max_per_principal=2)
    bobs = store.issue(BOB, ONE_GENERATION, NO_ORIGIN, 0)
    first, *others = (store.issue(ALICE, ONE_GENERATION, NO_ORIGIN, 0) for _ in range(3))
    refused(store, first, ReadAccess("g"))
    others.append(store.issue(ALICE, ONE_GENERATION, NO_ORIGIN, 0))
    refused(store, others.pop(0), ReadAccess("g"))
    for text in (bobs, *others):
        store.redeem(text, ReadAccess("g"), NO_ORIGIN, 0)
    store.redeem(store.issue(ALICE, ONE_GENERATION, NO_ORIGIN, 0), ReadAccess("g"), NO_ORIGIN, 0)
    refused(store, others[0], ReadAccess("g", resume=True))
    for text in (bobs, others[1]):
        store.redeem(text, ReadAccess("g", resume=True), NO_ORIGIN, 0)


def test_too_many_tickets_are_refused_until_some_are_used_or_expire() -> None:
    store = TicketStore(max_unused=2)
    texts = [store.issue(ALICE, ONE_GENERATION, NO_ORIGIN, 0), store.issue(BOB, ONE_GENERATION, NO_ORIGIN, 10)]
    with pytest.raises(Refused) as error:
        store.issue(BOB, ONE_GENERATION, NO_ORIGIN, 29.9)
    assert (error.value.code, error.value.retry_after_ms) == (Code.RATE_LIMIT, 1000)
    texts.append(store.issue(Principal("carol", "key"), ONE_GENERATION, NO_ORIGIN, 30))
    store.redeem(texts[1], ReadAccess("g"), NO_ORIGIN, 30)
    store.redeem(texts[2], ReadAccess("g"), NO_ORIGIN, 30)
    last = store.issue(ALICE, ONE_GENERATION, NO_ORIGIN, 30)
    store.redeem(last, ReadAccess("g"), NO_ORIGIN, 30)
    refused(store, texts[1], ReadAccess("g", resume=True))
    assert len(store) == 2


def test_a_ticket_has_192_random_bits_and_is_never_shown() -> None:
    store = TicketStore()
    texts = {store.issue(ALICE, "start", NO_ORIGIN, 0) for _ in range(100)}
    assert len(texts) == 100
    shown = repr(store.__dict__)
    for text in texts:
        assert len(text) == 32
        assert text not in shown
    refused(store, "\ud800", "start")


async def test_a_ticket_ends_with_the_key_that_requested_it() -> None:
    key, now = generate_key(), [1000.0]
    stored = StoredKey("alice", key.id, hash_secret(key.secret), expires=1010)
    authenticator = Authenticator([ApiKeyScheme([stored])], lambda: now[0])
    alice = stored.principal()
    text, expires = await authenticator.issue_ticket(alice, ONE_GENERATION, NO_ORIGIN)
    assert expires == 1030
    reader = await authenticator.redeem_ticket(text, ReadAccess("g"), NO_ORIGIN)
    assert reader.generation_scope == ONE_GENERATION
    commanding, _ = await authenticator.issue_ticket(alice, GenerationScope("g", commands=True), NO_ORIGIN)
    socket = await authenticator.redeem_ticket(commanding, "socket", NO_ORIGIN)
    assert authenticator.renew(socket).generation_scope == GenerationScope("g", commands=True)
    unused, _ = await authenticator.issue_ticket(alice, "start", NO_ORIGIN)
    now[0] = 1010.0
    late: list[tuple[str, TicketUse]] = [(text, ReadAccess("g", resume=True)), (unused, "start")]
    for ticket, use in late:
        with pytest.raises(Refused) as error:
            await authenticator.redeem_ticket(ticket, use, NO_ORIGIN)
        assert error.value.body() == invalid_ticket().body()
    now[0] = 1005.0
    authenticator.replace_schemes([ApiKeyScheme([StoredKey("alice", generate_key().id, stored.hash)])])
    with pytest.raises(Refused, match=invalid_ticket().message):
        await authenticator.redeem_ticket(text, ReadAccess("g", resume=True), NO_ORIGIN)


ORIGINS = st.sampled_from([NO_ORIGIN, PAGE])


@dataclass
class ExpectedTicket:
    """A ticket as the state machine below expects it to be."""

    principal: Principal
    scope: TicketScope
    origin: str
    expires: float
    used: bool = False
    reads: str | None = None


class Use(RuleBasedStateMachine):
    """Random uses of random tickets: each allows what a simple model of it says, and nothing else."""

    issued = Bundle("issued")

    def __init__(self) -> None:
        super().__init__()
        self.store = TicketStore()
        self.unix = 0.0
        self.expected: dict[str, ExpectedTicket] = {}
        self.starts: dict[str, int] = {}

    @rule(
        target=issued,
        owner=st.sampled_from([ALICE, BOB]),
        scope=st.sampled_from(SCOPES),
        origin=ORIGINS,
    )
    def issue(self, owner: Principal, scope: TicketScope, origin: str) -> str:
        text = self.store.issue(owner, scope, origin, self.unix)
        assert text not in self.expected
        self.expected[text] = ExpectedTicket(owner, scope, origin, self.unix + 30)
        return text

    @rule(target=issued, text=st.text(max_size=40))
    def make_up(self, text: str) -> object:
        return text if text not in self.expected else multiple()

    @rule(seconds=st.sampled_from([0.001, 1, 14.999, 30]))
    def wait(self, seconds: float) -> None:
        self.unix += seconds

    @rule(text=issued, use=st.sampled_from(USES), origin=ORIGINS, works=st.booleans())
    def redeem(self, text: str, use: TicketUse, origin: str, works: bool) -> None:
        expected = self._expected_principal(text, use, origin)
        if expected is None:
            refused(self.store, text, use, origin, self.unix)
            return
        principal = self.store.redeem(text, use, origin, self.unix)
        assert principal == expected
        ticket = self.expected[text]
        if use == "start" and principal.generation_scope is None:
            assert self.starts.get(text, 0) == 0
            if works:
                self.starts[text] = 1
                self.store.record_start(text, "g")
                ticket.used, ticket.reads = True, "g"
            else:
                self.store.restore(text)
        elif not ticket.used:
            ticket.used, ticket.reads = True, "g" if isinstance(use, ReadAccess) else None

    def _expected_principal(self, text: str, use: TicketUse, origin: str) -> Principal | None:
        ticket = self.expected.get(text)
        if ticket is None or ticket.origin != origin:
            return None
        if ticket.used:
            may_read = use == ReadAccess("g", resume=True) or (use == ticket.scope == "start")
            return ticket.principal.restricted_to(GenerationScope("g")) if may_read and ticket.reads else None
        if ticket.expires <= self.unix or (ticket.scope, use) not in ALLOWED:
            return None
        return ticket.principal.restricted_to(ticket.scope if isinstance(ticket.scope, GenerationScope) else None)


TestUse = Use.TestCase
