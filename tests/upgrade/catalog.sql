-- Everything that the catalogs of a database say of the extension, without object ids: a line
-- `object, property, value` for each fact, so that two databases can be compared line by line.
-- What a fresh installation and an updated one may differ in is left out on purpose: the
-- version itself, gaps in the numbers of columns, and when a column was made.

SET search_path = '';

CREATE TEMP VIEW extension AS
    SELECT * FROM pg_catalog.pg_extension WHERE extname = 'lotty';

CREATE TEMP VIEW member AS
    SELECT d.classid, d.objid
      FROM pg_catalog.pg_depend d JOIN extension e ON e.oid = d.refobjid
     WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e';

-- The members and what goes with them: indexes, constraints, triggers, defaults, row types.
-- Tables for long values and triggers of foreign keys have names made of object ids.
CREATE TEMP VIEW part AS
    WITH RECURSIVE part (classid, objid) AS (
        SELECT classid, objid FROM member
        UNION
        SELECT d.classid, d.objid
          FROM part p JOIN pg_catalog.pg_depend d ON (d.refclassid, d.refobjid) = (p.classid, p.objid)
         WHERE d.deptype IN ('a', 'i', 'P', 'S')
    )
    SELECT p.classid, p.objid, i.type || ' ' || i.identity AS object
      FROM part p, pg_catalog.pg_identify_object(p.classid, p.objid, 0) AS i
     WHERE i.identity IS NOT NULL AND i.schema IS DISTINCT FROM 'pg_toast'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t
                        WHERE p.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
                          AND t.oid = p.objid AND t.tgisinternal);

CREATE FUNCTION pg_temp.objects(catalog regclass, OUT object text, OUT oid oid) RETURNS SETOF record
LANGUAGE sql AS 'SELECT object, objid FROM pg_temp.part WHERE classid = catalog';

CREATE FUNCTION pg_temp.acl(aclitem[]) RETURNS text LANGUAGE sql AS
$$ SELECT coalesce((SELECT string_agg(a::text, ' ' ORDER BY a::text COLLATE "C") FROM unnest($1) AS a), 'default') $$;

-- A line for each column of a row of a catalog, of those that are plain values.
CREATE FUNCTION pg_temp.line(object text, facts jsonb, OUT text, OUT text, OUT text) RETURNS SETOF record
LANGUAGE sql AS
$$ SELECT $1, key, coalesce(value, 'NULL') FROM jsonb_each_text($2) $$;

CREATE TEMP VIEW facts AS

-- What there is. An object of a kind that is not described below is a gap in this file.
SELECT object, jsonb_build_object('exists', CASE WHEN classid = ANY (ARRAY[
           'pg_aggregate', 'pg_am', 'pg_amop', 'pg_amproc', 'pg_attrdef', 'pg_cast', 'pg_class', 'pg_collation', 'pg_constraint',
           'pg_event_trigger', 'pg_namespace', 'pg_opclass', 'pg_operator', 'pg_opfamily', 'pg_policy', 'pg_proc', 'pg_rewrite',
           'pg_statistic_ext', 'pg_trigger', 'pg_type']::regclass[])
           THEN 'yes' ELSE 'NOT COMPARED' END,
           'member', (classid, objid) IN (SELECT m.classid, m.objid FROM member m)) AS facts
  FROM part

UNION ALL
SELECT 'extension', jsonb_build_object('schema', extnamespace::regnamespace, 'owner', extowner::regrole,
           'relocatable', extrelocatable)
  FROM extension

-- What pg_dump keeps the rows of. A table that is dropped leaves its registration behind
-- unless ALTER EXTENSION … DROP TABLE has taken it away.
UNION ALL
SELECT 'extension', jsonb_build_object('rows dumped of ' || coalesce(c.oid::regclass::text, 'a table that is gone'), d.condition)
  FROM extension e, unnest(e.extconfig, e.extcondition) AS d (oid, condition) LEFT JOIN pg_class c ON c.oid = d.oid

UNION ALL
SELECT o.object, jsonb_build_object('owner', n.nspowner::regrole, 'privileges', pg_temp.acl(n.nspacl))
  FROM pg_temp.objects('pg_namespace') o JOIN pg_namespace n USING (oid)

