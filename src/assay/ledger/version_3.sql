-- From version 2 to 3: repeats, public benchmarks, bodies, feedback, batches, audits of judges.
alter table runs add column harness text;
alter table attempts add column batch_id text;
create index attempts_by_batch on attempts (batch_id) where batch_id is not null;
create table repeated_results (
  run_id text not null,
  sample_id text not null,
  repeat integer not null default 0,
  kind text not null,
  request_id text,
  value real,
  unscored text,
  scores blob not null,
  answer text,
  latency_s real,
  engine_s real,
  cost_usd real,
  cost_basis text not null,
  cached integer not null,
  created_at real not null,
  grading_usd real,
  batched integer not null default 0,
  primary key (run_id, sample_id, repeat)
) strict, without rowid;
insert into repeated_results
  select run_id, sample_id, 0, kind, request_id, value, unscored, scores, answer, latency_s, engine_s, cost_usd,
    cost_basis, cached, created_at, 0, 0 from results;
drop table results;
alter table repeated_results rename to results;
create table exchanges (
  request_id text primary key,
  created_at real not null,
  target text not null,
  kind text,
  label text not null,
  deployment text,
  redacted integer not null,
  request blob not null,
  answer text not null
) strict, without rowid;
create index exchanges_by_kind on exchanges (kind, created_at);

create table feedback (
  id text primary key,
  request_id text not null,
  created_at real not null,
  verdict text,
  over_request_id text,
  metric text,
  value real,
  correction text,
  comment text
) strict;
create index feedback_by_request on feedback (request_id);

create table batches (
  id text primary key,
  created_at real not null,
  deployment text not null,
  dialect text not null,
  provider_batch_id text,
  state text not null,
  items integer not null,
  body blob not null,
  session_id text not null,
  ended_at real,
  message text
) strict;

create table audits (
  id text primary key,
  created_at real not null,
  judge text not null,
  judge_digest text not null,
  body blob not null
) strict;
create index audits_by_judge on audits (judge_digest, created_at);
