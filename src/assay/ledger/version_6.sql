-- From version 5 to 6: whose requests they are, what an attempt was for, and money in whole picodollars.
alter table sessions add column folded integer not null default 0; -- entries of its journal that are in these tables
alter table requests add column key_id text;
alter table requests add column team text;
alter table requests add column guarded text;      -- what guards did with it: allow | revise | refuse, and which
alter table requests add column dealt text;        -- JSON: which arms splits dealt it, and by what
alter table requests add column response_id text;  -- what the host called its answer: clients have it in the body
alter table attempts add column key_id text;
alter table attempts add column team text;
alter table attempts add column purpose text;      -- NULL: to answer; else shadow | audit | guard | judge | route
alter table attempts add column scopes text;       -- lines of `spend` that it counts for, beside this month's of everything: JSON
alter table attempts add column worth_usd real;    -- of an answer from the cache: what the call that made it cost

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

create table deals (               -- what splits dealt: of requests.dealt, a row for each
  route text not null,              -- whose split
  request_id text not null,
  version text not null,            -- of the split
  arm text not null,
  shares text not null,             -- JSON: of each arm that could have been dealt
  unit text not null,               -- digest of the session; the request's id where it had none
  sticky integer not null,          -- 1: it had a session
  beside integer not null,          -- 1: its arm gave no answer, and another was tried
  primary key (route, request_id)
) strict, without rowid;
create trigger requests_dealt after insert on requests when new.dealt is not null begin
  insert or replace into deals (route, request_id, version, arm, shares, unit, sticky, beside)
  select value ->> '$.route', new.id, value ->> '$.deal.version', value ->> '$.deal.arm', value ->> '$.deal.shares',
    coalesce(value ->> '$.deal.unit', new.id), value ->> '$.deal.unit' is not null, value ->> '$.left'
  from json_each(new.dealt);
end;

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

create table leases (              -- what of a budget is set aside: settled + all leases <= limit
  scope text not null,
  period text not null,
  session_id text not null,         -- who may hold and spend it
  pico integer not null default 0,  -- below 0: spent without a lease, since no limit was set
  wanted_pico integer not null default 0, -- so much more is waited for
  wanted_at real,                   -- since when
  asked_at real,                    -- when it was last asked for: who is gone asks no more
  primary key (scope, period, session_id)
) strict, without rowid;
create index leases_wanted on leases (asked_at) where wanted_pico > 0;
insert into leases (scope, period, session_id, pico)
  select 'everything', strftime('%Y-%m', started_at, 'unixepoch'), session_id,
    sum(cast(round(reserved_usd * 1e12) as integer))
  from attempts where outcome = 'running' and reserved_usd > 0 and batch_id is null group by 2, 3;
create table exact_spend (
  scope text not null,
  period text not null,
  settled_pico integer not null default 0,
  primary key (scope, period)
) strict, without rowid;
insert into exact_spend select scope, period, cast(round(settled_usd * 1e12) as integer) from spend;
drop table spend;
alter table exact_spend rename to spend;

create table comparisons (         -- two answers to one request: the client's, and one that a shadow or an audit asked for
  id text primary key,
  created_at real not null,
  request_id text not null,
  route text not null,
  kind text,
  label text not null,
  purpose text not null,            -- shadow | audit
  own text not null,                -- deployment whose answer the client had
  other text not null,              -- deployment or route that was asked beside
  verdict text not null,            -- same | differs | own | other | equal | unjudged | failed | unasked | observed
  decided_by text not null,         -- what said so: text | json | calls | check NAME | judge NAME | nobody
  reason text not null,
  own_usd real,
  other_usd real,                   -- of `observed`: what the same tokens would cost there
  judge_usd real,
  own_s real,
  other_s real,
  answer text                       -- the other's, as JSON without credentials, where its route keeps bodies
) strict;
create index comparisons_by_request on comparisons (request_id);
create index comparisons_by_route on comparisons (route, created_at);

alter table replies add column route text;         -- whose cache it is in; NULL = that of evals, which has no end
alter table replies add column expires_at real;
alter table replies add column bytes integer not null default 0;
create index replies_by_route on replies (route, expires_at) where route is not null;

create table caches (              -- how much the cache of each route holds
  route text primary key,
  bytes integer not null,
  answers integer not null
) strict, without rowid;
create trigger replies_come after insert on replies when new.route is not null begin
  insert into caches (route, bytes, answers) values (new.route, new.bytes, 1)
  on conflict (route) do update set bytes = bytes + new.bytes, answers = answers + 1;
end;
create trigger replies_go after delete on replies when old.route is not null begin
  update caches set bytes = bytes - old.bytes, answers = answers - 1 where route = old.route;
end;
