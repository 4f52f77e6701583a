"""An SMTP server for tests that does what it is told.

It prints the port that it listens on, and then a JSON object for each mail that it has got: how it
answered, and the mail as Python's parsers read it. Each line of its input names how it answers the
next mail:

    ok                  it takes the mail
    rcpt-CODE           it refuses the recipient
    data-CODE           it refuses the mail
    stall               it never answers the mail
    stall-at-quit       it takes the mail, and never answers the end of the connection
    close               it closes the connection instead of answering the mail

Arguments: the port (0: a free one), and for STARTTLS and a password the certificate, its key, the
user and the password.
"""

import asyncio
import collections
import email
import email.policy
import json
import ssl
import sys
import threading

import icalendar
from aiosmtpd.smtp import SMTP, AuthResult

PORT = int(sys.argv[1])
TLS = sys.argv[2:4]
USER, PASSWORD = (sys.argv[4:6] + [None, None])[:2]

answers = collections.deque()


def printed(value):
    print(json.dumps(value), flush=True)


def calendar_of(part):
    text = part.get_payload(decode=True).decode()
    calendar = icalendar.Calendar.from_ical(text)
    events = calendar.walk("VEVENT")
    assert len(events) == 1, text
    event = events[0]
    assert not event.errors and all(len(line.encode()) <= 75 for line in text.split("\r\n")), text
    end = event.get("DTEND")
    return {
        "method": str(calendar["METHOD"]),
        "kind": part.get_param("method"),
        "uid": str(event["UID"]),
        "sequence": int(event["SEQUENCE"]),
        "status": str(event["STATUS"]),
        "start": event["DTSTART"].dt.isoformat(),
        "end": end and end.dt.isoformat(),
        "summary": str(event["SUMMARY"]),
        "location": str(event["LOCATION"]),
        "organizer": event["ORGANIZER"].params.get("CN"),
        "url": str(event["URL"]),
    }


def parsed(content):
    mail = email.message_from_bytes(content, policy=email.policy.default)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    calendars = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    defects = [str(defect) for part in mail.walk() for defect in part.defects]
    assert not defects, defects
    return {
        "subject": mail["subject"],
        "from": mail["from"],
        "to": [address.addr_spec for address in mail["to"].addresses],
        "name": mail["to"].addresses[0].display_name,
        "headers": {name.lower(): str(value) for name, value in mail.items()},
        "text": text.get_content().replace("\r\n", "\n"),
        "html": html.get_content().replace("\r\n", "\n"),
        "calendar": calendar_of(calendars[0]) if calendars else None,
    }


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        envelope.answer = answers.popleft() if answers else "ok"
        if envelope.answer.startswith("rcpt-"):
            code = envelope.answer.removeprefix("rcpt-")
            printed({"answer": envelope.answer, "to": [address]})
            return f"{code} {address} is not wanted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        answer = envelope.answer
        printed({"answer": answer, **parsed(envelope.content)})
        server.stalls_at_quit = answer == "stall-at-quit"
        if answer == "stall":
            await asyncio.sleep(3600)
        if answer == "close":
            server.transport.abort()
            return "250 never sent"
        if answer.startswith("data-"):
            return f"{answer.removeprefix('data-')} {envelope.rcpt_tos[0]} is not wanted"
        return "250 OK"


def authenticated(server, session, envelope, mechanism, data):
    is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


class Server(SMTP):
    stalls_at_quit = False

    async def smtp_QUIT(self, arg):
        if self.stalls_at_quit:
            await asyncio.sleep(3600)
        await super().smtp_QUIT(arg)


def make_server():
    if not TLS:
        return Server(Handler(), enable_SMTPUTF8=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*TLS)
    return Server(
        Handler(),
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticated,
    )


def read_answers():
    for line in sys.stdin:
        answers.append(line.strip())


async def main():
    listener = await asyncio.get_running_loop().create_server(make_server, "127.0.0.1", PORT)
    printed({"port": listener.sockets[0].getsockname()[1]})
    threading.Thread(target=read_answers, daemon=True).start()
    await listener.serve_forever()


asyncio.run(main())
