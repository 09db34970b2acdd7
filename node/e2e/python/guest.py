"""Clients in Python, led by a test: it reads commands as lines of JSON, and answers each with a line.

A command is [client, name, argument...]; the answer is [true, value], or [false, error]. What happens to a client meanwhile
is kept until the test asks for it. Binary data is {"binary": base64} on both ways.
"""

import asyncio
import base64
import json
import sys
import threading
import time

import socketio

PATIENCE = 20
# Less than what a command may take: a connect that is in vain is to say so itself.
CONNECT_PATIENCE = 10


def written(value):
    """A value that came from the server, as JSON."""
    if isinstance(value, (bytes, bytearray)):
        return {"binary": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: written(field) for key, field in value.items()}
    if isinstance(value, (list, tuple)):
        return [written(item) for item in value]
    return value


def read(value):
    """A value that the test wrote as JSON."""
    if isinstance(value, dict):
        if set(value) == {"binary"}:
            return base64.b64decode(value["binary"])
        return {key: read(field) for key, field in value.items()}
    if isinstance(value, list):
        return [read(item) for item in value]
    return value


class Log:
    """What happened and was not asked for yet."""

    def __init__(self):
        self.happened = []
        self.news = threading.Condition()

    def add(self, *what):
        with self.news:
            self.happened.append(written(list(what)))
            self.news.notify_all()

    def take(self, kind, namespace):
        """The next of that kind in that namespace, waited for."""
        deadline = time.monotonic() + PATIENCE
        with self.news:
            while True:
                for index, what in enumerate(self.happened):
                    if what[:2] == [kind, namespace]:
                        return self.happened.pop(index)[2:]
                if not self.news.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"no {kind} in {namespace}; there was {self.happened}")


class Threads:
    """The client that uses threads."""

    def __init__(self, log, **options):
        self.client = socketio.Client(handle_sigint=False, **options)
        self.log = log

    def listen(self, namespace):
        for event in ("connect", "connect_error", "disconnect"):
            self.client.on(event, lambda *args, event=event: self.log.add(event, namespace, *args), namespace=namespace)
        self.client.on("*", lambda event, *args: self.log.add(event, namespace, *args), namespace=namespace)

    def call(self, name, *args, **options):
        return getattr(self.client, name)(*args, **options)


class Tasks(Threads):
    """The client that uses asyncio, with a loop of its own."""

    def __init__(self, log, **options):
        self.log = log
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.client = self.run(self.made(options))

    async def made(self, options):
        return socketio.AsyncClient(handle_sigint=False, **options)

    def call(self, name, *args, **options):
        return self.run(getattr(self.client, name)(*args, **options))

    def run(self, task):
        return asyncio.run_coroutine_threadsafe(task, self.loop).result(PATIENCE)


class Guest:
    """The commands."""

    def __init__(self, kind):
        self.log = Log()
        options = {"reconnection_delay": 0.05, "reconnection_delay_max": 0.2}
        self.client = {"threads": Threads, "asyncio": Tasks}[kind](self.log, **options)

    def connect(self, url, transports, namespaces, auth=None, headers=None):
        for namespace in namespaces:
            self.client.listen(namespace)
        self.client.call(
            "connect",
            url,
            headers=headers or {},
            auth=auth,
            transports=transports,
            namespaces=namespaces,
            wait_timeout=CONNECT_PATIENCE,
        )
        return self.transport()

    def transport(self):
        transport = self.client.client.transport
        return transport() if callable(transport) else transport

    def emit(self, namespace, event, data):
        self.client.call("emit", event, arguments(data), namespace=namespace)

    def ask(self, namespace, event, data):
        """Emits, and returns the ack."""
        return self.client.call("call", event, arguments(data), namespace=namespace, timeout=PATIENCE)

    def receive(self, namespace, event):
        return self.log.take(event, namespace)

    def unread(self):
        return self.log.happened

    def disconnect(self):
        self.client.call("disconnect")

    def id(self, namespace):
        return self.client.client.get_sid(namespace)


def arguments(data):
    """Several arguments are a tuple, and one that is a list is one."""
    data = read(data)
    return tuple(data) if len(data) != 1 else data[0]


def main():
    guests = {}
    for line in sys.stdin:
        number, name, *args = json.loads(line)
        try:
            if name == "new":
                guests[number] = Guest(*args)
                answer = [True, None]
            else:
                answer = [True, written(getattr(guests[number], name)(*args))]
        except Exception as error:  # The test is told, and decides.
            answer = [False, f"{type(error).__name__}: {error}"]
        print(json.dumps(answer), flush=True)


main()
