-- The tables. Cheap invariants are constraints; what needs a look at another row, or a
-- better message, is in the triggers (30_checks.sql to 38_invalidation.sql). Each table is registered for pg_dump, which
-- otherwise leaves the rows of an extension's tables out.
SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE TABLE lotty.flag (
    flag_id       uuid        NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    key           text        NOT NULL,
    value_type    text        NOT NULL,
    default_value jsonb       NOT NULL,
    enabled       boolean     NOT NULL DEFAULT true,
    description   text        NOT NULL DEFAULT '',
    source        text,
    created_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT flag_pkey PRIMARY KEY (flag_id),
    CONSTRAINT flag_key_key UNIQUE (key),
    CONSTRAINT flag_key_check
        CHECK (pg_catalog.octet_length(key) BETWEEN 1 AND 512),
    CONSTRAINT flag_value_type_check
        CHECK (value_type IN ('boolean', 'string', 'number', 'json')),
    CONSTRAINT flag_default_value_check
        CHECK (value_type = 'json' OR pg_catalog.jsonb_typeof(default_value) = value_type)
);
COMMENT ON TABLE lotty.flag IS 'a flag: something that an application asks the value of';
COMMENT ON COLUMN lotty.flag.flag_id IS 'identifier; never changes';
COMMENT ON COLUMN lotty.flag.key IS 'the name that applications ask for, 1 to 512 bytes';
COMMENT ON COLUMN lotty.flag.value_type IS 'type of the default value and of every variant''s value: boolean, string, number or json (anything, also null)';
COMMENT ON COLUMN lotty.flag.default_value IS 'the answer when no variant is given';
COMMENT ON COLUMN lotty.flag.enabled IS 'kill switch: false answers the default value to everyone';
COMMENT ON COLUMN lotty.flag.description IS 'for people';
COMMENT ON COLUMN lotty.flag.source IS 'the import that owns the flag, such as optimizely:<project id>; NULL if it was made here';
COMMENT ON COLUMN lotty.flag.created_at IS 'time of the insert';
COMMENT ON COLUMN lotty.flag.updated_at IS 'time of the last change; kept by a trigger';
SELECT pg_catalog.pg_extension_config_dump('lotty.flag', '');

