-- The ledger, version 7. Times are seconds since 1970 (UTC) or durations in seconds; money is USD.
-- NULL means not known, never 0.

create table sessions (            -- one process that writes here
  id text primary key,
  host text not null,
  pid integer not null,
  process_started_at real not null, -- with the pid: is that very process still alive?
  started_at real not null,
  closed_at real,
  ended text,                       -- closed | crashed
  folded integer not null default 0 -- entries of its journal that are in these tables
) strict;

create table requests (            -- one call of inference.generate
  id text primary key,
  session_id text not null,
  target text not null,             -- the route or deployment that was called
  kind text,
  label text not null,
  run_id text,
  sample_id text,
  started_at real not null,
  total_s real,
  outcome text not null,            -- answered | refused | failed | cancelled | waiting (for a batch)
  reason text,
  answered_by text,                 -- attempts.id
  deployment text,
  attempts integer not null,        -- how many rows below; what a budget refused before it was sent has none
  cached integer not null,
  cost_usd real,
  cost_basis text not null,         -- measured | bound | unknown | none
  engine_s real,
  why text,                         -- the reasons for who answered, the outermost route's first
  key_id text,                      -- keys.id: who asked
  team text,
  guarded text,                     -- what guards did with it: allow | revise | refuse, and which
  dealt text,                       -- JSON: which arms splits dealt it, and by what; NULL = no split was on its way
  response_id text                  -- what the host called its answer: clients have it in the body
) strict;

create table attempts (            -- one try at one deployment; the intent row is durable before the first byte
  id text primary key,
  request_id text not null,
  session_id text not null,
  path text not null,               -- place inside the request: 0, 1, 1.0 (nested route) ...
  run_id text,
  sample_id text,
  route text not null,
  deployment text not null,
  model text not null,
  dialect text not null,
  kind text,
  label text not null,
  started_at real not null,
  first_event_s real,
  total_s real,
  outcome text not null,            -- running | ok | error | cancelled | cached | lost
  error text,                       -- class in assay.errors
  message text,
  status integer,                   -- HTTP
  finish text,
  passed_through integer not null,
  input_tokens integer,             -- OpenAI's convention: includes cached, output includes reasoning;
                                    -- of an answer from the cache, those of the call that made it
  cached_tokens integer,
  cache_write_tokens integer,
  output_tokens integer,
  reasoning_tokens integer,
  engine_s real,                    -- CPU or GPU seconds of a local engine
  sent_bytes integer,
  received_bytes integer,
  provider_request_id text,
  reserved_usd real,
  cost_usd real,
  cost_basis text not null,         -- held | measured | bound | unknown | none
  why text,                         -- the reasons for this call, the outermost route's first
  emulated text,                    -- what its upstream was not told as the client said it, by commas
  shadow integer not null default 0, -- 1: for comparison only, its answer was shown to nobody
  continued_from text,              -- attempts.id: the one that broke off, whose answer this one goes on with
  batch_id text,                    -- batches.id: its answer comes with that one; '' = it has not been sent yet
  key_id text,                      -- keys.id: who asked
  team text,
  purpose text,                     -- NULL: to answer; else shadow | audit | guard | judge | route
  scopes text,                      -- lines of `spend` that it counts for, beside this month's of everything: JSON
  worth_usd real,                   -- of an answer from the cache: what the call that made it cost
  form text                         -- NULL: a chat; else completion | embedding | count (of tokens)
) strict;
create index attempts_by_request on attempts (request_id);
create index attempts_open on attempts (session_id) where outcome = 'running';
create index attempts_by_time on attempts (started_at);
create index attempts_by_batch on attempts (batch_id) where batch_id is not null;

create table spend (               -- what has been spent, in whole picodollars (1e-12 USD)
  scope text not null,              -- everything | key:ID | team:NAME | route:NAME | run:ID
  period text not null,             -- 2026-11-27 | 2026-11 | empty: all time
  settled_pico integer not null default 0,
  primary key (scope, period)
) strict, without rowid;

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

create table replies (             -- the spine's cache; may be deleted at any time
  key text primary key,
  created_at real not null,
  attempt_id text not null,
  response blob not null,
  route text,                       -- whose cache it is in; NULL = that of evals, which has no end
  expires_at real,
  bytes integer not null default 0
) strict, without rowid;
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

create table runs (                -- one execution of a suite against one target
  id text primary key,
  suite text not null,
  suite_digest text not null,
  target text not null,
  target_digest text not null,
  config_digest text not null,
  seed integer not null,
  created_at real not null,
  finished_at real,
  version text not null,
  harness text                      -- what made it where it is a public benchmark: lm-eval; NULL = a suite of ours
) strict;
create index runs_by_identity on runs (suite_digest, target, target_digest, seed);

