-- From version 5 to 6: whose requests they are, what an attempt was for, and money in whole picodollars.
alter table requests add column key_id text;
alter table requests add column team text;
alter table requests add column guarded text;      -- what guards did with it: allow | revise | refuse, and which
alter table requests add column dealt text;        -- JSON: which arms splits dealt it, and by what
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
create index keys_revoked on keys (revoked_at) where revoked_at is not null;

create table alerts (              -- what a webhook was told, or is to be told
  id text primary key,
  created_at real not null,
  what text not null,               -- budget | breaker | drift | retirement
  about text not null,              -- of what: budget:everything:2026-11:0.9; each is told once
  body blob not null,               -- JSON, as it is sent
  tries integer not null default 0,
  next_at real not null,            -- when it may be tried again; whoever tries it puts that off before
  told_at real,                     -- NULL: not yet
  error text                        -- why the last try failed
) strict;
create index alerts_by_about on alerts (about, created_at);
create index alerts_open on alerts (next_at) where told_at is null;

create table rollouts (            -- a guarded rollout of one arm of a split; the newest of a route counts
  id text primary key,              -- also the version of the split while it counts
  created_at real not null,
  route text not null,
  old text not null,
  new text not null,
  state text not null,              -- running | paused | done | rolled-back | aborted | ended
  stage integer not null,           -- from 0
  share real not null,              -- of the traffic that the new arm gets
  moved_at real not null,           -- when this stage began
  body blob not null                -- JSON: stages and limits
) strict;
create index rollouts_by_route on rollouts (route, created_at);

create table rollout_moves (       -- how rollouts came to be where they are
  id text primary key,
  created_at real not null,
  rollout_id text not null,
  move text not null,               -- start | advance | finish | roll-back | pause | resume | abort | end
  share real not null,              -- from now on
  who text not null,                -- a gateway, or a person
  why text not null,
  body blob not null                -- JSON: the evidence
) strict;
create index rollout_moves_by_rollout on rollout_moves (rollout_id, created_at);
