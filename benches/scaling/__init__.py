"""What a number of servers on one PostgreSQL carry: a model, and what it says beside what is measured."""