CREATE TABLE lotty.experiment (
    experiment_id      uuid        NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    flag_id            uuid,
    key                text        NOT NULL,
    kind               text        NOT NULL DEFAULT 'experiment',
    rank               integer     NOT NULL DEFAULT 0,
    status             text        NOT NULL DEFAULT 'draft',
    targeting          text        NOT NULL DEFAULT '',
    traffic_allocation numeric     NOT NULL DEFAULT 100,
    bucketing          text        NOT NULL DEFAULT 'lotty_sha256',
    hash_key           text,
    traffic_ranges     jsonb,
    sticky             boolean     NOT NULL DEFAULT false,
    exempt_from_limits boolean     NOT NULL DEFAULT false,
    description        text        NOT NULL DEFAULT '',
    source             text,
    version            integer     NOT NULL DEFAULT 1,
    created_at         timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at         timestamptz NOT NULL DEFAULT pg_catalog.now(),
    submitted_at       timestamptz,
    approved_at        timestamptz,
    rejected_at        timestamptz,
    started_at         timestamptz,
    paused_at          timestamptz,
    completed_at       timestamptz,
    archived_at        timestamptz,
    winner_id          uuid,
    submitted_by       text,
    approved_by        text,
    CONSTRAINT experiment_pkey PRIMARY KEY (experiment_id),
    CONSTRAINT experiment_key_key UNIQUE (key),
    CONSTRAINT experiment_flag_id_fkey
        FOREIGN KEY (flag_id) REFERENCES lotty.flag (flag_id) ON DELETE CASCADE,
    CONSTRAINT experiment_key_check
        CHECK (pg_catalog.octet_length(key) BETWEEN 1 AND 512),
    CONSTRAINT experiment_kind_check CHECK (kind IN ('experiment', 'rollout')),
    CONSTRAINT experiment_status_check
        CHECK (status IN ('draft', 'in_review', 'approved', 'rejected',
                          'running', 'paused', 'completed', 'archived')),
    CONSTRAINT experiment_targeting_check
        CHECK (pg_catalog.octet_length(targeting) <= 16384),
    -- At most ten decimals: what the engine computes with exactly.
    CONSTRAINT experiment_traffic_allocation_check
        CHECK (traffic_allocation BETWEEN 0 AND 100
               AND pg_catalog.scale(traffic_allocation) <= 10),
    CONSTRAINT experiment_hash_key_check
        CHECK (pg_catalog.octet_length(hash_key) <= 512),
    CONSTRAINT experiment_bucketing_check
        CHECK (bucketing IN ('lotty_sha256', 'optimizely_murmur3')),
    CONSTRAINT experiment_traffic_ranges_check
        CHECK ((bucketing = 'optimizely_murmur3') = (traffic_ranges IS NOT NULL)),
    CONSTRAINT experiment_sticky_check CHECK (kind = 'experiment' OR NOT sticky),
    CONSTRAINT experiment_winner_id_check
        CHECK (winner_id IS NULL OR status IN ('completed', 'archived')),
    CONSTRAINT experiment_version_check CHECK (version >= 1)
);
COMMENT ON TABLE lotty.experiment IS 'an experiment or a rollout rule of a flag: whom it is for, how much of the traffic, and its life cycle';
COMMENT ON COLUMN lotty.experiment.experiment_id IS 'identifier; never changes';
COMMENT ON COLUMN lotty.experiment.flag_id IS 'the flag; never changes, unless an import owns the experiment. NULL means that it has no flag and can only be asked for by itself';
COMMENT ON COLUMN lotty.experiment.key IS 'the name that people and reports use, 1 to 512 bytes';
COMMENT ON COLUMN lotty.experiment.kind IS 'experiment, or rollout: a rule that gives a variant to whom no experiment did, without limits and ledger; never changes';
COMMENT ON COLUMN lotty.experiment.rank IS 'order among the experiments, or the rollout rules, of the flag, ascending (ties: by key); the first that assigns the subject wins';
COMMENT ON COLUMN lotty.experiment.status IS 'draft, in_review, approved, rejected, running, paused, completed or archived; only running ones decide';
COMMENT ON COLUMN lotty.experiment.targeting IS 'rule over the subject''s attributes; empty means everyone';
COMMENT ON COLUMN lotty.experiment.traffic_allocation IS 'part of the subjects that takes part, in percent (0 to 100)';
COMMENT ON COLUMN lotty.experiment.bucketing IS 'how subjects fall into buckets: lotty_sha256 (traffic_allocation and weights count) or optimizely_murmur3 (traffic_ranges count)';
COMMENT ON COLUMN lotty.experiment.hash_key IS 'what is hashed together with the subject; NULL means the text of experiment_id';
COMMENT ON COLUMN lotty.experiment.traffic_ranges IS 'for optimizely_murmur3: an array of {"end_of_range": 0 to 10000, "variant_id": id or null}; the first range whose end exceeds the subject''s bucket counts';
COMMENT ON COLUMN lotty.experiment.sticky IS 'who is in stays in, with the variant given first: targeting, limits, domains, traffic and weights gate entry only';
COMMENT ON COLUMN lotty.experiment.exempt_from_limits IS 'participation neither limits nor counts it: no slot is taken, and unless it is sticky the ledger is not used';
COMMENT ON COLUMN lotty.experiment.description IS 'for people';
COMMENT ON COLUMN lotty.experiment.source IS 'the import that owns the experiment, whose statuses the life cycle does not bind; NULL if it was made here';
COMMENT ON COLUMN lotty.experiment.version IS 'raised by every change; kept by a trigger';
COMMENT ON COLUMN lotty.experiment.created_at IS 'time of the insert';
COMMENT ON COLUMN lotty.experiment.updated_at IS 'time of the last change; kept by a trigger';
COMMENT ON COLUMN lotty.experiment.submitted_at IS 'when it last became in_review; kept by a trigger';
COMMENT ON COLUMN lotty.experiment.approved_at IS 'when it last became approved; kept by a trigger';
COMMENT ON COLUMN lotty.experiment.rejected_at IS 'when it last became rejected; kept by a trigger';
COMMENT ON COLUMN lotty.experiment.started_at IS 'when it first became running; NULL means that it never ran; kept by a trigger';
COMMENT ON COLUMN lotty.experiment.paused_at IS 'when it last became paused; kept by a trigger';
COMMENT ON COLUMN lotty.experiment.completed_at IS 'when it became completed; kept by a trigger';
COMMENT ON COLUMN lotty.experiment.archived_at IS 'when it became archived; kept by a trigger';
COMMENT ON COLUMN lotty.experiment.winner_id IS 'the variant that won, once it is completed; without a foreign key, which no order of tables in a dump could satisfy';
COMMENT ON COLUMN lotty.experiment.submitted_by IS 'the role that logged in (session_user) when it last became in_review: its author, who cannot approve it while lotty.require_review is on; kept by a trigger';
COMMENT ON COLUMN lotty.experiment.approved_by IS 'the role that logged in when it last became approved; kept by a trigger';
-- Finds a flag's experiments when the flag is compiled or deleted.
CREATE INDEX experiment_flag_id_idx ON lotty.experiment (flag_id);
SELECT pg_catalog.pg_extension_config_dump('lotty.experiment', '');

