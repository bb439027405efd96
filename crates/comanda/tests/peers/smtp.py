"""A mail server that says what it received, one JSON object a line.

Prints its port first. What it does with a message follows from the recipient's name:
`nobody` does not exist, `later` comes to nothing the first time, `closing` ends the service,
`spam` is refused for what it says, `hang` is never answered, `drop` breaks off.
"""

import argparse
import asyncio
import json
import ssl
import sys
from email import policy
from email.parser import BytesParser

from aiosmtpd.smtp import SMTP, AuthResult


class Receiver:
    def __init__(self):
        self.came_back = set()

    async def handle_MAIL(self, server, session, envelope, address, options):
        if address.startswith("stranger@"):
            return "550 5.7.1 this sender is not known here"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 fine"

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "nobody":
            return f"550 5.1.1 <{address}>: no such person"
        if name == "later" and address not in self.came_back:
            self.came_back.add(address)
            return "451 4.7.1 come back in a while"
        if name == "closing":
            return "421 4.3.2 closing"
        if name == "hang":
            await asyncio.sleep(60)
        if name == "drop":
            server.transport.abort()
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        if envelope.rcpt_tos[0].startswith("spam@"):
            return "554 5.7.1 this reads like spam"
        mail = BytesParser(policy=policy.default).parsebytes(envelope.content)
        text = mail.get_body(preferencelist=("plain",))
        html = mail.get_body(preferencelist=("html",))
        received = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name: str(value) for name, value in mail.items()},
            "names": [name for name, _ in mail.items()],
            "raw_is_ascii": envelope.content.isascii(),
            "bytes": len(envelope.content),
            "kinds": [part.get_content_type() for part in mail.walk()],
            "text": text.get_content(),
            "html": html.get_content(),
            "defects": [str(defect) for part in mail.walk() for defect in part.defects],
            "encrypted": server.transport.get_extra_info("ssl_object") is not None,
            "login": session.auth_data,
        }
        print(json.dumps(received), flush=True)
        return "250 2.6.0 kept"


def authenticator(login):
    def judge(server, session, envelope, mechanism, data):
        given = f"{data.login.decode()}:{data.password.decode()}"
        right = given == login
        return AuthResult(success=right, handled=False, auth_data=data.login.decode())

    return judge


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", choices=["plain", "starttls", "implicit"], default="plain")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--login")
    arguments = parser.parse_args()
    context = None
    if arguments.tls != "plain":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(arguments.certificate, arguments.key)
    receiver = Receiver()
    settings = {"enable_SMTPUTF8": True, "hostname": "mail.example"}
    if arguments.tls == "starttls":
        settings.update(tls_context=context, require_starttls=True)
    if arguments.login:
        settings.update(
            authenticator=authenticator(arguments.login),
            auth_required=True,
            auth_require_tls=arguments.tls == "starttls",
        )
    listening = await asyncio.get_running_loop().create_server(
        lambda: SMTP(receiver, **settings),
        "127.0.0.1",
        0,
        ssl=context if arguments.tls == "implicit" else None,
    )
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
