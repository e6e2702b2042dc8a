-- From version 5 to 6: whose requests they are, what an attempt was for, and money in whole picodollars.
alter table requests add column key_id text;
alter table requests add column team text;
alter table requests add column guarded text;      -- what guards did with it: allow | revise | refuse, and which
alter table attempts add column key_id text;
alter table attempts add column team text;
alter table attempts add column purpose text;      -- NULL: to answer; else shadow | audit | guard | judge | route
alter table attempts add column scopes text;       -- budgets that it counts for, beside that of everything: JSON

create table keys (                -- what clients show instead of a host's key
  id text primary key,
  created_at real not null,
  name text not null,
  hash text not null unique,        -- sha256 of the key, which is shown once and kept nowhere
  team text,
  expires_at real,
  revoked_at real,
  body blob not null                -- JSON: routes, label, kind, rate limits, budget
) strict;
