-- What the extension consists of: a change here is a change of the interface. Without the row
-- and array types that come with a table or type; PostgreSQL 18 counts them as members.
CREATE TEMP VIEW member AS
SELECT classid, objid, pg_describe_object(classid, objid, objsubid) COLLATE "C" AS member
  FROM pg_depend
 WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
   AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lotty')
   AND NOT (classid = 'pg_type'::regclass
            AND EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
                         WHERE t.oid = objid AND (t.typelem <> 0 OR c.relkind IN ('r', 'p', 'v'))));
SELECT member FROM member ORDER BY 1;

-- Everything that users see has a comment.
SELECT member AS without_comment FROM member
 WHERE obj_description(objid, classid::regclass::text) IS NULL ORDER BY 1;
SELECT attrelid::regclass AS of, attname AS without_comment
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relnamespace = 'lotty'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'c') AND attnum > 0
   AND col_description(attrelid, attnum) IS NULL
 ORDER BY 1, 2;

-- How functions may be used.
SELECT p.oid::regprocedure AS function,
       CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
       CASE proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END AS parallel,
       proisstrict AS strict, prosecdef AS definer, proconfig AS settings
  FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
 ORDER BY p.oid::regprocedure::text COLLATE "C";

-- pg_dump keeps the rows of every table; those of lotty.decision are in its partitions.
SELECT c.oid::regclass AS not_dumped
  FROM pg_class c
 WHERE relnamespace = 'lotty'::regnamespace AND relkind IN ('r', 'S')
   AND c.oid <> ALL (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'lotty')
 ORDER BY 1;

-- Settings; they are known once the library is loaded.
SELECT lotty_bucket('a', 'b', 'c') IS NOT NULL AS loaded;
SELECT name, setting, min_val, max_val, context FROM pg_settings WHERE name LIKE 'lotty.%' ORDER BY 1;
