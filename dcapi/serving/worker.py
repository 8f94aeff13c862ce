"""A gunicorn worker whose threads see whole requests alone: a slow, silent or wrong client costs none.

Its main loop accepts, shakes hands and reads without waiting; gunicorn's parser runs on what was read. A
thread gets a request when all of it is there, and its answer is sent as the client takes it. Why:
``docs/decisions/own-reading-stage.md``.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from errno import EMFILE, ENFILE
from functools import partial
from typing import Any

from gunicorn.http import wsgi
from gunicorn.workers.gthread import ThreadWorker

from dcapi.api.database_time import WAITED
from dcapi.api.prefer import TURN_ENDED
from dcapi.log import new_request_id, request_ids
from dcapi.serving import temporary_files
from dcapi.serving.body import BodyRoom
from dcapi.serving.capacity import Capacity
from dcapi.serving.connection import Connection, Stage
from dcapi.serving.lingering import Lingering
from dcapi.serving.outbox import NOT_NOW
from dcapi.serving.refusals import Refused, error_answer, failure_for
from dcapi.serving.shares import Shares
from dcapi.serving.stages import Deadlines, Stages
from dcapi.serving.tls import Certificates
from dcapi.serving.writers import Writers, is_writer
from dcapi.settings import from_environment

# Seconds between two tries to load the application.
LOAD_AGAIN_SECONDS = 2.0
# Seconds between two looks at deadlines.
LOOK_SECONDS = 0.5
# Connections that are accepted before others have their turn.
ACCEPTED_AT_ONCE = 16
# Seconds for which a stopping worker keeps silent connections.
STOP_IDLE_SECONDS = 2.0
ALIVE = "/healthz"
# After so many seconds a busy thread lets the main loop go on; with Python's 5 ms it waits twice as long for
# its turn when all threads are busy.
SWITCH_SECONDS = 0.001
# Bytes that the system may keep of an answer: by itself it takes megabytes for a client that reads nothing.
SEND_BUFFER = 256 * 1024
TOO_MANY_CONNECTIONS = "There are too many connections: this one was closed for a new one."
TOO_MANY_CHANGES = "Too many changes at once, please try again."

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Worker(ThreadWorker):
    """The gthread of gunicorn with a reading stage of its own."""

    def init_process(self) -> None:
        settings = from_environment()
        self.settings = settings
        self.stages = Stages()
        self.capacity = Capacity(settings)
        self.deadlines = Deadlines.of(settings)
        self.bodies = BodyRoom(settings.BODIES_LIMIT)
        self.writers = Writers(max(1, settings.THREADS // 2))
        self.shares = Shares(settings, self.stages)
        self.lingering = Lingering()
        # Whether the process lives is told whatever its other threads do.
        self.health_thread = ThreadPoolExecutor(1, "health")
        self.certificates = Certificates(self.cfg) if self.cfg.is_ssl else None
        self._looked = 0.0
        sys.setswitchinterval(SWITCH_SECONDS)
        # Until when nothing is accepted, because no file was left.
        self._paused_until = 0.0
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application, however long that takes to succeed.

        The master found the site in order when it started, so what is in the way now passes: the database
        is away, a file is being edited. And it would end, with all its workers, were one unable to boot.
        """
        while self.alive and self.is_parent_alive():
            try:
                super().load_wsgi()
            except (Exception, SystemExit) as error:  # noqa: BLE001 (wsgi.py exits when a file is broken)
                said = next(iter(str(error).splitlines()), "")
                self.log.warning("the worker cannot start, tries again: %s: %s", type(error).__name__, said)
                self.notify()
                time.sleep(LOAD_AGAIN_SECONDS)
            else:
                return
        sys.exit(0)

    # -- The main loop --

    def run(self) -> None:
        """Serve until asked to end; then answer what is under way, within the graceful time."""
        self.poller.register(self.method_queue.fileno(), READ, self.method_queue.run_callbacks)
        self.set_accept_enabled(True)
        while self.alive and self.is_parent_alive():
            self._turn()
        for listener in self.sockets:
            self.accept(listener)  # who has connected already would be cut off
        self.set_accept_enabled(False)
        stopped = time.monotonic()
        while len(self.stages) and time.monotonic() < stopped + self.cfg.graceful_timeout:
            self._turn()
            if time.monotonic() > stopped + STOP_IDLE_SECONDS:
                self._close_silent()
        self.tpool.shutdown(wait=False)
        self.health_thread.shutdown(wait=False)
        self.poller.close()
        self.method_queue.close()
        for listener in self.sockets:
            listener.close()

    def _turn(self) -> None:
        self.notify()
        if self.alive:
            self.set_accept_enabled(self._may_accept())
        self.wait_for_and_dispatch_events(timeout=LOOK_SECONDS)
        for connection in self.writers.next_ones():
            self._submit(connection, self.tpool)
        if time.monotonic() >= self._looked + LOOK_SECONDS:
            self._looked = time.monotonic()
            self._end_overdue()

    def _end_overdue(self) -> None:
        for connection in list(self.stages.overdue(self.deadlines)):
            self._end_late(connection)
        for connection in self.writers.overdue():
            self._refuse(connection, Refused(503, TOO_MANY_CHANGES))

    def _end_late(self, connection: Connection) -> None:
        """408 where something of a request has come; else there is nothing to answer."""
        is_begun = connection.stage is Stage.BODY or (connection.stage is Stage.HEAD and connection.ahead)
        if is_begun:
            self._refuse(connection, Refused(408, "The request took too long to arrive."))
        else:
            self._close(connection)

    def _close_silent(self) -> None:
        for connection in self.stages.at(Stage.HANDSHAKE, Stage.HEAD, Stage.IDLE):
            if not connection.ahead:
                self._close(connection)

    def _guarded(self, connection: Connection, step: Callable[[Connection], None]) -> None:
        """Take a step; whatever goes wrong in it ends this connection alone."""
        if connection not in self.stages:
            return
        try:
            step(connection)
        except OSError:
            self._close(connection)
        except Exception as error:  # noqa: BLE001 (the loop serves all other connections)
            self._refuse(connection, error)

    # -- Accepting, and shaking hands --

    def accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            if not self._may_accept():
                return
            try:
                sock, client = listener.accept()
            except OSError as error:
                if error.errno not in (EMFILE, ENFILE):
                    return
                if not self._make_room():
                    self._paused_until = time.monotonic() + LOOK_SECONDS
                continue
            if not self._has_room():
                self._make_room()
            self._begin(sock, client, listener.getsockname())

    def _has_room(self) -> bool:
        return self.capacity.has_room(len(self.stages) + len(self.lingering), temporary_files.count())

    def _may_accept(self) -> bool:
        if time.monotonic() < self._paused_until:
            return False
        return self._has_room() or self.stages.oldest_spare() is not None

    def _make_room(self) -> bool:
        """Close the connection that nobody misses most; returns whether there was one."""
        spare = self.stages.oldest_spare()
        if spare is None:
            return False
        if spare.ahead:  # its file is needed now: an answer would keep it
            self._error_answer(spare, Refused(503, TOO_MANY_CONNECTIONS))
        self._close(spare)
        return True

    def _begin(self, sock: socket.socket, client: Any, server: Any) -> None:
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            if self.certificates is not None:
                sock = self.certificates.context().wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
                )
        except OSError:  # it has gone already, or there is no certificate
            sock.close()
            return
        connection = Connection(sock, client, server)
        self.stages.add(connection, Stage.HANDSHAKE if self.cfg.is_ssl else Stage.HEAD)
        self._watch(connection, READ)
        if not self.cfg.is_ssl:
            self._guarded(connection, self.shares.check)

    def _shake_hands(self, connection: Connection) -> None:
        assert isinstance(connection.sock, ssl.SSLSocket)
        try:
            connection.sock.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(connection, READ)
        except ssl.SSLWantWriteError:
            self._watch(connection, WRITE)
        except ssl.SSLError as error:
            self._refuse_plainly(connection, error)
        else:
            self.stages.move(connection, Stage.HEAD)
            self._watch(connection, READ)
            self.shares.check(connection)

    def _refuse_plainly(self, connection: Connection, error: ssl.SSLError) -> None:
        """What speaks no TLS is told so as it speaks; what failed otherwise hears nothing."""
        if error.reason == "HTTP_REQUEST":
            answer = self._error_answer(connection, error)
            with suppress(*NOT_NOW, OSError):
                socket.socket.send(connection.sock, answer)
        self._close(connection)

    # -- Reading --

    def _watch(self, connection: Connection, events: int) -> None:
        steps = {Stage.HANDSHAKE: self._shake_hands, Stage.ANSWERING: self._send}
        step = steps.get(connection.stage, self._read)
        callback = partial(self._on_event, connection, step)
        watch = self.poller.modify if connection.is_watched else self.poller.register
        watch(connection.sock, events, callback)
        connection.is_watched = True

    def _on_event(self, connection: Connection, step: Callable[[Connection], None], _sock: object) -> None:
        self._guarded(connection, step)

    def _unwatch(self, connection: Connection) -> None:
        if connection.is_watched:
            self.poller.unregister(connection.sock)
            connection.is_watched = False

    def _read(self, connection: Connection) -> None:
        if not connection.read():
            # What came is no request, or its sender does not wait for an answer.
            self._close(connection)
            return
        if connection.stage is Stage.IDLE and connection.ahead:
            self.stages.move(connection, Stage.HEAD)
        self._advance(connection)

    def _advance(self, connection: Connection) -> None:
        """Take what has come as far as it goes. Raises what is wrong with the request."""
        if connection.stage is Stage.HEAD:
            if not connection.ahead or not connection.read_head(self.cfg):
                return
            self.shares.check(connection)
            connection.begin_body(self.settings.MAX_CONTENT_LENGTH, self.bodies)
        if connection.take_body():
            self._dispatch(connection)
        elif connection.stage is Stage.HEAD:
            self.stages.move(connection, Stage.BODY)
            connection.invite_body()

    def _dispatch(self, connection: Connection) -> None:
        """Hand a whole request to a thread, or let it wait for its turn."""
        connection.request._expected_100_continue = False
        self._unwatch(connection)
        if connection.request.path.rstrip("/") == ALIVE:
            self._submit(connection, self.health_thread)
        elif is_writer(connection.request) and not self.writers.enter(connection):
            self.stages.move(connection, Stage.WAITING)
        else:
            self._submit(connection, self.tpool)

    # -- Working, on a thread --

    def _submit(self, connection: Connection, threads: ThreadPoolExecutor) -> None:
        self.stages.move(connection, Stage.WORKING)
        work = threads.submit(self._serve, connection)
        work.add_done_callback(partial(self.method_queue.defer, self._after_work, connection))

    def _serve(self, connection: Connection) -> bool:
        """Let the application answer; returns whether the connection can be used again."""
        begun, answered = time.monotonic(), None
        try:
            answered = self._answer(connection)
        except (Exception, SystemExit) as raised:  # noqa: BLE001 (what the application could not answer)
            error = raised if isinstance(raised, Exception) else RuntimeError(repr(raised))
            connection.outbox.take_back()
            connection.outbox.sendall(self._error_answer(connection, error))
        with suppress(OSError):  # the main loop finds out again
            connection.outbox.send_some()
        if answered is None:
            return False
        response, environ = answered
        self.log.access(response, connection.request, environ, timedelta(seconds=time.monotonic() - begun))
        return not response.should_close()

    def _answer(self, connection: Connection) -> tuple[wsgi.Response, dict[str, Any]]:
        """Let the application write its answer, and end; nothing is sent before."""
        request = connection.request
        assert connection.body is not None
        request.body = connection.body.reader()
        response, environ = wsgi.create(
            request, connection.outbox, connection.client, connection.server, self.cfg
        )
        # Not what takes the answer: whether its client still waits is seen here.
        environ["gunicorn.socket"] = connection.sock
        environ |= {"wsgi.multithread": True, WAITED: time.monotonic() - connection.whole_at}
        environ[TURN_ENDED] = partial(self.method_queue.defer, self.writers.step_back, connection)
        if not self.alive:
            response.force_close()
        answer = self.wsgi(environ, response.start_response)
        try:
            for part in answer:
                response.write(part)
            response.close()
        finally:
            if hasattr(answer, "close"):
                answer.close()
        return response, environ

    # -- Answering --

    def _after_work(self, connection: Connection, work: Future[bool]) -> None:
        self.writers.end_turn(connection)
        if connection not in self.stages:
            return
        connection.keeps = work.exception() is None and work.result()
        connection.end_request()
        self.stages.move(connection, Stage.ANSWERING)
        self._guarded(connection, self._send)

    def _send(self, connection: Connection) -> None:
        if not connection.outbox.send_some():
            self._watch(connection, WRITE)
        elif connection.keeps:
            self._await_next(connection)
        else:
            self._end(connection)

    def _await_next(self, connection: Connection) -> None:
        """The client may send its next request, or has done so already."""
        self.stages.move(connection, Stage.HEAD if connection.has_more else Stage.IDLE)
        self._watch(connection, READ)
        if connection.ahead:  # also when its sender has said that nothing follows
            self._advance(connection)
        elif connection.stage is Stage.HEAD:
            self._read(connection)

    def _refuse(self, connection: Connection, error: Exception) -> None:
        """Answer what the application does not get to see; the connection ends with it."""
        answer = self._error_answer(connection, error)
        connection.end_request()
        self._unwatch(connection)
        connection.outbox.take_back()
        connection.outbox.sendall(answer)
        connection.keeps = False
        self.stages.move(connection, Stage.ANSWERING)
        self._guarded(connection, self._send)

    def _error_answer(self, connection: Connection, error: Exception) -> bytes:
        own_id = new_request_id()
        failure = failure_for(error)
        with request_ids(own_id):
            if failure.code == 500:
                self.log.error("a request failed outside of the application", exc_info=error)
            self.log.unread(own_id, connection.client, failure.code, failure.description, connection.request)
        return error_answer(failure, own_id, connection.request, "https" if self.cfg.is_ssl else "http")

    # -- The end of a connection --

    def _end(self, connection: Connection) -> None:
        """Say that nothing more comes, without a wait for the client."""
        self._unwatch(connection)
        self.stages.remove(connection)
        connection.end_request()
        connection.outbox.close()
        self.lingering.end(connection.sock)

    def _close(self, connection: Connection) -> None:
        self._unwatch(connection)
        self.stages.remove(connection)
        with suppress(OSError):
            connection.close()