create table results (             -- one answer to a sample of a run
  run_id text not null,
  sample_id text not null,
  repeat integer not null default 0, -- the same sample asked again: 1, 2 ...
  kind text not null,
  request_id text,
  value real,                       -- NULL = unscored, with the reason in `unscored`
  unscored text,
  scores blob not null,
  answer text,
  latency_s real,                   -- NULL for an answer from the cache
  engine_s real,
  cost_usd real,
  cost_basis text not null,
  cached integer not null,
  created_at real not null,
  grading_usd real,                 -- what its graders cost (judges); NULL = not known; not part of cost_usd
  batched integer not null default 0, -- 1: a model's answer came with a batch
  primary key (run_id, sample_id, repeat)
) strict, without rowid;

create table decisions (
  id text primary key,
  created_at real not null,
  suite text not null,
  body blob not null
) strict;

create table exchanges (           -- what was asked and answered, where its route keeps bodies
  request_id text primary key,
  created_at real not null,
  target text not null,
  kind text,
  label text not null,
  deployment text,
  redacted integer not null,        -- pieces of text that were taken out
  request blob not null,            -- JSON of the request, deflated
  answer text not null
) strict, without rowid;
create index exchanges_by_kind on exchanges (kind, created_at);

create table feedback (            -- what came of an answer
  id text primary key,
  request_id text not null,
  created_at real not null,
  verdict text,                     -- accepted | edited | rejected | preferred
  over_request_id text,             -- preferred: over this one
  metric text,                      -- an outcome that was measured, with its value
  value real,
  correction text,                  -- edited: what it became
  comment text
) strict;
create index feedback_by_request on feedback (request_id);

create table batches (             -- a job at a host that answers later, for less
  id text primary key,
  created_at real not null,
  deployment text not null,
  dialect text not null,
  provider_batch_id text,           -- NULL: the host has not acknowledged it
  state text not null,              -- sending | waiting | done | failed | cancelled
  items integer not null,
  body blob not null,               -- JSON: which attempt each item is
  session_id text not null,         -- who sent it
  ended_at real,
  message text                      -- why it came to nothing, or what was odd about it
) strict;

create table audits (              -- a judge against people and against answers that say nothing
  id text primary key,
  created_at real not null,
  judge text not null,
  judge_digest text not null,
  body blob not null                -- JSON
) strict;
create index audits_by_judge on audits (judge_digest, created_at);

create table measurements (        -- how fast a model ran on this machine, and in how much memory (`assay fit --measure`)
  id text primary key,
  created_at real not null,
  host text not null,               -- the machine's name
  model text not null,
  weights_sha256 text not null,
  quantisation text,
  engine text not null,             -- with its version
  context_tokens integer not null,  -- of each slot
  slots integer not null,
  threads integer not null,
  decode_tok_s real not null,
  prefill_tok_s real,
  memory_bytes integer,             -- largest resident memory of the engine
  answers integer not null,         -- that the rate is of
  disturbed integer not null        -- 1: other work slowed them; the rate is corrected for the processor time it took
) strict;
create index measurements_by_model on measurements (model, created_at);

create table locks (               -- every assay.lock that was written, so that one can be gone back to
  id text primary key,
  created_at real not null,
  route text not null,
  body blob not null,               -- JSON of the lock
  why text not null,                -- pin | migrate | rollback, and of what
  proven_at real,                   -- when it was last proved whole: by the decision behind it, or by `assay check`
  verdict text,                     -- of the last proof: holds | changed | regressed | open; NULL = not proved again yet
  checked_at real
) strict;
create index locks_by_route on locks (route, created_at);

create table observations (        -- one answer that `assay watch` asked for
  id text primary key,
  created_at real not null,
  target text not null,
  watch text not null,              -- digest of what is watched: target, items and their settings; a new one begins anew
  item text not null,               -- sample or border input
  kind text not null,               -- of work; empty for a border input
  what text not null,               -- canary | border
  value real,                       -- score of a canary; of a border input 1 = the usual answer, 0 = another
  answer_sha256 text,
  request_id text
) strict;
create index observations_by_watch on observations (watch, created_at);

create table alarms (              -- what `assay watch` has found; one is told once
  id text primary key,
  created_at real not null,
  target text not null,
  watch text not null,
  what text not null,               -- canary | border
  since real,                       -- when the change probably came
  body blob not null                -- JSON: the statistic, its threshold, the counts behind it
) strict;
create index alarms_by_target on alarms (target, created_at);

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
