"""The log of commands: prompt, bounded, and without secrets, however they are cut."""

import asyncio

import pytest

from penstock.providers.commands.log import LogStream, Mask


class Log:
    """Keeps what is sent, and tells when there is something."""

    def __init__(self):
        self.pieces = []
        self.came = asyncio.Event()

    async def send(self, text):
        self.pieces.append(text)
        self.came.set()

    @property
    def text(self):
        return "".join(self.pieces)


def followed(*pieces, secrets=(), bytes_max=10_000):
    """The log of output that comes in these pieces."""

    async def go():
        log, output = Log(), asyncio.StreamReader()
        stream = LogStream(log.send, secrets, bytes_max)
        following = asyncio.create_task(stream.follow(output))
        for piece in pieces:
            output.feed_data(piece)
            await asyncio.sleep(0)
        output.feed_eof()
        await following
        return log.text

    return asyncio.run(go())


def test_everything_that_is_printed_is_logged():
    assert followed(b"one\n", b"two\nthr", b"ee") == "one\ntwo\nthree"


def test_characters_that_are_cut_in_two_stay_whole_and_bytes_that_are_none_are_shown_as_such():
    assert followed("ü".encode()[:1], "ü".encode()[1:], b" \xff") == "ü �"


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_secret_is_masked_wherever_it_is_cut(cut):
    text = b"a password1 b"
    assert followed(text[:cut], text[cut:], secrets=["password1"]) == "a *** b"


def test_of_two_secrets_that_begin_alike_the_longer_is_masked_whole():
    mask = Mask(["pass", "password"])
    assert mask.feed("x pass") + mask.feed("word y pass") + mask.rest() == "x *** y ***"


def test_a_secret_that_seems_to_begin_within_another_is_found():
    mask = Mask(["abcab"])
    assert mask.feed("xabcab") + mask.feed("cab.") + mask.rest() == "x***cab."


def test_each_line_of_a_long_secret_is_masked():
    assert followed(b"key: line-two\n", secrets=["line-one\nline-two\nend"]) == "key: ***\n"


def test_short_secrets_do_not_mask_ordinary_text():
    assert followed(b"1 + 1 = 2\n", secrets=["1", "", "abc"]) == "1 + 1 = 2\n"


def test_what_only_looked_like_a_secret_is_shown_in_the_end():
    assert followed(b"my passw", secrets=["password"]) == "my passw"


def test_a_log_that_is_too_long_is_cut_with_a_word():
    text = followed(b"x" * 80, b"y" * 80, b"z" * 80, bytes_max=100)
    assert text == "x" * 80 + "y" * 20 + "\nThe log was cut here: it is longer than 100 bytes.\n"


def test_output_is_sent_while_the_command_goes_on():
    async def go():
        log, output = Log(), asyncio.StreamReader()
        following = asyncio.create_task(LogStream(log.send).follow(output))
        output.feed_data(b"no line break yet")
        async with asyncio.timeout(2):
            await log.came.wait()
        assert log.text == "no line break yet"
        output.feed_eof()
        await following

    asyncio.run(go())
