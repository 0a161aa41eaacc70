"""What the page on scaling tells people to ask is asked."""

import psycopg

from docs.pages import blocks, page
from postgres import Cluster


def test_what_operators_are_told_to_ask_postgresql_is_answered(cluster: Cluster) -> None:
    (text,) = blocks(page("docs/scaling.md"), "sql")
    questions = [each.strip() for each in text.split(";") if each.strip()]
    assert len(questions) > 5
    with cluster.database() as url, psycopg.connect(url, autocommit=True) as connection:
        for question in questions:
            assert connection.execute(question.encode()).description
