from datetime import UTC, datetime, timedelta

import pytest

from realtime import tickets
from realtime.errors import BadTicket
from realtime.tickets import Reader


def a_reader(**changes) -> Reader:
    until = datetime.now(UTC).replace(microsecond=0) + tickets.LIFETIME
    return Reader(**{"id": 7, "name": "ada", "rights": frozenset({"desk"}), "session": "s", "expires": until} | changes)


def test_what_is_signed_is_read():
    assert tickets.read(tickets.sign(a_reader())) == a_reader()


def test_an_expired_ticket_is_refused():
    with pytest.raises(BadTicket, match="expired"):
        tickets.read(tickets.sign(a_reader(expires=datetime.now(UTC) - timedelta(seconds=1))))


def test_a_changed_ticket_is_refused():
    ticket = tickets.sign(a_reader())
    with pytest.raises(BadTicket):
        tickets.read(ticket[:5] + ("a" if ticket[5] != "a" else "b") + ticket[6:])


@pytest.mark.parametrize("ticket", ["", "x", "a:b:c", "\ud800", "é" * 10])
def test_nonsense_is_refused(ticket):
    with pytest.raises(BadTicket):
        tickets.read(ticket)


@pytest.mark.django_db
def test_nobody_signed_in_has_no_ticket(client):
    assert client.get("/live/ticket").json() == {"ticket": None, "expires": None}


@pytest.mark.django_db
def test_a_ticket_names_who_is_signed_in(client, django_user_model):
    ada = django_user_model.objects.create_user("ada", is_staff=True)
    client.force_login(ada)
    answer = client.get("/live/ticket")
    reader = tickets.read(answer.json()["ticket"])
    assert (reader.id, reader.name, reader.rights) == (ada.pk, "ada", {"staff"})
    assert "no-store" in answer["Cache-Control"]
