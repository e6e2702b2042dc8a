-- From version 1 to 2: why an attempt was made and what its upstream was not told; shadows; continued answers.
alter table requests add column why text;
alter table attempts add column why text;
alter table attempts add column emulated text;
alter table attempts add column shadow integer not null default 0;
alter table attempts add column continued_from text;
