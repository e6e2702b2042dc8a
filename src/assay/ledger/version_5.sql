-- From version 4 to 5: locks that can be gone back to, and what `assay watch` sees.
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