-- Tables, views, sequences, indexes, composite types.
UNION ALL
SELECT o.object, jsonb_build_object('owner', c.relowner::regrole, 'privileges', pg_temp.acl(c.relacl), 'kind', c.relkind,
           'persistence', c.relpersistence, 'options', c.reloptions, 'access method', a.amname, 'tablespace', c.reltablespace,
           'row security', c.relrowsecurity, 'forced row security', c.relforcerowsecurity, 'replica identity', c.relreplident,
           'partition bound', pg_get_expr(c.relpartbound, c.oid), 'partition key', pg_get_partkeydef(c.oid),
           'view', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
           'index', CASE WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid) END,
           'index state', CASE WHEN c.relkind IN ('i', 'I') THEN
               (SELECT concat_ws(' ', x.indisvalid, x.indisready, x.indisclustered, x.indisreplident, x.indimmediate)
                  FROM pg_index x WHERE x.indexrelid = c.oid) END,
           'inherits', (SELECT string_agg(h.inhparent::regclass::text, ' ' ORDER BY h.inhseqno)
                          FROM pg_inherits h WHERE h.inhrelid = c.oid),
           'statistics', (SELECT string_agg(pg_get_statisticsobjdef(s.oid), ' ' ORDER BY s.stxname) FROM pg_statistic_ext s
                           WHERE s.stxrelid = c.oid))
  FROM pg_temp.objects('pg_class') o JOIN pg_class c USING (oid) LEFT JOIN pg_am a ON a.oid = c.relam

-- Columns, by their place among those that are left. The option pg_attver is PostgreSQL's own mark of when a column was
-- made or changed, since 15.20 (ATTRIBUTE_VERSION_ATTOPTION in catalog/pg_attribute.h).
UNION ALL
SELECT o.object || ' column ' || a.attname, jsonb_build_object(
           'place', rank() OVER (PARTITION BY a.attrelid ORDER BY a.attnum),
           'type', format_type(a.atttypid, a.atttypmod), 'not null', a.attnotnull, 'default', pg_get_expr(d.adbin, d.adrelid),
           'collation', CASE WHEN a.attcollation <> 0 THEN a.attcollation::regcollation::text END, 'identity', a.attidentity,
           'generated', a.attgenerated, 'storage', a.attstorage, 'compression', a.attcompression,
           'statistics target', nullif(a.attstattarget, -1),
           'options', (SELECT string_agg(o, ' ' ORDER BY o) FROM unnest(a.attoptions) AS o WHERE o NOT LIKE 'pg_attver=%'),
           'privileges', pg_temp.acl(a.attacl))
  FROM pg_temp.objects('pg_class') o JOIN pg_class c ON c.oid = o.oid AND c.relkind NOT IN ('i', 'I')
  JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)

UNION ALL
SELECT o.object, jsonb_build_object('sequence', concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin,
           s.seqmax, s.seqcache, s.seqcycle),
           'owned by', (SELECT d.refobjid::regclass || '.' || a.attname
                          FROM pg_depend d JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
                         WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype IN ('a', 'i')
                           AND d.refclassid = 'pg_class'::regclass))
  FROM pg_temp.objects('pg_class') o JOIN pg_sequence s ON s.seqrelid = o.oid

UNION ALL
SELECT o.object, jsonb_build_object('definition', pg_get_constraintdef(c.oid), 'validated', c.convalidated,
           'local', c.conislocal, 'no inherit', c.connoinherit)
  FROM pg_temp.objects('pg_constraint') o JOIN pg_constraint c USING (oid)

