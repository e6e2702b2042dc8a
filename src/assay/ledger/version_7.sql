-- From version 6 to 7: what form of answer an attempt asked for.
alter table attempts add column form text;         -- NULL: a chat; else completion | embedding | count (of tokens)