CREATE TABLE lotty.experiment_flag (
    flag_id       uuid    NOT NULL,
    experiment_id uuid    NOT NULL,
    rank          integer NOT NULL DEFAULT 0,
    CONSTRAINT experiment_flag_pkey PRIMARY KEY (flag_id, experiment_id),
    CONSTRAINT experiment_flag_flag_id_fkey
        FOREIGN KEY (flag_id) REFERENCES lotty.flag (flag_id) ON DELETE CASCADE,
    CONSTRAINT experiment_flag_experiment_id_fkey
        FOREIGN KEY (experiment_id) REFERENCES lotty.experiment (experiment_id) ON DELETE CASCADE
);
COMMENT ON TABLE lotty.experiment_flag IS 'a further flag that an experiment or a rollout rule decides, beside lotty.experiment.flag_id: a subject has one variant, and each flag a value of its own for it';
COMMENT ON COLUMN lotty.experiment_flag.flag_id IS 'the flag';
COMMENT ON COLUMN lotty.experiment_flag.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.experiment_flag.rank IS 'order among the experiments of this flag';
-- Finds the further flags of an experiment that is deleted.
CREATE INDEX experiment_flag_experiment_id_idx ON lotty.experiment_flag (experiment_id);
SELECT pg_catalog.pg_extension_config_dump('lotty.experiment_flag', '');

CREATE TABLE lotty.variant (
    variant_id    uuid    NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    experiment_id uuid    NOT NULL,
    name          text    NOT NULL,
    value         jsonb   NOT NULL,
    weight        numeric NOT NULL DEFAULT 1,
    is_control    boolean NOT NULL DEFAULT false,
    is_retired    boolean NOT NULL DEFAULT false,
    rank          integer NOT NULL,
    CONSTRAINT variant_pkey PRIMARY KEY (variant_id),
    CONSTRAINT variant_experiment_id_name_key UNIQUE (experiment_id, name),
    CONSTRAINT variant_experiment_id_fkey
        FOREIGN KEY (experiment_id) REFERENCES lotty.experiment (experiment_id) ON DELETE CASCADE,
    CONSTRAINT variant_name_check
        CHECK (pg_catalog.octet_length(name) BETWEEN 1 AND 512),
    -- Bounds within which cumulated weights are exact (lotty_core::allocation).
    CONSTRAINT variant_weight_check
        CHECK (weight >= 0 AND weight < 1000000000000 AND pg_catalog.scale(weight) <= 8)
);
COMMENT ON TABLE lotty.variant IS 'a variant of an experiment: a value, and how often it is given';
COMMENT ON COLUMN lotty.variant.variant_id IS 'identifier; never changes';
COMMENT ON COLUMN lotty.variant.experiment_id IS 'the experiment; never changes';
COMMENT ON COLUMN lotty.variant.name IS 'unique in the experiment; variants share the buckets in order of their names by code point, so that renaming moves subjects';
COMMENT ON COLUMN lotty.variant.value IS 'the answer; must be of the flag''s value_type';
COMMENT ON COLUMN lotty.variant.weight IS 'share of the traffic relative to the other weights: 1/1/1 and 500/500 are fine. With traffic_ranges those count instead';
COMMENT ON COLUMN lotty.variant.is_control IS 'the variant that the others are compared with; at most one';
COMMENT ON COLUMN lotty.variant.is_retired IS 'given to nobody any more, not even to those who had it; kept because decisions refer to it';
COMMENT ON COLUMN lotty.variant.rank IS 'order in which the variants were added, unless given; if all weights are 0 the last one is given';
CREATE UNIQUE INDEX variant_control_idx ON lotty.variant (experiment_id) WHERE is_control;
SELECT pg_catalog.pg_extension_config_dump('lotty.variant', '');