UNION ALL
SELECT o.object, jsonb_build_object('definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled)
  FROM pg_temp.objects('pg_trigger') o JOIN pg_trigger t USING (oid)

-- The triggers that enforce foreign keys, by their constraints.
UNION ALL
SELECT o.object, jsonb_build_object('trigger ' || t.tgfoid::regproc || ' on ' || t.tgrelid::regclass, t.tgenabled)
  FROM pg_temp.objects('pg_constraint') o JOIN pg_trigger t ON t.tgconstraint = o.oid AND t.tgisinternal

UNION ALL
SELECT o.object, jsonb_build_object('definition', pg_get_ruledef(r.oid), 'enabled', r.ev_enabled)
  FROM pg_temp.objects('pg_rewrite') o JOIN pg_rewrite r USING (oid)

UNION ALL
SELECT o.object, jsonb_build_object('command', p.polcmd, 'permissive', p.polpermissive, 'using', pg_get_expr(p.polqual, p.polrelid),
           'check', pg_get_expr(p.polwithcheck, p.polrelid),
           'roles', (SELECT string_agg(r::regrole::text, ' ' ORDER BY r::regrole::text) FROM unnest(p.polroles) AS r))
  FROM pg_temp.objects('pg_policy') o JOIN pg_policy p USING (oid)

-- Functions: the definition has arguments, result, language, body, volatility, parallel safety,
-- strictness, security, cost, rows and settings.
UNION ALL
SELECT o.object, jsonb_build_object('owner', p.proowner::regrole, 'privileges', pg_temp.acl(p.proacl),
           'definition', CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END,
           'aggregate', (SELECT to_jsonb(a) - 'aggfnoid' || jsonb_build_object('aggtranstype', a.aggtranstype::regtype,
                                    'aggmtranstype', a.aggmtranstype::regtype, 'aggsortop', a.aggsortop::regoperator,
                                    'arguments', pg_get_function_arguments(p.oid), 'parallel', p.proparallel)
                           FROM pg_aggregate a WHERE a.aggfnoid = p.oid))
  FROM pg_temp.objects('pg_proc') o JOIN pg_proc p USING (oid)

UNION ALL
SELECT o.object, jsonb_build_object('owner', t.typowner::regrole, 'privileges', pg_temp.acl(t.typacl),
           'kind', concat_ws(' ', t.typtype, t.typcategory, t.typstorage), 'not null', t.typnotnull, 'default', t.typdefault,
           'base', CASE WHEN t.typbasetype <> 0 THEN format_type(t.typbasetype, t.typtypmod) END,
           'functions', concat_ws(' ', t.typinput, t.typoutput, t.typreceive, t.typsend),
           'labels', (SELECT string_agg(e.enumlabel, ' ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
           'range', (SELECT concat_ws(' ', r.rngsubtype::regtype, r.rngcanonical, r.rngsubdiff)
                       FROM pg_range r WHERE r.rngtypid = t.oid))
  FROM pg_temp.objects('pg_type') o JOIN pg_type t USING (oid)

UNION ALL
SELECT o.object, jsonb_build_object('cast', concat_ws(' ', c.castfunc::regprocedure, c.castcontext, c.castmethod))
  FROM pg_temp.objects('pg_cast') o JOIN pg_cast c USING (oid)

UNION ALL
SELECT o.object, jsonb_build_object('operator', concat_ws(' ', p.oprcode, p.oprcom::regoperator, p.oprnegate::regoperator,
           p.oprcanmerge, p.oprcanhash, p.oprrest, p.oprjoin), 'owner', p.oprowner::regrole)
  FROM pg_temp.objects('pg_operator') o JOIN pg_operator p USING (oid)

UNION ALL
SELECT o.object, jsonb_build_object('operator class', concat_ws(' ', c.opcintype::regtype, c.opcdefault, c.opckeytype::regtype))
  FROM pg_temp.objects('pg_opclass') o JOIN pg_opclass c USING (oid)

UNION ALL
SELECT o.object, jsonb_build_object('collation', to_jsonb(c) - 'oid' - 'collnamespace' - 'collowner')
  FROM pg_temp.objects('pg_collation') o JOIN pg_collation c USING (oid)

UNION ALL
SELECT o.object, jsonb_build_object('event', t.evtevent, 'enabled', t.evtenabled, 'tags', t.evttags, 'function', t.evtfoid::regprocedure)
  FROM pg_temp.objects('pg_event_trigger') o JOIN pg_event_trigger t USING (oid)

-- Comments, privileges at the end of the script (what pg_dump compares with), labels.
UNION ALL
SELECT p.object || coalesce(' column ' || a.attname, ''), jsonb_build_object('comment', d.description)
  FROM part p JOIN pg_description d ON (d.classoid, d.objoid) = (p.classid, p.objid)
  LEFT JOIN pg_attribute a ON d.objsubid > 0 AND (a.attrelid, a.attnum) = (d.objoid, d.objsubid)
UNION ALL
SELECT p.object || coalesce(' column ' || a.attname, ''), jsonb_build_object('privileges given by the extension', pg_temp.acl(i.initprivs))
  FROM part p JOIN pg_init_privs i ON (i.classoid, i.objoid) = (p.classid, p.objid)
  LEFT JOIN pg_attribute a ON i.objsubid > 0 AND (a.attrelid, a.attnum) = (i.objoid, i.objsubid)
UNION ALL
SELECT p.object, jsonb_build_object('label of ' || l.provider, l.label)
  FROM part p JOIN pg_seclabel l ON (l.classoid, l.objoid) = (p.classid, p.objid)

-- What an update has left behind: in a database with nothing but the extension, whatever is
-- neither PostgreSQL's own nor part of it.
UNION ALL
SELECT 'stray ' || i.type || ' ' || i.identity, '{"exists": "yes"}'
  FROM (SELECT 'pg_class'::regclass, oid, relnamespace::regnamespace::text FROM pg_class
        UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace::regnamespace::text FROM pg_proc
        UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace::regnamespace::text FROM pg_type
        UNION ALL SELECT 'pg_namespace'::regclass, oid, nspname FROM pg_namespace) AS s (classid, oid, schema),
       pg_identify_object(s.classid, s.oid, 0) AS i
 WHERE s.oid >= 16384 AND s.schema !~ '^pg_(temp|toast)'
   AND (s.classid, s.oid) NOT IN (SELECT classid, objid FROM part);

COPY (SELECT l.* FROM facts f, pg_temp.line(f.object, f.facts) AS l (object, property, value)
       ORDER BY l::text COLLATE "C") TO STDOUT;
