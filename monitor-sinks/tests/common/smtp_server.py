"""A mail server on loopback that tells what happens to it, one JSON object a line, the first with its port.

Arguments: a folder with server.pem and server.key, a port or 0, and words: "plain" offers no STARTTLS, "implicit" encrypts from the
start, "open" wants no login. What it does to a mail depends on the local part of a recipient:

    nobody   550 at RCPT
    grey     451 at RCPT, twice
    away     421 at RCPT, twice
    busy     451 after DATA, twice
    refused  554 after DATA
    cut      takes the mail, and breaks the connection instead of saying so, twice
"""

import asyncio
import collections
import email
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

times = collections.Counter()


def tell(**event):
    print(json.dumps(event), flush=True)


def twice(what):
    times[what] += 1
    return times[what] <= 2


def login(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"monitor", b"planted-secret")
    tell(event="login", encrypted=session.ssl is not None or "implicit" in sys.argv, good=good)
    return AuthResult(success=good, handled=False)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        who = address.split("@")[0]
        if who == "nobody":
            return "550 no such user"
        if who == "grey" and twice("grey"):
            return "451 try again later"
        if who == "away" and twice("away"):
            return "421 going down"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        who = {address.split("@")[0] for address in envelope.rcpt_tos}
        if "busy" in who and twice("busy"):
            return "451 busy"
        if "refused" in who:
            return "554 not this one"
        mail = email.message_from_bytes(envelope.content)
        names = ("Message-ID", "In-Reply-To", "References", "Subject", "From", "To")
        heads = {name: str(email.header.make_header(email.header.decode_header(mail[name]))) for name in names if mail[name]}
        text = mail.get_payload(decode=True).decode()
        tell(event="mail", to=envelope.rcpt_tos, heads=heads, text=text, encrypted=session.ssl is not None)
        if "cut" in who and twice("cut"):
            server.transport.abort()
        return "250 taken"


async def main():
    folder = sys.argv[1]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    implicit, clear = "implicit" in sys.argv, "plain" in sys.argv
    settings = {"hostname": "test", "enable_SMTPUTF8": True}
    if not implicit and not clear:
        settings.update(tls_context=context, require_starttls=True)
    if "open" not in sys.argv:
        settings.update(authenticator=login, auth_required=True, auth_require_tls=not implicit and not clear)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Handler(), loop=loop, **settings), "127.0.0.1", int(sys.argv[2]), ssl=context if implicit else None
    )
    tell(port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


asyncio.run(main())