CREATE TABLE lotty.variant_value (
    variant_id uuid  NOT NULL,
    flag_id    uuid  NOT NULL,
    value      jsonb NOT NULL,
    CONSTRAINT variant_value_pkey PRIMARY KEY (variant_id, flag_id),
    CONSTRAINT variant_value_variant_id_fkey
        FOREIGN KEY (variant_id) REFERENCES lotty.variant (variant_id) ON DELETE CASCADE,
    CONSTRAINT variant_value_flag_id_fkey
        FOREIGN KEY (flag_id) REFERENCES lotty.flag (flag_id) ON DELETE CASCADE
);
COMMENT ON TABLE lotty.variant_value IS 'the value of a variant for a further flag of its experiment; without a row it is that of the variant or, if that is not of the flag''s value_type, the flag''s default value';
COMMENT ON COLUMN lotty.variant_value.variant_id IS 'the variant';
COMMENT ON COLUMN lotty.variant_value.flag_id IS 'the flag';
COMMENT ON COLUMN lotty.variant_value.value IS 'the answer for this flag; must be of its value_type';
-- Finds the values of a flag that is compiled or deleted.
CREATE INDEX variant_value_flag_id_idx ON lotty.variant_value (flag_id);
SELECT pg_catalog.pg_extension_config_dump('lotty.variant_value', '');

-- Millions of rows are possible (a whitelist), so the subject comes first: all decisions
-- search for one subject, as does whoever forgets it.
CREATE TABLE lotty.override (
    subject_id    text        NOT NULL COLLATE pg_catalog."C",
    experiment_id uuid        NOT NULL,
    kind          text        NOT NULL DEFAULT 'forced',
    variant_id    uuid        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT override_pkey PRIMARY KEY (subject_id, experiment_id, kind),
    CONSTRAINT override_experiment_id_fkey
        FOREIGN KEY (experiment_id) REFERENCES lotty.experiment (experiment_id) ON DELETE CASCADE,
    CONSTRAINT override_variant_id_fkey
        FOREIGN KEY (variant_id) REFERENCES lotty.variant (variant_id) ON DELETE CASCADE,
    CONSTRAINT override_kind_check CHECK (kind IN ('forced', 'whitelist')),
    CONSTRAINT override_subject_id_check CHECK (pg_catalog.octet_length(subject_id) <= 512)
);
COMMENT ON TABLE lotty.override IS 'a variant given to one subject by hand: it comes before targeting, limits, domains and traffic, but only while the experiment is running';
COMMENT ON COLUMN lotty.override.subject_id IS 'the subject, at most 512 bytes';
COMMENT ON COLUMN lotty.override.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.override.kind IS 'forced (lotty_force) comes before whitelist (an import keeps those of its experiments)';
COMMENT ON COLUMN lotty.override.variant_id IS 'the variant; must be one of the experiment. While it is retired the override does not count';
COMMENT ON COLUMN lotty.override.created_at IS 'time of the insert';
-- Whether an experiment has any, when its flag is compiled; and what an import replaces.
CREATE INDEX override_experiment_id_idx ON lotty.override (experiment_id);
-- Found when a variant is deleted.
CREATE INDEX override_variant_id_idx ON lotty.override (variant_id);
SELECT pg_catalog.pg_extension_config_dump('lotty.override', '');

