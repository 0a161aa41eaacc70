"""HTTP/1.1 as it comes over a socket: in pieces, together, too large, and not at all."""

import asyncio

import pytest

from penstock.http.listener import Pace
from ports import CALL, MIB, POLL, Port, asked, bodies, port_connection, until


class TestRequests:
    def test_a_call_may_come_byte_by_byte(self):
        message = CALL % (3, b"abc")
        assert bodies(asked(*(message[at : at + 1] for at in range(len(message))))) == [b"abc127.0.0.1"]

    def test_requests_that_come_together_are_answered_in_their_order(self):
        plain = b"PUT /size HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nfour"
        together = CALL % (4, b"wait") + plain + CALL % (1, b"b") + plain + CALL % (1, b"c")
        assert bodies(asked(together)) == [b"wait127.0.0.1", b"4", b"b127.0.0.1", b"4", b"c127.0.0.1"]

    def test_more_requests_at_once_than_wait_their_turn_are_all_answered(self):
        assert len(bodies(asked(CALL % (4, b"wait") + 100 * (CALL % (1, b"x"))))) == 101

    def test_a_body_may_come_in_chunks(self):
        head = b"POST / HTTP/1.1\r\nhost: h\r\nx-amz-target: T\r\ntransfer-encoding: chunked\r\n\r\n"
        assert bodies(asked(head + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")) == [b"abc127.0.0.1"]

    @pytest.mark.parametrize("target", [b"", b"x-amz-target: T\r\n"])
    def test_a_client_that_asks_first_is_told_to_go_on(self, target):
        head = b"PUT /size HTTP/1.1\r\nhost: h\r\n%bexpect: 100-continue\r\ncontent-length: 2\r\n\r\n" % target
        assert asked(head, b"ab").startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")

    def test_a_body_of_many_pieces_reaches_the_application_whole(self):
        size = 5 * MIB
        head = b"PUT /size HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % size
        assert bodies(asked(head + b"x" * size)) == [b"%d" % size]

    def test_no_body_is_sent_for_head(self):
        assert asked(b"HEAD /size HTTP/1.1\r\nhost: h\r\n\r\n").endswith(b"\r\n\r\n")

    def test_an_upgrade_is_not_taken_up_and_the_request_answered(self):
        asks = b"connection: upgrade\r\nupgrade: h2c\r\n"
        answer = asked(b"GET /size HTTP/1.1\r\nhost: h\r\n%b\r\n" % asks)
        assert answer.startswith(b"HTTP/1.1 200 OK")

    def test_an_address_in_full_is_a_path(self):
        assert bodies(asked(b"GET http://elsewhere/size?x=1 HTTP/1.1\r\nhost: h\r\n\r\n")) == [b"0"]


class TestAnswers:
    def test_one_of_unknown_length_comes_in_chunks(self):
        answer = asked(b"GET /pieces HTTP/1.1\r\nhost: h\r\n\r\n")
        assert b"transfer-encoding: chunked" in answer
        assert answer.endswith(b"\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n")

    def test_an_old_client_gets_it_plain_and_then_the_end(self):
        answer = asked(b"GET /pieces HTTP/1.0\r\n\r\n")
        assert b"chunked" not in answer
        assert b"connection: close" in answer
        assert answer.endswith(b"\r\n\r\none two")

    def test_the_connection_ends_when_the_client_asks_for_it(self):
        both = CALL.replace(b"host", b"connection: close\r\nhost") % (1, b"a") + CALL % (1, b"b")
        answer = asked(both)
        assert answer.count(b"HTTP/1.1 200") == 1
        assert b"connection: close" in answer

    def test_what_comes_in_in_one_turn_of_the_loop_is_answered_together_after_it(self):
        async def run():
            async with Port() as port:
                clients = [port_connection(port) for _ in range(3)]
                for connection, _ in clients:
                    connection.data_received(POLL % (1, b"a"))
                at_first = [transport.written for _, transport in clients]
                await asyncio.sleep(0)
                return at_first, [transport.written.count(b"HTTP/1.1 200") for _, transport in clients]

        assert asyncio.run(run()) == ([b"", b"", b""], [1, 1, 1])

    def test_a_connection_that_ends_in_the_same_turn_gets_its_answer_first(self):
        async def run():
            async with Port() as port:
                connection, transport = port_connection(port)
                connection.data_received(POLL % (1, b"a"))
                connection.close_when_idle()
                return transport.written.count(b"HTTP/1.1 200"), transport.is_closed

        assert asyncio.run(run()) == (1, True)

    def test_each_has_a_date_and_a_name(self):
        answer = asked(CALL % (1, b"a")).lower()
        assert b"\r\ndate: " in answer
        assert b"gmt\r\n" in answer
        assert b"\r\nx-amzn-requestid: " in answer

    def test_an_application_that_fails_is_a_500_and_no_more(self):
        answer = asked(b"GET /fails HTTP/1.1\r\nhost: h\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 500")
        assert b"Traceback" not in answer

    def test_one_that_fails_half_way_ends_the_connection(self):
        answer = asked(b"GET /half HTTP/1.1\r\nhost: h\r\n\r\n")
        assert answer.endswith(b"12345")

    def test_one_before_the_end_of_the_body_reaches_the_client_and_the_next_request_counts(self):
        early = b"PUT /early HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % MIB
        assert bodies(asked(early, b"x" * MIB, CALL % (1, b"a"))) == [b"", b"a127.0.0.1"]

    def test_a_large_one_waits_for_a_slow_client_and_comes_whole(self):
        answer = asked(b"GET /many HTTP/1.1\r\nhost: h\r\n\r\n")
        assert answer.count(b"m") >= 2000 * 10_000


class TestLimits:
    @pytest.mark.parametrize(
        "head",
        [
            b"GET /size HTTP/1.1\r\nhost: h\r\nlong: " + b"x" * 70_000,
            b"GET /" + b"x" * 70_000,
            b"GET /size HTTP/1.1\r\nhost: h\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
        ],
    )
    def test_a_head_that_is_too_large_is_refused(self, head):
        assert asked(head).startswith(b"HTTP/1.1 431")

    def test_one_of_many_headers_that_came_at_once_is_refused(self):
        async def run():
            async with Port() as port:
                connection, transport = port_connection(port)
                connection.data_received(b"GET /size HTTP/1.1\r\nhost: h\r\n" + b"a: b\r\n" * 20_000 + b"\r\n")
                return transport.written

        assert asyncio.run(run()).startswith(b"HTTP/1.1 431")

    def test_a_call_of_a_mebibyte_is_taken_and_one_byte_more_is_not(self):
        assert asked(CALL % (MIB, b"x" * MIB)).startswith(b"HTTP/1.1 200")
        answer = asked(CALL % (MIB + 1, b"x" * (MIB + 1)) + CALL % (1, b"a"))
        assert bodies(answer) == [b"too large", b"a127.0.0.1"]

    @pytest.mark.parametrize(
        "message",
        [
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"GET / HTTP/1.1\r\nhost\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: -1\r\n\r\n",
            b"NONSENSE / HTTP/1.1\r\n\r\n",
        ],
    )
    def test_what_is_no_http_is_refused(self, message):
        assert asked(message).startswith(b"HTTP/1.1 400")

    def test_connections_beyond_the_most_are_told_so(self):
        async def run():
            async with Port(connections_max=2) as port:
                kept = [await port.connect() for _ in range(2)]
                refused = await port.ask(CALL % (1, b"a"))
                for _, writer in kept:
                    writer.close()
                await until(lambda: len(port.listener) == 0)
                return refused, await port.ask(CALL % (1, b"a"))

        refused, served = asyncio.run(run())
        assert refused.startswith(b"HTTP/1.1 503")
        assert served.startswith(b"HTTP/1.1 200")

    def test_an_address_with_a_great_many_parameters_is_refused_before_anybody_sorts_them(self):
        assert asked(b"GET /?" + b"a&" * 127 + b" HTTP/1.1\r\nhost: h\r\n\r\n").startswith(b"HTTP/1.1 200")
        assert asked(b"GET /?" + b"a&" * 128 + b" HTTP/1.1\r\nhost: h\r\n\r\n").startswith(b"HTTP/1.1 414")
        message = CALL.replace(b"/ ", b"/?" + b"a&" * 128 + b" ") % (1, b"a")
        assert asked(message).startswith(b"HTTP/1.1 414")

    def test_one_client_has_a_quarter_of_the_connections_and_this_machine_all(self):
        async def run():
            async with Port(connections_max=8) as port:
                strangers = [port_connection(port, "192.0.2.7") for _ in range(3)]
                others = [port_connection(port, address) for address in ("192.0.2.8", "127.0.0.1", "127.0.0.1")]
                full = [port_connection(port, "127.0.0.1") for _ in range(3)]
                for connection, _ in (strangers[0], full[2], others[0]):
                    connection.connection_lost(None)
                again = [port_connection(port, "192.0.2.7"), port_connection(port, "192.0.2.8")]
                return [[transport.written[:12] for _, transport in each] for each in (strangers, others, full, again)]

        refused = b"HTTP/1.1 503"
        assert asyncio.run(run()) == [[b"", b"", refused], [b"", b"", b""], [b"", b"", refused], [refused, b""]]

    def test_what_still_comes_of_an_answered_body_is_read_past_for_a_while_only(self):
        async def run():
            async with Port(pace=Pace(body_seconds=5.0)) as port:
                connection, _ = port_connection(port)
                connection.data_received(b"PUT /early HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % (1 << 40))
                connection.data_received(b"x" * MIB)
                served = connection._body_due_at
                await until(lambda: connection._serving.has_answered)
                for _ in range(20):
                    connection.data_received(b"x" * MIB)
                return connection._body_due_at - served

        assert asyncio.run(run()) == 0


class TestBadSignatures:
    """From a client that is not this machine: its first hundred are answered, and then it is turned away."""

    def test_a_connection_ends_once_there_are_too_many_and_a_new_one_is_refused(self):
        async def run():
            async with Port() as port:
                good, good_transport = port_connection(port, "192.0.2.7")
                answers = []
                for _ in range(120):
                    bad, transport = port_connection(port, "192.0.2.7")
                    bad.data_received(2 * (POLL % (3, b"bad")) + POLL % (1, b"x"))
                    await asyncio.sleep(0)
                    answers.append((transport.written.count(b"HTTP/1.1 "), transport.written[:12], transport.is_closed))
                    bad.connection_lost(None)
                good.data_received(POLL % (4, b"good"))
                await asyncio.sleep(0)
                other = port_connection(port, "192.0.2.8")[1]
                return answers, (good_transport.written, good_transport.is_closed), other.written, port.calls.begun

        answers, good, other, begun = asyncio.run(run())
        assert answers[0] == (3, b"HTTP/1.1 403", False)
        assert answers[-1] == (1, b"HTTP/1.1 429", True)
        ends = next(answer for answer in answers if answer[2])
        assert ends[:2] == (2, b"HTTP/1.1 403"), "nothing more is served on it"
        assert begun == 1 + sum(count for count, first, _ in answers if first == b"HTTP/1.1 403")
        assert b"good192.0.2.7" in good[0]
        assert not good[1]
        assert other == b""

    def test_those_of_this_machine_are_not_counted(self):
        async def run():
            async with Port() as port:
                connection, transport = port_connection(port)
                for _ in range(300):
                    connection.data_received(POLL % (3, b"bad"))
                await asyncio.sleep(0)
                return transport.written.count(b"HTTP/1.1 403"), transport.is_closed

        assert asyncio.run(run()) == (300, False)
