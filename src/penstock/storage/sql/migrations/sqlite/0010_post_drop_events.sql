-- What happened is in the histories of executions, actions and rules; nothing ever read this beside them.
DROP TABLE events;