CREATE TABLE lotty.audience (
    name        text        NOT NULL,
    targeting   text        NOT NULL,
    description text        NOT NULL DEFAULT '',
    source      text,
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT audience_pkey PRIMARY KEY (name),
    CONSTRAINT audience_name_check
        CHECK (pg_catalog.octet_length(name) BETWEEN 1 AND 512),
    CONSTRAINT audience_targeting_check
        CHECK (pg_catalog.octet_length(targeting) <= 16384)
);
COMMENT ON TABLE lotty.audience IS 'a named targeting rule, used in other rules as audience("name")';
COMMENT ON COLUMN lotty.audience.name IS 'the name, 1 to 512 bytes';
COMMENT ON COLUMN lotty.audience.targeting IS 'rule over the subject''s attributes; empty means everyone';
COMMENT ON COLUMN lotty.audience.description IS 'for people';
COMMENT ON COLUMN lotty.audience.source IS 'the import that owns the audience; NULL if it was made here';
COMMENT ON COLUMN lotty.audience.created_at IS 'time of the insert';
COMMENT ON COLUMN lotty.audience.updated_at IS 'time of the last change; kept by a trigger';
SELECT pg_catalog.pg_extension_config_dump('lotty.audience', '');

CREATE TABLE lotty.conflict_domain (
    domain_id      uuid        NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    key            text        NOT NULL,
    policy         text        NOT NULL DEFAULT 'mutual_exclusion',
    hash_key       text,
    traffic_ranges jsonb,
    description    text        NOT NULL DEFAULT '',
    source         text,
    created_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT conflict_domain_pkey PRIMARY KEY (domain_id),
    CONSTRAINT conflict_domain_key_key UNIQUE (key),
    CONSTRAINT conflict_domain_key_check
        CHECK (pg_catalog.octet_length(key) BETWEEN 1 AND 512),
    CONSTRAINT conflict_domain_policy_check
        CHECK (policy IN ('mutual_exclusion', 'weighted', 'priority', 'optimizely_group')),
    CONSTRAINT conflict_domain_hash_key_check
        CHECK (pg_catalog.octet_length(hash_key) <= 512),
    CONSTRAINT conflict_domain_traffic_ranges_check
        CHECK ((policy = 'optimizely_group') = (traffic_ranges IS NOT NULL))
);
COMMENT ON TABLE lotty.conflict_domain IS 'a set of experiments of which a subject is in at most one';
COMMENT ON COLUMN lotty.conflict_domain.domain_id IS 'identifier';
COMMENT ON COLUMN lotty.conflict_domain.key IS 'the name that people use, 1 to 512 bytes';
COMMENT ON COLUMN lotty.conflict_domain.policy IS 'who gets a subject that is in none of the members yet: mutual_exclusion (equal shares), weighted (shares by weight) priority (the highest priority whose targeting admits the subject) or optimizely_group (by traffic_ranges, whatever the subject is in)';
COMMENT ON COLUMN lotty.conflict_domain.hash_key IS 'for optimizely_group: what is hashed together with the subject; NULL means the text of domain_id';
COMMENT ON COLUMN lotty.conflict_domain.traffic_ranges IS 'for optimizely_group: an array of {"end_of_range": 0 to 10000, "experiment_id": id or null}; the first range whose end exceeds the subject''s bucket counts';
COMMENT ON COLUMN lotty.conflict_domain.description IS 'for people';
COMMENT ON COLUMN lotty.conflict_domain.source IS 'the import that owns the domain; NULL if it was made here';
COMMENT ON COLUMN lotty.conflict_domain.created_at IS 'time of the insert';
COMMENT ON COLUMN lotty.conflict_domain.updated_at IS 'time of the last change; kept by a trigger';
SELECT pg_catalog.pg_extension_config_dump('lotty.conflict_domain', '');

