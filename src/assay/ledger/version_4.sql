-- From version 3 to 4: how fast models ran here, and in how much memory.
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
  answers integer not null,         -- that the medians are of
  disturbed integer not null        -- 1: other work took processor time from it; the rates are corrected for that
) strict;
create index measurements_by_model on measurements (model, created_at);