CREATE TABLE lotty.experiment_conflict_domain (
    domain_id     uuid    NOT NULL,
    experiment_id uuid    NOT NULL,
    priority      integer NOT NULL DEFAULT 0,
    weight        numeric NOT NULL DEFAULT 1,
    CONSTRAINT experiment_conflict_domain_pkey PRIMARY KEY (domain_id, experiment_id),
    CONSTRAINT experiment_conflict_domain_domain_id_fkey
        FOREIGN KEY (domain_id) REFERENCES lotty.conflict_domain (domain_id) ON DELETE CASCADE,
    CONSTRAINT experiment_conflict_domain_experiment_id_fkey
        FOREIGN KEY (experiment_id) REFERENCES lotty.experiment (experiment_id) ON DELETE CASCADE,
    CONSTRAINT experiment_conflict_domain_weight_check
        CHECK (weight >= 0 AND weight < 1000000000000 AND pg_catalog.scale(weight) <= 8)
);
COMMENT ON TABLE lotty.experiment_conflict_domain IS 'an experiment as a member of a conflict domain; it may be in several';
COMMENT ON COLUMN lotty.experiment_conflict_domain.domain_id IS 'the domain';
COMMENT ON COLUMN lotty.experiment_conflict_domain.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.experiment_conflict_domain.priority IS 'rank under the policy priority; the highest wins, ties are shared';
COMMENT ON COLUMN lotty.experiment_conflict_domain.weight IS 'share under the policy weighted, relative to the other members'' weights; 0 never wins';
-- Finds an experiment's domains when its flag is compiled, or when it is deleted.
CREATE INDEX experiment_conflict_domain_experiment_id_idx
    ON lotty.experiment_conflict_domain (experiment_id);
SELECT pg_catalog.pg_extension_config_dump('lotty.experiment_conflict_domain', '');

-- The ledger. No foreign key to lotty.experiment: it would lock the experiment's row at
-- every new assignment, and an experiment that has run cannot be deleted anyway.
-- Collation "C" on the subject: the index is only ever searched for equality, byte order is
-- the cheapest, and a new version of the C library cannot put the index out of order.
CREATE TABLE lotty.assignment (
    subject_id    text        NOT NULL COLLATE pg_catalog."C",
    experiment_id uuid        NOT NULL,
    variant_id    uuid,
    slot          smallint,
    assigned_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    displaced_at  timestamptz,
    -- With all other columns, so that a decision reads a subject's page of the ledger in the index
    -- alone, where its rows are neighbours.
    CONSTRAINT assignment_pkey PRIMARY KEY (subject_id, experiment_id)
        INCLUDE (variant_id, slot, assigned_at, displaced_at),
    CONSTRAINT assignment_subject_id_slot_key UNIQUE (subject_id, slot),
    CONSTRAINT assignment_slot_check CHECK (slot >= 1),
    CONSTRAINT assignment_displaced_at_check CHECK (displaced_at IS NULL OR slot IS NULL)
);
COMMENT ON TABLE lotty.assignment IS 'the ledger: a subject''s membership of an experiment';
COMMENT ON COLUMN lotty.assignment.subject_id IS 'the subject';
COMMENT ON COLUMN lotty.assignment.experiment_id IS 'the experiment';
COMMENT ON COLUMN lotty.assignment.variant_id IS 'the variant given last';
COMMENT ON COLUMN lotty.assignment.slot IS 'which of the subject''s places among the concurrent experiments this takes; NULL once the experiment has ended and the place was released. Being unique it makes the limit hold under any concurrency';
COMMENT ON COLUMN lotty.assignment.assigned_at IS 'when the subject entered the experiment';
COMMENT ON COLUMN lotty.assignment.displaced_at IS 'when a merge of subjects left no slot for it; NULL otherwise. The membership counts for nothing then; entering the experiment again replaces it';
SELECT pg_catalog.pg_extension_config_dump('lotty.assignment', '');

SET LOCAL search_path TO @extschema@, pg_temp;
